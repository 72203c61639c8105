//! What members tell each other inside frames and links.

use crate::fixture::{self, seeded};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use twiza_crypto::alliance::AllianceState;
use twiza_crypto::content::ContentKind;
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::identity::Identity;
use twiza_crypto::invitation::{Invitation, LINK_PREFIX};
use twiza_crypto::message::{Message, MessageBody};
use twiza_crypto::name::Name;
use twiza_crypto::{fuzzing, vault as vaults, wire};

/// What is under a frame's seal.
pub fn content(data: &[u8]) -> bool {
    let Ok(content) = fuzzing::decode_content(data) else { return false };
    let octets = fuzzing::encode_content(&content).expect("what was read can be written");
    let (encoded, padding) = data.split_at(octets.len());
    assert!(encoded == octets && padding.iter().all(|octet| *octet == 0), "a second encoding was accepted");
    assert!(content.kind != ContentKind::Part || content.earlier.is_empty());
    true
}

/// Under one key, a frame that nobody sealed does not open.
pub fn sealed_frame(data: &[u8]) -> bool {
    let opened = fixture::frame_key().open(data).is_ok();
    assert!(!opened || crate::seeds::stored("sealed_frame").iter().any(|seed| seed == data), "a forged frame opened");
    opened
}

/// A link, or (without the prefix) what a link encodes, with a right checksum.
pub fn invitation(data: &[u8]) -> bool {
    let link = match std::str::from_utf8(data) {
        Ok(text) if text.starts_with(LINK_PREFIX) => text.to_owned(),
        _ => {
            let digest = Sha256::new().chain_update(b"twiza invitation v1\0").chain_update(data).finalize();
            format!("{LINK_PREFIX}{}", BASE64URL_NOPAD.encode(&[data, &digest[..4]].concat()))
        }
    };
    let Ok(invitation) = Invitation::from_link(&link) else { return false };
    let again = invitation.to_link().expect("what was read can be written");
    let same = Invitation::from_link(&again).expect("what was written can be read");
    assert_eq!(same.to_link().expect("a link"), again);
    let address = |invitation: &Invitation| invitation.rendezvous().expect("keys").mailbox.address();
    assert_eq!(address(&same), address(&invitation), "two readers would meet in two places");
    true
}

/// The answer that nobody will be let in.
pub fn decline(data: &[u8]) -> bool {
    let accepted = fixture::invitation().verify_decline(data).is_ok();
    assert!(!accepted || crate::seeds::stored("decline").iter().any(|seed| seed == data), "a forged decline");
    accepted
}

/// What an alliance has agreed on, in its one encoding.
pub fn alliance_state(data: &[u8]) -> bool {
    let Ok(state) = AllianceState::decode(data) else { return false };
    assert_eq!(state.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    assert!(state.relay().is_ok() && state.seats.iter().all(|seat| state.seat(&seat.identity) == Some(seat)));
    true
}

/// Who a leaf is. Only the one that was certified verifies.
pub fn credential(data: &[u8]) -> bool {
    let leaf = fixture::leaf_key();
    let Ok(person) = fuzzing::verify_credential(data, &leaf) else {
        drop(fuzzing::read_credential(data));
        return false;
    };
    assert!(crate::seeds::stored("credential").iter().any(|seed| seed == data), "a forged certificate: {person:?}");
    true
}

/// The leaf extension that names a recovery mailbox.
pub fn recovery_mailbox(data: &[u8]) -> bool {
    let Ok((mailbox, octets)) = fuzzing::decode_recovery_mailbox(data) else { return false };
    assert_eq!(octets, data, "a second encoding was accepted");
    // Any key of the right length must be sealed to, or refused, without a panic.
    drop(mailbox.seal(b"a payload"));
    true
}

/// What lies in a recovery mailbox.
pub fn recovery_payload(data: &[u8]) -> bool {
    let opened = fixture::recovery_key().open(data).is_ok();
    assert!(!opened || crate::seeds::stored("recovery_payload").iter().any(|seed| seed == data), "a forged payload");
    opened
}

/// A message, inside MLS.
pub fn message(data: &[u8]) -> bool {
    let Ok(message) = Message::decode(data) else { return false };
    if !matches!(message.body, MessageBody::Unknown { .. }) {
        assert_eq!(message.encode().expect("what was read can be written"), data, "a second encoding was accepted");
    }
    true
}

/// A name, as a keyboard or a peer gives it.
pub fn name(data: &[u8]) -> bool {
    if let Ok(name) = wire::decode::<Name>(data, "name") {
        assert_eq!(wire::encode(&name).expect("a name"), data, "a second encoding was accepted");
        assert_eq!(Name::new(name.as_str()).as_ref(), Ok(&name), "a peer's name that nobody could have typed");
        return true;
    }
    let Some(name) = std::str::from_utf8(data).ok().and_then(|text| Name::composed(text).ok()) else { return false };
    assert!((1..=Name::CHARACTERS_MAX).contains(&name.as_str().chars().count()));
    assert!(!name.as_str().chars().any(char::is_control), "a control character in a name");
    assert_eq!(Name::composed(name.as_str()), Ok(name), "composing twice is another name");
    true
}

/// A vault file. What a guess costs is bounded here: a file may ask for gigabytes.
pub fn vault(data: &[u8]) -> bool {
    let mut octets = data.to_vec();
    for (place, limit) in [(1, 64_u32), (5, 2)] {
        let Some(field) = octets.get_mut(place..place + 4) else { break };
        let asked = u32::from_be_bytes(field.try_into().unwrap_or_default());
        field.copy_from_slice(&asked.min(limit).to_be_bytes());
    }
    let opened = vaults::open(&octets, fixture::PASSPHRASE).is_ok();
    assert!(!opened || crate::seeds::stored("vault").contains(&octets), "a forged vault");
    opened
}

/// A stranger's request to join.
pub fn join_request(data: &[u8]) -> bool {
    let Ok(request) = JoinRequest::verify(data) else { return false };
    assert_ne!(request.person.identity, Identity::from_bytes([0; 32]));
    assert!(!request.is_answerable_with(twiza_crypto::GroupState::default(), &seeded(1)));
    true
}
