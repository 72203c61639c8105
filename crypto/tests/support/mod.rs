//! Parties of an alliance in memory, and a seeded generator.
#![allow(dead_code, reason = "each test file uses its own part")]

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use twiza_crypto::alliance::{AllianceRelay, Role};
use twiza_crypto::content::AuthorSeal;
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{Change, PendingCommit};
use twiza_crypto::group::join::{JoinRequest, Joiner, enter};
use twiza_crypto::group::receive::JudgedCommit;
use twiza_crypto::group::restore::{Expected, reenter};
use twiza_crypto::identity::{Identity, IdentityKey};
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::name::Name;
use twiza_crypto::past::Past;
use twiza_crypto::{CryptoError, Entropy, EntropyError, GroupState, Random, StateChanges};
use twiza_protocol::{Chain, MailboxAddress, RelaySigningKey, Sequence};

/// SHA-256 in counter mode: not for secrets.
struct Seeded(u64, u64);

impl Entropy for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in buffer.chunks_mut(32) {
            self.1 += 1;
            let block = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(self.1.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

static SEED: AtomicU64 = AtomicU64::new(1);

/// The generator with this seed, which gives the same octets for ever.
pub(crate) fn seeded(seed: u64) -> Random {
    Random::new(Seeded(seed, 0))
}

/// Another generator at each call.
pub(crate) fn random() -> Random {
    seeded(SEED.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn relay() -> AllianceRelay {
    let key = RelaySigningKey::from_seed(&[9; 32]).public();
    AllianceRelay { address: format!("twiza://relay.example:7443/{key}").parse().expect("an address"), grant: None }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(crate) struct Party {
    key: IdentityKey,
    group: Option<Group>,
    stored: HashMap<Vec<u8>, Vec<u8>>,
}

impl Party {
    pub(crate) fn founder(person: &str, organisation: &str) -> Self {
        let random = random();
        let key = IdentityKey::generate(&random).expect("randomness");
        let group = Group::found(&key, &name(person), &name(organisation), &name("Tawiza"), relay(), &random);
        Self { key, group: Some(group.expect("a group")), stored: HashMap::new() }.saved()
    }

    fn saved(mut self) -> Self {
        self.save();
        self
    }

    pub(crate) fn save(&mut self) {
        let changes = self.group_mut().take_changes();
        apply(&mut self.stored, &changes);
    }

    pub(crate) fn reload(&mut self) {
        self.group = Some(Group::load(GroupState::from_entries(self.stored.clone()), &random()).expect("stored state"));
    }

    pub(crate) fn group(&self) -> &Group {
        self.group.as_ref().expect("a group")
    }

    pub(crate) fn group_mut(&mut self) -> &mut Group {
        self.group.as_mut().expect("a group")
    }

    /// Its wish to leave; the group stays as it was.
    pub(crate) fn propose_leave(&self) -> Result<Vec<u8>, CryptoError> {
        Group::load(GroupState::from_entries(self.stored.clone()), &random())?.propose_leave()
    }

    /// The entries of its state, as they were last saved.
    pub(crate) fn stored(&self) -> &HashMap<Vec<u8>, Vec<u8>> {
        &self.stored
    }

    /// The private key of its leaf.
    pub(crate) fn device_key(&self) -> SigningKey {
        let seed = &self.stored[&b"twiza device key"[..]];
        SigningKey::from_bytes(seed.as_slice().try_into().expect("a seed"))
    }

    pub(crate) fn identity_key(&self) -> &IdentityKey {
        &self.key
    }

    /// Answers a Welcome with the keys of its join request.
    pub(crate) fn enter(&mut self, welcome: &[u8], inviter: &[u8; 32]) -> Result<(), CryptoError> {
        let state = GroupState::from_entries(self.stored.clone());
        self.group = Some(enter(state, welcome, inviter, &random())?);
        self.save();
        Ok(())
    }

    /// The same person in its alliance founded anew, without some people.
    pub(crate) fn founds_anew(&self, without: &[Identity]) -> Result<Self, CryptoError> {
        let group = Some(self.group().reboot(&self.key, without, &random())?);
        let key = IdentityKey::from_seed(&self.key.expose_seed());
        Ok(Self { key, group, stored: HashMap::new() }.saved())
    }

    pub(crate) fn identity(&self) -> Identity {
        self.key.identity()
    }

    pub(crate) fn address(&self) -> MailboxAddress {
        self.group().epoch_keys(relay().address.key(), Branch::default()).expect("a member").mailbox.address()
    }

    pub(crate) fn try_say(&mut self, text: &str) -> Result<Vec<u8>, CryptoError> {
        let view =
            View { sequence: Sequence::START, chain: Chain::start(&self.address()), since: 0, past: Past::of([]) };
        let message = Message { id: [1; 16], sent: 1, view, body: MessageBody::Text(text.to_owned()) };
        self.group_mut().encrypt_message(&message)
    }

    pub(crate) fn say(&mut self, text: &str) -> Vec<u8> {
        self.try_say(text).expect("a member speaks")
    }

    pub(crate) fn hear(&mut self, sealed: &[u8]) -> String {
        let (_, message) = self.group_mut().receive_message(sealed).expect("a message of this epoch");
        match message.body {
            MessageBody::Text(text) => text,
            other => panic!("not a text: {other:?}"),
        }
    }

    /// Builds a commit, and gives it up again.
    pub(crate) fn try_commit(&mut self, change: &Change) -> Result<PendingCommit, CryptoError> {
        self.save();
        let address = self.address();
        let commit = self.group_mut().commit(change, &address);
        self.reload();
        commit
    }

    /// Receives a commit; what was stored stays on refusal.
    pub(crate) fn try_receive_commit(
        &mut self,
        address: &MailboxAddress,
        commit: &[u8],
        author: &AuthorSeal,
    ) -> Result<JudgedCommit, CryptoError> {
        self.save();
        match self.group.take().expect("a group").receive_commit(address, commit, author) {
            Ok((group, judged)) => {
                self.group = Some(group);
                Ok(judged)
            }
            Err(error) => {
                self.reload();
                Err(error)
            }
        }
    }
}

fn apply(stored: &mut HashMap<Vec<u8>, Vec<u8>>, changes: &StateChanges) {
    stored.extend(changes.put.iter().cloned());
    for key in &changes.deleted {
        stored.remove(key);
    }
}

/// Runs something while the party's group believes that it is an organiser's.
pub(crate) fn as_organiser<T>(party: &mut Party, act: impl FnOnce(&mut Group) -> T) -> T {
    party.save();
    let identity = party.identity();
    party.group_mut().pretend_role(&identity, Role::Organiser);
    let result = act(party.group_mut());
    party.reload();
    result
}

/// A joiner's stored keys and its verified request.
pub(crate) fn joiner(person: &str, organisation: &str) -> (Party, JoinRequest) {
    let (party, request) = asking(person, organisation);
    (party, JoinRequest::verify(&request).expect("one's own key package"))
}

/// A joiner's stored keys and the octets of its request.
pub(crate) fn asking(person: &str, organisation: &str) -> (Party, Vec<u8>) {
    let random = random();
    let key = IdentityKey::generate(&random).expect("randomness");
    let mut joiner = Joiner::new(&key, &name(person), &name(organisation), &random).expect("a key package");
    let request = joiner.request().to_vec();
    let mut stored = HashMap::new();
    apply(&mut stored, &joiner.take_changes());
    (Party { key, group: None, stored }, request)
}

/// One party's commit, taken over by itself and by all others that are in the group.
pub(crate) fn pass(parties: &mut [Party], author: usize, change: &Change) -> Result<Option<Vec<u8>>, CryptoError> {
    let address = parties[author].address();
    let commit = parties[author].group_mut().commit(change, &address)?;
    for index in (0..parties.len()).filter(|index| *index != author) {
        if !parties[index].group().is_active() {
            continue;
        }
        let judged = parties[index].try_receive_commit(&address, &commit.commit, &commit.author)?;
        parties[index].group_mut().merge(judged)?;
        parties[index].save();
    }
    parties[author].group_mut().merge_pending()?;
    parties[author].save();
    Ok(commit.welcome)
}

/// An alliance of this many, the first of them its organiser.
pub(crate) fn alliance_of(count: usize) -> Vec<Party> {
    let mut parties = vec![Party::founder("Person 0", "Organisation 0")];
    for index in 1..count {
        let (mut newcomer, request) = joiner(&format!("Person {index}"), &format!("Organisation {index}"));
        let welcome = pass(&mut parties, 0, &Change::Add(vec![(request, Role::Member)])).expect("an organiser adds");
        let inviter = parties[0].identity().fingerprint();
        newcomer.enter(&welcome.expect("a Welcome"), &inviter).expect("entering");
        parties.push(newcomer);
    }
    parties
}

/// A member who lost its keys, with a fresh request: nothing is left of it but the identity.
pub(crate) fn returning(member: &Party, person: &str, organisation: &str) -> (Party, JoinRequest, Vec<u8>) {
    let random = random();
    let key = IdentityKey::from_seed(&member.key.expose_seed());
    let mut joiner = Joiner::new(&key, &name(person), &name(organisation), &random).expect("a key package");
    let octets = joiner.request().to_vec();
    let request = JoinRequest::verify(&octets).expect("one's own key package");
    let mut stored = HashMap::new();
    apply(&mut stored, &joiner.take_changes());
    (Party { key, group: None, stored }, request, octets)
}

/// Enters again with the keys of a request.
pub(crate) fn reenters(party: &mut Party, welcome: &[u8], expected: &Expected<'_>) -> Result<(), CryptoError> {
    let state = GroupState::from_entries(party.stored.clone());
    party.group = Some(reenter(state, welcome, expected, &random())?.0);
    party.save();
    Ok(())
}
