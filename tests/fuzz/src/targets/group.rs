//! What comes into a real group: everything that a member can post, validly sealed, and what a newcomer is given.

use crate::fixture::{Fixture, fixture, seeded};
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use twiza_crypto::content::AuthorSeal;
use twiza_crypto::group::{Group, join};
use twiza_crypto::{GroupState, wire};

fn receiver(fixture: &Fixture) -> Group {
    Group::load(GroupState::from_entries(fixture.receiver.clone()), &seeded(1)).expect("a stored group")
}

/// An author's seal: only the one over this mailbox and this commit convicts anybody.
pub fn author_seal(data: &[u8]) -> bool {
    let Ok(seal) = wire::decode::<AuthorSeal>(data, "author's seal") else { return false };
    assert_eq!(wire::encode(&seal).expect("what was read can be written"), data, "a second encoding was accepted");
    let fixture = fixture();
    let convicted = receiver(fixture).verify_author(&fixture.mailbox(), &fixture.commit, &seal).is_ok();
    assert!(!convicted || crate::seeds::stored("author_seal").iter().any(|known| known == data), "a forged seal");
    convicted
}

/// MLS octets by a member: the first octet says as what they are posted.
pub fn mls_message(data: &[u8]) -> bool {
    let Some((kind, octets)) = data.split_first() else { return false };
    let fixture = fixture();
    let mut group = receiver(fixture);
    match kind % 3 {
        0 => message(group, octets, fixture),
        1 => group.receive_proposal(octets).is_ok(),
        _ => {
            // A member can vouch for anything by its leaf key.
            let address = fixture.mailbox();
            let signed = [&b"twiza commit v1\0"[..], address.as_bytes(), &Sha256::digest(octets)].concat();
            let key = ed25519_dalek::SigningKey::from_bytes(&fixture.author_device);
            let seal = AuthorSeal {
                leaf_index: fixture.author_leaf,
                removes: Vec::new(),
                signature: key.sign(&signed).to_bytes(),
            };
            let epoch = group.epoch();
            match group.receive_commit(&address, octets, &seal) {
                Err(_) => false,
                Ok((mut group, judged)) => {
                    group.merge(judged).expect("what was judged can be merged");
                    assert_eq!(group.epoch(), epoch + 1);
                    true
                }
            }
        }
    }
}

/// A refused message leaves the group as it was: the real one can still be read.
fn message(mut group: Group, octets: &[u8], fixture: &Fixture) -> bool {
    let accepted = group.receive_message(octets).is_ok();
    assert!(!accepted || octets == fixture.message, "a forged message");
    assert!(
        accepted || group.receive_message(&fixture.message).is_ok(),
        "a refused message used up the real one's key"
    );
    accepted
}

/// What a newcomer is given.
pub fn welcome(data: &[u8]) -> bool {
    let fixture = fixture();
    let state = GroupState::from_entries(fixture.joiner.clone());
    let Ok(group) = join::enter(state, data, &fixture.inviter, &seeded(1)) else { return false };
    assert_eq!(group.members().expect("members").len(), 3, "another group than the inviter's");
    true
}
