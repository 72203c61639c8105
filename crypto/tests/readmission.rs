//! Coming back with new keys: what is permitted, what cheats try, and the notes by which it is arranged.

mod support;

use support::{Party, alliance_of, as_organiser, pass, reenters, returning};
use twiza_crypto::CryptoError;
use twiza_crypto::alliance::{AllianceId, Role};
use twiza_crypto::bearings::Bearings;
use twiza_crypto::group::commit::Change;
use twiza_crypto::group::restore::Expected;
use twiza_crypto::identity::Identity;
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::judge::Refusal;
use twiza_crypto::kit::{Kit, KitAlliance};
use twiza_crypto::rejoin::{Note, RebootCall, RejoinRequest};
use twiza_crypto::vault::VaultCost;
use twiza_protocol::ExpiryDay;

fn expected<'a>(alliance: &'a AllianceId, organisers: &'a [Identity]) -> Expected<'a> {
    Expected { alliance, generation_min: 0, organisers }
}

/// An alliance of three and the third of them coming back: who is there, the request, and the Welcome.
fn welcomed() -> (Vec<Party>, Party, Vec<u8>) {
    let mut parties = alliance_of(3);
    let (returning, request, _) = returning(&parties[2], "Person 2", "Organisation 2");
    let welcome =
        pass(&mut parties, 0, &Change::Readmit(vec![(request, Role::Organiser)])).expect("an organiser readmits");
    (parties, returning, welcome.expect("a Welcome"))
}

#[test]
fn a_member_comes_back_with_new_keys_to_its_own_seat() {
    let (mut parties, mut returning, welcome) = welcomed();
    let (id, organiser) = (parties[0].group().alliance().id, parties[0].identity());
    assert!(!parties[2].group().is_active(), "the old leaf is out");
    reenters(&mut returning, &welcome, &expected(&id, &[organiser])).expect("entering");
    let seat = returning.group().alliance().seat(&returning.identity()).expect("a seat").clone();
    assert_eq!(seat.role, Role::Member, "whatever role the request was taken with");
    assert_eq!(returning.group().alliance(), parties[1].group().alliance());
    let said = returning.say("I am back");
    assert_eq!(parties[1].hear(&said), "I am back");
    assert_eq!(parties[1].group().members().expect("members").len(), 3);
}

#[test]
fn a_cheats_readmission_is_refused_by_all() {
    let mut parties = alliance_of(3);
    let (_, request, _) = returning(&parties[2], "Person 2", "Organisation 2");
    let change = Change::Readmit(vec![(request, Role::Member)]);
    let address = parties[1].address();
    // By a member who is no organiser.
    let commit = as_organiser(&mut parties[1], |group| group.commit(&change, &address)).expect("a changed client");
    let refused = parties[0].try_receive_commit(&address, &commit.commit, &commit.author);
    assert!(matches!(refused, Err(CryptoError::Refused(_))), "{refused:?}");
    // With another name.
    let (_, request, _) = returning(&parties[2], "Somebody Else", "Organisation 2");
    let refused = parties[0].try_commit(&Change::Readmit(vec![(request, Role::Member)]));
    assert!(matches!(refused, Err(CryptoError::Refused(Refusal::ReadmittedChanged))), "{refused:?}");
    // Into another's organisation.
    let (_, request, _) = returning(&parties[2], "Person 2", "Organisation 1");
    let refused = parties[0].try_commit(&Change::Readmit(vec![(request, Role::Member)]));
    assert!(matches!(refused, Err(CryptoError::Refused(Refusal::SeatsMismatch))), "{refused:?}");
    // Oneself.
    let (_, request, _) = returning(&parties[0], "Person 0", "Organisation 0");
    assert!(parties[0].try_commit(&Change::Readmit(vec![(request, Role::Organiser)])).is_err());
}

#[test]
fn a_welcome_back_by_somebody_else_or_to_somewhere_else_is_refused() {
    let (parties, mut returning, welcome) = welcomed();
    let (id, organiser) = (parties[0].group().alliance().id, parties[0].identity());
    let other = AllianceId::from_bytes([9; 32]);
    let by_member = reenters(&mut returning, &welcome, &expected(&id, &[parties[1].identity()]));
    assert!(matches!(by_member, Err(CryptoError::Unverified("the Welcome's sender"))), "{by_member:?}");
    assert!(reenters(&mut returning, &welcome, &expected(&other, &[organiser])).is_err());
    let later = Expected { alliance: &id, generation_min: 1, organisers: &[organiser] };
    assert!(reenters(&mut returning, &welcome, &later).is_err(), "nobody is led back before a reboot");
    reenters(&mut returning, &welcome, &expected(&id, &[organiser])).expect("the right one");
}

#[test]
fn a_recovery_mailbox_is_renewed_with_the_keys() {
    let mut parties = alliance_of(2);
    let before = parties[0].group().recovery_mailbox(1).expect("a mailbox");
    pass(&mut parties, 1, &Change::RenewRecovery).expect("everybody may");
    let after = parties[0].group().recovery_mailbox(1).expect("a mailbox");
    assert_ne!(before, after);
    let own = parties[1].group().own_recovery_key().expect("a key");
    let sealed = Note::Welcome(vec![1]).seal(&after).expect("sealing");
    assert_eq!(Note::open(&own, &sealed).expect("its own"), Note::Welcome(vec![1]));
    parties[1].reload();
    assert_eq!(parties[1].group().own_recovery_key().expect("a key").expose(), own.expose(), "and it is kept");
    pass(&mut parties, 1, &Change::Rotate).expect("everybody may");
    assert_eq!(parties[0].group().recovery_mailbox(1).expect("a mailbox"), after, "a rotation keeps it");
}

#[test]
fn bearings_come_back_from_their_octets_organisers_first() {
    let parties = alliance_of(4);
    let bearings = parties[2].group().bearings(2).expect("bearings");
    assert_eq!(Bearings::decode(&bearings.encode().expect("octets")).expect("bearings"), bearings);
    assert_eq!(bearings.organisers(), [parties[0].identity()]);
    assert_eq!(bearings.fellows.len(), 2, "bounded");
    assert_eq!(bearings.fellows[0].person.identity, parties[0].identity());
    assert_eq!(bearings.own.identity, parties[2].identity());
    let octets = bearings.encode().expect("octets");
    for cut in [0, 1, octets.len() / 2, octets.len() - 1] {
        assert!(Bearings::decode(&octets[..cut]).is_err(), "{cut} octets");
    }
}

#[test]
fn a_request_is_of_whoever_signed_it_and_changed_nowhere() {
    let parties = alliance_of(2);
    let bearings = parties[1].group().bearings(9).expect("bearings");
    let (_, _, package) = returning(&parties[1], "Person 1", "Organisation 1");
    let sign = |key| RejoinRequest::sign(key, &bearings, 7, ExpiryDay(3), &package).expect("a request");
    let signed = sign(parties[1].identity_key());
    let request = RejoinRequest::verify(&signed).expect("its own");
    assert_eq!((request.generation, request.day, request.epoch), (7, ExpiryDay(3), bearings.epoch));
    assert_eq!(request.join.person.identity, parties[1].identity());
    for place in (0..signed.len()).step_by(7) {
        let mut damaged = signed.clone();
        damaged[place] ^= 1;
        assert!(RejoinRequest::verify(&damaged).is_err(), "octet {place}");
    }
    let by_other = RejoinRequest::verify(&sign(parties[0].identity_key()));
    assert!(matches!(by_other, Err(CryptoError::Unverified(_))), "somebody else's key package");
}

#[test]
fn a_call_is_of_whoever_signed_it_and_all_follow_the_same() {
    let parties = alliance_of(2);
    let call = RebootCall {
        alliance: parties[0].group().alliance().id,
        generation: 1,
        day: ExpiryDay(3),
        caller: parties[0].identity(),
        without: vec![parties[1].identity()],
        mailbox: parties[0].group().own_recovery_key().expect("a key").public().expect("a mailbox"),
    };
    let signed = call.sign(parties[0].identity_key()).expect("a call");
    assert_eq!(RebootCall::verify(&signed).expect("its own"), call);
    assert!(call.sign(parties[1].identity_key()).is_err());
    for place in (0..signed.len()).step_by(7) {
        let mut damaged = signed.clone();
        damaged[place] ^= 1;
        assert!(RebootCall::verify(&damaged).is_err(), "octet {place}");
    }
    let (small, large) = (Identity::from_bytes([1; 32]), Identity::from_bytes([0xff; 32]));
    assert!(call.precedes(0, &small), "the higher generation");
    assert!(call.precedes(1, &large) && !call.precedes(1, &small), "then the smaller identity");
    assert!(!call.precedes(1, &call.caller), "a call does not precede itself");
}

#[test]
fn a_kit_comes_back_under_its_passphrase_and_whole_only() {
    let parties = alliance_of(2);
    let group = parties[1].group();
    let (bearings, mailbox) = (group.bearings(9).expect("bearings"), group.own_recovery_key().expect("a key"));
    let kit = Kit {
        key: IdentityKey::from_seed(&parties[1].identity_key().expose_seed()),
        name: bearings.own.name.clone(),
        organisation: bearings.own.organisation.clone(),
        alliances: vec![KitAlliance { bearings: bearings.clone(), mailboxes: vec![mailbox] }],
    };
    let cost = VaultCost { memory_kib: 8, passes: 1, lanes: 1 };
    let file = kit.seal("tiwizi 2026", cost, &support::random()).expect("a kit");
    let opened = Kit::open(&file, "tiwizi 2026").expect("its passphrase");
    assert_eq!(opened.key.identity(), parties[1].identity());
    assert_eq!((opened.name, opened.organisation), (bearings.own.name.clone(), bearings.own.organisation.clone()));
    assert_eq!(opened.alliances.len(), 1);
    assert_eq!(opened.alliances[0].bearings, bearings);
    let kept = group.own_recovery_key().expect("a key").expose();
    assert_eq!(opened.alliances[0].mailboxes[0].expose(), kept);
    let opens = |octets: &[u8], passphrase: &str| Kit::open(octets, passphrase).map(|_| ());
    assert!(matches!(opens(&file, "tiwizi 2027"), Err(CryptoError::Unverified("the passphrase"))));
    for cut in [0, 1, 11, 40, 64, file.len() / 2, file.len() - 1] {
        assert!(matches!(opens(&file[..cut], "tiwizi 2026"), Err(CryptoError::Malformed(_))), "{cut} octets");
    }
    for place in (0..file.len()).step_by(97).chain(0..70) {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        assert!(opens(&damaged, "tiwizi 2026").is_err(), "octet {place}");
    }
    let texts = [bearings.own.name.as_str(), bearings.state.name.as_str()];
    for text in texts {
        assert!(!file.windows(text.len()).any(|window| window == text.as_bytes()), "a name lies open");
    }
}
