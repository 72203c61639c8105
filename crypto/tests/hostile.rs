//! Octets from somebody hostile: keys of a wrong length by every way in, other people's certificates, damaged and
//! replayed messages. Each is refused with an error, none with a panic, and the group goes on.

mod cheat;
mod support;

use cheat::{CheatsGroup, KeyPackageParts, author_seal};
use ed25519_dalek::SigningKey;
use openmls::prelude::{KeyPackageIn, ProtocolVersion};
use openmls_rust_crypto::RustCrypto;
use support::{Party, asking, joiner, pass};
use tls_codec::{Deserialize, Serialize as _, VLBytes};
use twiza_crypto::alliance::{Role, Seat};
use twiza_crypto::group::commit::Change;
use twiza_crypto::group::join::{JOIN_REQUEST_BYTES_MAX, JoinRequest};
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::name::Name;
use twiza_crypto::{CryptoError, HYBRID_PUBLIC_KEY_BYTES, credential};
use twiza_protocol::MailboxAddress;

/// Lengths that are not the suite's: none, one octet, classical, one less, one more, twice.
const WRONG_LENGTHS: [usize; 7] = [0, 1, 5, 32, HYBRID_PUBLIC_KEY_BYTES - 1, HYBRID_PUBLIC_KEY_BYTES + 1, 2432];

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// A key with its first octets, or with zeros after them.
fn resized(key: &[u8], length: usize) -> Vec<u8> {
    let mut key = key.to_vec();
    key.resize(length, 0);
    key
}

/// A key package whose maker changed something and signed it anew.
fn changed(change: impl FnOnce(&mut KeyPackageParts)) -> Vec<u8> {
    let (party, request) = asking("Zineb", "Amal");
    let mut parts = KeyPackageParts::of(&request);
    change(&mut parts);
    parts.sign(&party.device_key())
}

#[test]
fn a_request_signed_anew_is_as_good_as_before() {
    // Else all of the refusals below would be for their signatures.
    let person = JoinRequest::verify(&changed(|_| {})).expect("nothing was changed").person;
    assert_eq!(person.name, name("Zineb"));
}

#[test]
fn a_request_whose_init_key_has_another_length_is_refused() {
    for length in WRONG_LENGTHS {
        let request = changed(|parts| parts.init_key = resized(parts.init_key.as_slice(), length).into());
        let refused = JoinRequest::verify(&request).map(|request| request.person);
        assert!(matches!(refused, Err(CryptoError::KeyLength)), "{length} octets: {refused:?}");
    }
}

#[test]
fn a_request_whose_leaf_key_has_another_length_is_refused() {
    for length in WRONG_LENGTHS {
        let request = changed(|parts| {
            parts.leaf.encryption_key = resized(parts.leaf.encryption_key.as_slice(), length).into();
        });
        let refused = JoinRequest::verify(&request).map(|request| request.person);
        assert!(matches!(refused, Err(CryptoError::KeyLength)), "{length} octets: {refused:?}");
    }
}

#[test]
fn a_request_whose_recovery_key_has_another_length_is_refused() {
    use tls_codec::{Serialize, VLBytes};
    for length in WRONG_LENGTHS {
        let encoded = [&[1; 32][..], &VLBytes::from(vec![2; length]).tls_serialize_detached().expect("a key")].concat();
        let encoded = VLBytes::from(encoded).tls_serialize_detached().expect("an extension");
        let request = changed(|parts| parts.leaf.extensions = [&[0xF2, 0xA2][..], &encoded].concat().into());
        let refused = JoinRequest::verify(&request).map(|request| request.person);
        assert!(matches!(refused, Err(CryptoError::KeyLength)), "{length} octets: {refused:?}");
    }
    let without = changed(|parts| parts.leaf.extensions = Vec::new().into());
    assert!(matches!(JoinRequest::verify(&without), Err(CryptoError::Malformed("recovery mailbox"))));
}

#[test]
fn a_request_whose_leaf_signature_key_has_another_length_is_refused() {
    for length in [0, 1, 31, 33, 64] {
        let request = changed(|parts| {
            parts.leaf.signature_key = resized(parts.leaf.signature_key.as_slice(), length).into();
        });
        assert!(JoinRequest::verify(&request).is_err(), "{length} octets");
    }
}

#[test]
fn a_request_in_another_suite_or_version_is_refused() {
    for suite in [0x0001, 0x004d, 0x004f, 0xffff] {
        let request = changed(|parts| parts.suite = suite);
        assert!(JoinRequest::verify(&request).is_err(), "suite {suite:#06x}");
    }
    assert!(JoinRequest::verify(&changed(|parts| parts.version = 2)).is_err());
}

#[test]
fn a_request_whose_validity_depends_on_a_clock_is_refused() {
    const DAY: u64 = 24 * 3600;
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs();
    for (not_before, not_after) in
        [(now - DAY, now + 6), (now - DAY, now + 20 * DAY), (0, u64::MAX - 1), (1, u64::MAX), (now + DAY, now - DAY)]
    {
        let request = changed(|parts| {
            (parts.leaf.not_before, parts.leaf.not_after) = (not_before, not_after);
        });
        assert!(matches!(JoinRequest::verify(&request), Err(CryptoError::Unverified(_))), "{not_before} {not_after}");
    }
    JoinRequest::verify(&changed(|_| {})).expect("nothing was changed");
}

#[test]
fn a_request_larger_than_any_honest_one_is_refused() {
    let with = |length: usize| {
        changed(|parts| {
            let mut further = vec![0xF2, 0xFF];
            VLBytes::from(vec![0; length]).tls_serialize(&mut further).expect("octets");
            parts.leaf.extensions = [parts.leaf.extensions.as_slice(), &further].concat().into();
        })
    };
    assert!(matches!(JoinRequest::verify(&with(JOIN_REQUEST_BYTES_MAX)), Err(CryptoError::TooLarge { .. })));
    assert!(JoinRequest::verify(&with(1)).is_err(), "a leaf says nothing beside its recovery mailbox");
}

#[test]
fn a_certificate_by_another_identity_is_refused() {
    let (party, request) = asking("Zineb", "Amal");
    let device = party.device_key();
    let mut parts = KeyPackageParts::of(&request);
    let stranger = IdentityKey::from_seed(&[77; 32]);
    let leaf_key = device.verifying_key().to_bytes();
    // The stranger's signature under the name and the identity of the other.
    let mut forged = credential::certify(&stranger, &leaf_key, &name("Zineb"), &name("Amal")).expect("a credential");
    forged[1..33].copy_from_slice(party.identity().as_bytes());
    parts.leaf.credential = forged.into();
    assert!(matches!(JoinRequest::verify(&parts.sign(&device)), Err(CryptoError::Unverified(_))));
}

#[test]
fn a_credential_copied_onto_another_leaf_is_refused() {
    let (victim, request) = asking("Zineb", "Amal");
    let copied = KeyPackageParts::of(&request).leaf.credential;
    let stolen = changed(|parts| parts.leaf.credential = copied.clone());
    assert!(matches!(JoinRequest::verify(&stolen), Err(CryptoError::Unverified(_))));
    // On its own leaf it is good, so that it was the leaf that was refused.
    assert!(JoinRequest::verify(&KeyPackageParts::of(&request).sign(&victim.device_key())).is_ok());
}

#[test]
fn a_name_that_was_changed_after_certification_is_refused() {
    let request = changed(|parts| {
        let mut credential = parts.leaf.credential.as_slice().to_vec();
        let place = credential.windows(5).position(|window| window == b"Zineb").expect("the name");
        credential[place..place + 5].copy_from_slice(b"Amina");
        parts.leaf.credential = credential.into();
    });
    assert!(matches!(JoinRequest::verify(&request), Err(CryptoError::Unverified(_))));
}

#[test]
fn damaged_requests_are_refused_wherever_the_damage_is() {
    let (_, request) = asking("Zineb", "Amal");
    for place in (0..request.len()).step_by(61).chain(0..200) {
        let mut damaged = request.clone();
        damaged[place] ^= 0x41;
        assert!(JoinRequest::verify(&damaged).is_err(), "octet {place} changed");
        assert!(JoinRequest::verify(&request[..place]).is_err(), "cut at {place}");
    }
    assert!(JoinRequest::verify(&[&request[..], &[0]].concat()).is_err(), "nothing may follow");
}

/// The last key pair of a commit is the external one of its GroupInfo (RFC 9420, section 8), which is in no tree and
/// which nobody uses here: there are no external commits.
const NOT_IN_THE_TREE: usize = 1;

#[test]
fn a_commit_with_a_key_of_another_length_anywhere_in_its_path_is_refused() {
    let mut parties = support::alliance_of(4);
    parties.iter_mut().for_each(Party::save);
    let address = parties[1].address();
    // OpenMLS derives the keys of the two parents first, then the leaf's.
    const LEAF: usize = 2;
    for length in [0, 5, 32, HYBRID_PUBLIC_KEY_BYTES - 1, HYBRID_PUBLIC_KEY_BYTES + 1] {
        for cut in 0..=LEAF {
            let mut cheat = CheatsGroup::load(parties[1].stored(), parties[1].device_key(), cut, length);
            let made = cheat.commit(None, &address);
            assert_eq!(made.derived, LEAF + 1 + NOT_IN_THE_TREE, "every key in the tree is cut, one after the other");
            for honest in [0, 2, 3] {
                let refused = parties[honest].try_receive_commit(&address, &made.commit, &made.author);
                let error = refused.map(|_| "taken").expect_err("a key of another length");
                // Of parents that a receiver derives itself, MLS notices; the rest it leaves to us.
                let ours = matches!(error, CryptoError::KeyLength);
                assert!(ours || matches!(error, CryptoError::PathFailed), "key {cut}, {length} octets: {error}");
                assert!(ours || cut != LEAF, "only we look at the leaf's key: {error}");
            }
        }
    }
    // With no key cut, the same client's commit is taken: it was the keys that were refused.
    let made = CheatsGroup::load(parties[1].stored(), parties[1].device_key(), usize::MAX, 0).commit(None, &address);
    parties[0].try_receive_commit(&address, &made.commit, &made.author).expect("an honest rotation");
}

#[test]
fn a_welcome_to_a_tree_with_a_key_of_another_length_is_refused() {
    let mut parties = support::alliance_of(3);
    let founder = &mut parties[0];
    founder.save();
    let (address, inviter) = (founder.address(), founder.identity().fingerprint());
    let add = |newcomer: &Party, request: &[u8]| {
        let parsed = KeyPackageIn::tls_deserialize_exact(request).expect("a key package");
        let parsed = parsed.validate(&RustCrypto::default(), ProtocolVersion::Mls10).expect("a valid one");
        let seat = Seat { identity: newcomer.identity(), role: Role::Member, organisation: name("Amal") };
        Some((parsed, parties[0].group().alliance().clone().with_seat(seat)))
    };
    let mut refused_for_length = 0;
    let mut cut = 0;
    loop {
        let (mut newcomer, request) = asking("Zineb", "Amal");
        let mut cheat = CheatsGroup::load(parties[0].stored(), parties[0].device_key(), cut, 5);
        let made = cheat.commit(add(&newcomer, &request), &address);
        if cut + NOT_IN_THE_TREE >= made.derived {
            break;
        }
        let entered = newcomer.enter(&made.welcome.expect("a Welcome"), &inviter);
        let error = entered.err().unwrap_or_else(|| panic!("key {cut} of {} has 5 octets", made.derived));
        assert!(matches!(error, CryptoError::KeyLength | CryptoError::Mls(_)), "key {cut}: {error:?}");
        refused_for_length += usize::from(matches!(error, CryptoError::KeyLength));
        cut += 1;
    }
    assert!(cut >= 2 && refused_for_length > 0, "MLS leaves some of them to us");
    let (mut newcomer, request) = asking("Zineb", "Amal");
    let mut honest = CheatsGroup::load(parties[0].stored(), parties[0].device_key(), usize::MAX, 0);
    let made = honest.commit(add(&newcomer, &request), &address);
    newcomer.enter(&made.welcome.expect("a Welcome"), &inviter).expect("the same client without the cut");
}

/// A Welcome for one newcomer, and who it is for.
fn welcomed() -> (Vec<Party>, Party, Vec<u8>) {
    let mut parties = support::alliance_of(2);
    let (newcomer, request) = joiner("Zineb", "Amal");
    let welcome = pass(&mut parties, 0, &Change::Add(vec![(request, Role::Member)])).expect("an organiser adds");
    (parties, newcomer, welcome.expect("a Welcome"))
}

#[test]
fn a_welcome_by_somebody_who_is_not_the_inviter_is_refused() {
    let (parties, mut newcomer, welcome) = welcomed();
    let refused = newcomer.enter(&welcome, &parties[1].identity().fingerprint());
    assert!(matches!(refused, Err(CryptoError::Unverified("the Welcome's sender"))), "{refused:?}");
    newcomer.enter(&welcome, &parties[0].identity().fingerprint()).expect("the inviter's own Welcome");
}

#[test]
fn a_welcome_is_of_no_use_to_somebody_else() {
    let (parties, mut newcomer, welcome) = welcomed();
    let inviter = parties[0].identity().fingerprint();
    let (mut other, _) = asking("Ziri", "Amal");
    assert!(matches!(other.enter(&welcome, &inviter), Err(CryptoError::Mls(_))));
    newcomer.enter(&welcome, &inviter).expect("whom it is for");
    // The newcomer's keys are used up by it: the same Welcome leads nowhere a second time.
    assert!(newcomer.enter(&welcome, &inviter).is_err());
}

#[test]
fn truncated_and_damaged_welcomes_are_refused() {
    let (parties, mut newcomer, welcome) = welcomed();
    let inviter = parties[0].identity().fingerprint();
    for place in (0..welcome.len()).step_by(509).chain(0..40) {
        assert!(newcomer.enter(&welcome[..place], &inviter).is_err(), "cut at {place}");
        let mut damaged = welcome.clone();
        damaged[place] ^= 0x41;
        assert!(newcomer.enter(&damaged, &inviter).is_err(), "octet {place} changed");
    }
    assert!(newcomer.enter(&[&welcome[..], &[0]].concat(), &inviter).is_err(), "nothing may follow");
    assert!(newcomer.enter(&[0x41; 4000], &inviter).is_err());
    newcomer.enter(&welcome, &inviter).expect("the keys are still there for the real one");
}

#[test]
fn commits_with_octets_changed_anywhere_are_refused_and_the_real_one_is_taken() {
    let mut parties = support::alliance_of(3);
    let address = parties[1].address();
    let made = parties[1].try_commit(&Change::Rotate).expect("a rotation");
    let (key, leaf) = (parties[1].device_key(), made.author.leaf_index);
    for place in (0..made.commit.len()).step_by(97).chain(0..80) {
        let mut damaged = made.commit.clone();
        damaged[place] ^= 0x41;
        let refused = parties[0].try_receive_commit(&address, &damaged, &made.author);
        assert!(matches!(refused, Err(CryptoError::Unverified(_))), "octet {place}, not vouched for: {refused:?}");
        // The author itself may vouch for octets that are no commit.
        let vouched = author_seal(&key, leaf, &address, &damaged);
        assert!(parties[0].try_receive_commit(&address, &damaged, &vouched).is_err(), "octet {place}, vouched for");
        let cut = &made.commit[..place];
        let vouched = author_seal(&key, leaf, &address, cut);
        assert!(parties[0].try_receive_commit(&address, cut, &vouched).is_err(), "cut at {place}");
    }
    parties[0].try_receive_commit(&address, &made.commit, &made.author).expect("the real one");
}

#[test]
fn an_authors_seal_is_over_the_transcript_of_the_specification() {
    let mut parties = support::alliance_of(2);
    let address = parties[0].address();
    let made = parties[0].try_commit(&Change::Rotate).expect("a rotation");
    assert_eq!(made.author, author_seal(&parties[0].device_key(), 0, &address, &made.commit));
}

#[test]
fn a_commit_sealed_by_another_leaf_is_refused() {
    let mut parties = support::alliance_of(3);
    let address = parties[1].address();
    let made = parties[1].try_commit(&Change::Rotate).expect("a rotation");
    let by_other = author_seal(&parties[2].device_key(), 2, &address, &made.commit);
    parties[0].group().verify_author(&address, &made.commit, &by_other).expect("the other leaf did sign");
    let refused = parties[0].try_receive_commit(&address, &made.commit, &by_other);
    assert!(matches!(refused, Err(CryptoError::Unverified("a commit's author"))), "{refused:?}");
    for (key, leaf) in [(parties[2].device_key(), 1), (parties[1].device_key(), 2), (parties[1].device_key(), 99)] {
        let forged = author_seal(&key, leaf, &address, &made.commit);
        assert!(parties[0].group().verify_author(&address, &made.commit, &forged).is_err(), "leaf {leaf}");
    }
    let stranger = author_seal(&SigningKey::from_bytes(&[88; 32]), 1, &address, &made.commit);
    assert!(parties[0].try_receive_commit(&address, &made.commit, &stranger).is_err());
}

#[test]
fn an_authors_seal_for_another_mailbox_or_another_commit_is_refused() {
    let mut parties = support::alliance_of(2);
    let address = parties[0].address();
    let made = parties[0].try_commit(&Change::Rotate).expect("a rotation");
    let another = parties[0].try_commit(&Change::Rotate).expect("another rotation");
    let elsewhere = MailboxAddress::from_bytes([1; 32]);
    for (address, commit, author) in [
        (&elsewhere, &made.commit, &made.author),
        (&address, &another.commit, &made.author),
        (&address, &made.commit, &another.author),
    ] {
        let refused = parties[1].try_receive_commit(address, commit, author);
        assert!(matches!(refused, Err(CryptoError::Unverified("a commit's author"))), "{refused:?}");
    }
    parties[1].try_receive_commit(&address, &made.commit, &made.author).expect("each in its place");
}

#[test]
fn a_message_is_read_once_and_in_its_own_epoch() {
    let mut parties = support::alliance_of(3);
    let sealed = parties[0].say("once");
    assert_eq!(parties[1].hear(&sealed), "once");
    assert!(parties[1].group_mut().receive_message(&sealed).is_err(), "a replay");
    parties[1].save();
    parties[1].reload();
    assert!(parties[1].group_mut().receive_message(&sealed).is_err(), "a replay after a restart");
    let late = parties[0].say("late");
    pass(&mut parties, 0, &Change::Rotate).expect("a rotation");
    assert!(parties[2].group_mut().receive_message(&late).is_err(), "a message of the epoch before");
    let sealed = parties[0].say("now");
    assert_eq!(parties[1].hear(&sealed), "now", "and the group goes on");
}

#[test]
fn damaged_messages_are_refused_and_do_not_use_up_the_real_one() {
    let mut parties = support::alliance_of(2);
    let sealed = parties[0].say("azul");
    for place in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[place] ^= 0x41;
        assert!(parties[1].group_mut().receive_message(&damaged).is_err(), "octet {place} changed");
        assert!(parties[1].group_mut().receive_message(&sealed[..place]).is_err(), "cut at {place}");
    }
    assert_eq!(parties[1].hear(&sealed), "azul");
}

#[test]
fn one_kind_of_content_is_not_taken_for_another() {
    let mut parties = support::alliance_of(3);
    let address = parties[0].address();
    let made = parties[0].try_commit(&Change::Rotate).expect("a rotation");
    let wish = parties[2].propose_leave().expect("a wish to leave");
    let message = parties[0].say("azul");
    let vouched = |octets: &[u8]| author_seal(&parties[0].device_key(), 0, &address, octets);
    let (wish_seal, message_seal) = (vouched(&wish), vouched(&message));
    let receiver = &mut parties[1];
    assert!(receiver.group_mut().receive_message(&made.commit).is_err());
    assert!(receiver.group_mut().receive_message(&wish).is_err());
    assert!(receiver.group_mut().receive_proposal(&made.commit).is_err());
    assert!(receiver.group_mut().receive_proposal(&message).is_err());
    assert!(receiver.try_receive_commit(&address, &wish, &wish_seal).is_err());
    assert!(receiver.try_receive_commit(&address, &message, &message_seal).is_err());
    assert_eq!(receiver.hear(&message), "azul");
}
