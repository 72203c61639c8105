//! What members decide by: motions in commits, reports, rival commits; and how they come back: requests, calls, bearings, kits.

use crate::fixture::{self, fixture, seeded};
use twiza_crypto::bearings::Bearings;
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::Group;
use twiza_crypto::kit::Kit;
use twiza_crypto::missed::Missed;
use twiza_crypto::motion::Enactment;
use twiza_crypto::rejoin::{RebootCall, RejoinRequest};
use twiza_crypto::report::{Report, Word};
use twiza_crypto::rival::Rival;
use twiza_crypto::{GroupState, fuzzing};

/// Whether these are the octets of a seed: of what is signed or sealed, nothing else may be accepted.
fn is_seed(target: &str, data: &[u8]) -> bool {
    crate::seeds::stored(target).iter().any(|seed| seed == data)
}

fn member() -> Group {
    Group::load(GroupState::from_entries(fixture().receiver.clone()), &seeded(1)).expect("a stored group")
}

/// A motion and its approvals, in a commit's authenticated data.
pub fn enactment(data: &[u8]) -> bool {
    let Ok(enactment) = Enactment::decode(data) else { return false };
    assert_eq!(enactment.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    let approvals = enactment.approvals.len();
    let verified = enactment.verify(&member().alliance().id).is_ok();
    assert!(!verified || approvals == 0 || is_seed("enactment", data), "a forged approval");
    true
}

/// A member's word on a commit.
pub fn report(data: &[u8]) -> bool {
    let Ok(report) = Report::decode(data) else { return false };
    assert_eq!(report.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    let roster = member().roster().expect("a roster");
    let by_somebody =
        [Word::CannotFollow, Word::Followed].map(|word| report.verify(word, &roster, &fixture().mailbox()).is_ok());
    assert!(by_somebody == [false, false] || is_seed("report", data), "a forged report");
    by_somebody.contains(&true)
}

/// A member's word on frames that others have not read.
pub fn missed(data: &[u8]) -> bool {
    let Ok(missed) = Missed::decode(data) else { return false };
    assert_eq!(missed.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    let roster = member().roster().expect("a roster");
    let by_somebody = missed.verify(&roster, &fixture().mailbox()).is_ok();
    assert!(!by_somebody || is_seed("missed", data), "a forged word");
    by_somebody
}

/// A commit that the relay had taken before another.
pub fn rival(data: &[u8]) -> bool {
    let Ok(rival) = Rival::decode(data) else { return false };
    assert_eq!(rival.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    let relay = fixture::relay();
    let keys = member().epoch_keys(relay.key(), Branch::default()).expect("a member");
    // Neither the branch's number nor how often a frame stands there is signed: what counts is which commit it shows.
    let Ok((commit, _)) = rival.open(relay.key(), &keys.mailbox.address(), &keys.frame) else { return false };
    assert_eq!(commit, fixture().commit, "a rival without the relay's word");
    true
}

/// What somebody left in a recovery mailbox, under its seal.
pub fn note(data: &[u8]) -> bool {
    let Ok(note) = fuzzing::decode_note(data) else { return false };
    assert_eq!(fuzzing::encode_note(&note).expect("what was read can be written"), data, "a second encoding");
    true
}

/// A request to come back.
pub fn rejoin_request(data: &[u8]) -> bool {
    let accepted = RejoinRequest::verify(data).is_ok();
    assert!(!accepted || is_seed("rejoin_request", data), "a forged request");
    accepted
}

/// An organiser's call after a reboot.
pub fn reboot_call(data: &[u8]) -> bool {
    let accepted = RebootCall::verify(data).is_ok();
    assert!(!accepted || is_seed("reboot_call", data), "a forged call");
    accepted
}

/// What is kept of an alliance whose keys are lost.
pub fn bearings(data: &[u8]) -> bool {
    let Ok(bearings) = Bearings::decode(data) else { return false };
    assert_eq!(bearings.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    true
}

/// A recovery kit's file. What a guess costs is bounded here: a file may ask for gigabytes.
pub fn kit(data: &[u8]) -> bool {
    let mut octets = data.to_vec();
    for (place, limit) in [(12, 64_u32), (16, 2)] {
        let Some(field) = octets.get_mut(place..place + 4) else { break };
        let asked = u32::from_be_bytes(field.try_into().unwrap_or_default());
        field.copy_from_slice(&asked.min(limit).to_be_bytes());
    }
    let opened = Kit::open(&octets, fixture::PASSPHRASE).is_ok();
    assert!(!opened || is_seed("kit", &octets), "a forged kit");
    opened
}
