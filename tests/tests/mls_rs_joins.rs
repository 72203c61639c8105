//! An independent implementation of MLS (mls-rs) is a member of an alliance of ours.
//!
//! What an alliance is must follow from RFC 9420 and our specification alone, and not from how OpenMLS does it: so here
//! somebody takes part who shares no line of code with us but the wire contract. Under the classical suite 0x0001, as
//! mls-rs has no hybrid one.

use mls_rs::client_builder::MlsConfig;
use mls_rs::crypto::SignatureSecretKey;
use mls_rs::extension::ExtensionType;
use mls_rs::group::proposal::ProposalType;
use mls_rs::group::{CommitEffect, ReceivedMessage};
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::time::MlsTime;
use mls_rs::{
    CipherSuite, CipherSuiteProvider, Client, CryptoProvider, Extension, ExtensionList, Group as PeersGroup, MlsMessage,
};
use mls_rs_crypto_rustcrypto::RustCryptoProvider;
use openmls::prelude::Ciphersuite;
use std::time::Duration;
use twiza_crypto::alliance::{AllianceId, AllianceRelay, AllianceState, Role, Seat};
use twiza_crypto::content::AuthorSeal;
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{Change, PendingCommit};
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::identity::{Identity, IdentityKey};
use twiza_crypto::ledger::Ledger;
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::name::Name;
use twiza_crypto::past::Past;
use twiza_crypto::recovery::RecoveryKey;
use twiza_crypto::rules::Rules;
use twiza_crypto::{Entropy, EntropyError, Random, credential};
use twiza_protocol::{Chain, FrameDigest, MailboxAddress, MailboxKey, RelayKey, RelaySigningKey, Sequence};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
const PEERS_SUITE: CipherSuite = CipherSuite::CURVE25519_AES128;

/// SHA-256 in counter mode: not for secrets.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in buffer.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&FrameDigest::of(&self.0.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn relay() -> AllianceRelay {
    let key = RelaySigningKey::from_seed(&[9; 32]).public();
    AllianceRelay { address: format!("twiza://relay.example/{key}").parse().expect("an address"), grant: None }
}

fn message(text: &str) -> Message {
    let view = View { sequence: Sequence::START, chain: Chain::from_bytes([0; 32]), since: 0, past: Past::of([]) };
    Message { id: [1; 16], sent: 1, view, body: MessageBody::Text(text.to_owned()) }
}

/// Our side, in a suite of the peer's.
fn found() -> Group {
    let random = Random::new(Counter(1));
    let founder = IdentityKey::generate(&random).expect("randomness");
    let seat = Seat { identity: founder.identity(), role: Role::Organiser, organisation: name("Nour") };
    let alliance = AllianceState {
        id: AllianceId::from_bytes([7; 32]),
        generation: 0,
        name: name("Tawiza"),
        seats: vec![seat],
        relays: vec![relay()],
        rules: Rules::default(),
        ledger: Ledger::default(),
        claim: None,
        founding: None,
    };
    Group::found_in_suite(SUITE, &founder, &name("Amina"), alliance, &random).expect("a group")
}

fn mailbox(group: &Group) -> MailboxAddress {
    group.epoch_keys(relay().address.key(), Branch::default()).expect("a member").mailbox.address()
}

/// Somebody whose client is written with mls-rs.
struct Peer<C: MlsConfig> {
    identity: Identity,
    client: Client<C>,
    leaf_key: SignatureSecretKey,
    /// The extension of its leaf.
    recovery: Vec<u8>,
}

fn peer(seed: u8) -> Peer<impl MlsConfig> {
    let provider = RustCryptoProvider::default();
    let suite = provider.cipher_suite_provider(PEERS_SUITE).expect("the suite");
    let (leaf_key, public) = suite.signature_key_generate().expect("a leaf key");
    let identity = IdentityKey::from_seed(&[seed; 32]);
    let leaf_public = public.as_bytes().try_into().expect("32 octets");
    let octets = credential::certify(&identity, leaf_public, &name("Zineb"), &name("Amal")).expect("a credential");
    let signing = SigningIdentity::new(BasicCredential::new(octets).into_credential(), public);
    let rules = DefaultMlsRules::new()
        .with_commit_options(CommitOptions::new().with_path_required(true))
        .with_encryption_options(EncryptionOptions::new(true, mls_rs::client_builder::PaddingMode::None));
    let client = Client::builder()
        .crypto_provider(provider)
        .identity_provider(BasicIdentityProvider::new())
        .extension_types([Group::ALLIANCE_EXTENSION_TYPE, RecoveryKey::EXTENSION_TYPE].map(ExtensionType::new))
        .custom_proposal_type(ProposalType::new(0x000a))
        .key_package_lifetime(Duration::from_secs(u64::MAX))
        .mls_rules(rules)
        .signing_identity(signing, leaf_key.clone(), PEERS_SUITE)
        .build();
    let recovery = RecoveryKey::generate(&Random::new(Counter(1000))).expect("randomness");
    let recovery = recovery.extension_octets().expect("an extension");
    Peer { identity: identity.identity(), client, leaf_key, recovery }
}

impl<C: MlsConfig> Peer<C> {
    /// Its join request, as our members read it: the key package alone, without the MLSMessage around it.
    fn request(&self) -> JoinRequest {
        let recovery = Extension::new(ExtensionType::new(RecoveryKey::EXTENSION_TYPE), self.recovery.clone());
        let extensions = ExtensionList::from(vec![recovery]);
        let made =
            self.client.generate_key_package_message(ExtensionList::default(), extensions, Some(MlsTime::from(0)));
        let octets = made.expect("a key package").to_bytes().expect("octets");
        let (header, key_package) = octets.split_at(4);
        assert_eq!(header, [0, 1, 0, 5], "an MLSMessage of version 1 with a key package");
        JoinRequest::verify_in_suite(SUITE, key_package).expect("a verified request")
    }

    fn seal(&self, leaf_index: u32, address: &MailboxAddress, commit: &[u8]) -> AuthorSeal {
        let suite = RustCryptoProvider::default().cipher_suite_provider(PEERS_SUITE).expect("the suite");
        let signed = [&b"twiza commit v1\0"[..], address.as_bytes(), FrameDigest::of(commit).as_bytes()].concat();
        let signature = suite.sign(&self.leaf_key, &signed).expect("a signature");
        AuthorSeal { leaf_index, removes: Vec::new(), signature: signature.try_into().expect("64 octets") }
    }
}

/// The peer's mailbox of this epoch, from its own exporter.
fn peers_mailbox<C: MlsConfig>(group: &PeersGroup<C>, relay: &RelayKey, branch: u8) -> MailboxAddress {
    let context = [&relay.as_bytes()[..], &[branch]].concat();
    let secret = group.export_secret(b"twiza mailbox", &context, 32).expect("an exported secret");
    MailboxKey::from_seed(secret.as_bytes().try_into().expect("32 octets")).address()
}

fn peers_state<C: MlsConfig>(group: &PeersGroup<C>) -> Vec<u8> {
    let extensions = &group.context().extensions;
    let found = extensions.get(ExtensionType::new(Group::ALLIANCE_EXTENSION_TYPE));
    found.expect("the alliance's state").extension_data
}

/// Both sides are in one epoch and derive the same from it.
fn assert_agreement<C: MlsConfig>(ours: &Group, theirs: &PeersGroup<C>) {
    assert_eq!(ours.epoch(), theirs.current_epoch());
    assert_eq!(ours.epoch_authenticator(), theirs.epoch_authenticator().expect("a member").as_bytes());
    for branch in [0, 1, 15] {
        let keys = ours.epoch_keys(relay().address.key(), Branch(branch)).expect("a member");
        assert_eq!(keys.mailbox.address(), peers_mailbox(theirs, relay().address.key(), branch), "branch {branch}");
    }
    assert_eq!(ours.alliance().encode().expect("a state"), peers_state(theirs), "the state, octet for octet");
}

/// Messages cross both ways.
fn assert_conversation<C: MlsConfig>(ours: &mut Group, theirs: &mut PeersGroup<C>) {
    let sealed = ours.encrypt_message(&message("azul")).expect("a member speaks");
    let sealed = MlsMessage::from_bytes(&sealed).expect("an MLS message");
    let ReceivedMessage::ApplicationMessage(heard) = theirs.process_incoming_message(sealed).expect("a message") else {
        panic!("not an application message");
    };
    assert_eq!(Message::decode(heard.data()).expect("our encoding"), message("azul"));
    let said = message("azul fell-am").encode().expect("a message");
    let sealed = theirs.encrypt_application_message(&said, Vec::new()).expect("a member speaks");
    let (person, heard) = ours.receive_message(&sealed.to_bytes().expect("octets")).expect("a message");
    assert_eq!((person.name, heard), (name("Zineb"), message("azul fell-am")));
}

/// Our commit, taken over by both.
fn our_commit<C: MlsConfig>(ours: &mut Group, theirs: &mut PeersGroup<C>, change: &Change) -> CommitEffect {
    let address = mailbox(ours);
    let made = ours.commit(change, &address).expect("within the rules");
    let next = ours.next_epoch_keys(relay().address.key()).expect("a pending commit").mailbox.address();
    let received = MlsMessage::from_bytes(&made.commit).expect("an MLS message");
    let ReceivedMessage::Commit(received) = theirs.process_incoming_message(received).expect("our commit") else {
        panic!("not a commit");
    };
    ours.merge_pending().expect("merged");
    assert_eq!(mailbox(ours), next);
    received.effect
}

/// The peer's pending commit, taken over by both.
fn their_commit<C: MlsConfig>(ours: Group, peer: &Peer<C>, theirs: &mut PeersGroup<C>, commit: &MlsMessage) -> Group {
    let commit = commit.to_bytes().expect("octets");
    let address = mailbox(&ours);
    let seal = peer.seal(theirs.current_member_index(), &address, &commit);
    let (mut ours, judged) = ours.receive_commit(&address, &commit, &seal).expect("verified and within the rules");
    assert_eq!(judged.facts().author.identity, peer.identity);
    let next = ours.epoch_keys_after(&judged, relay().address.key()).expect("a member").mailbox.address();
    ours.merge(judged).expect("merged");
    theirs.apply_pending_commit().expect("applied");
    assert_eq!(mailbox(&ours), next);
    ours
}

/// Both sides after the peer has joined.
fn joined<C: MlsConfig>(peer: &Peer<C>) -> (Group, PeersGroup<C>) {
    let mut ours = found();
    let address = mailbox(&ours);
    let change = Change::Add(vec![(peer.request(), Role::Member)]);
    let PendingCommit { welcome, .. } = ours.commit(&change, &address).expect("an organiser adds");
    ours.merge_pending().expect("merged");
    let welcome = MlsMessage::from_bytes(&welcome.expect("a Welcome")).expect("an MLS message");
    let (theirs, _) = peer.client.join_group(None, &welcome, None).expect("joined");
    (ours, theirs)
}

#[test]
fn it_joins_speaks_and_derives_the_same() {
    let peer = peer(11);
    let (mut ours, mut theirs) = joined(&peer);
    assert_agreement(&ours, &theirs);
    assert_conversation(&mut ours, &mut theirs);
    let seat = ours.alliance().seat(&peer.identity).expect("its seat").clone();
    assert_eq!((seat.role, seat.organisation), (Role::Member, name("Amal")));
    let members = ours.members().expect("certified members");
    let leaf = members.iter().find(|member| member.person.identity == peer.identity).expect("its leaf").leaf_index;
    assert_eq!(leaf, theirs.current_member_index());
    let recovery = ours.recovery_mailbox(leaf).expect("its recovery mailbox").mailbox().address();
    assert_eq!(recovery.as_bytes().len(), 32);
}

#[test]
fn commits_of_each_side_are_taken_by_the_other() {
    let peer = peer(12);
    let (mut ours, mut theirs) = joined(&peer);
    for _ in 0..2 {
        our_commit(&mut ours, &mut theirs, &Change::Rotate);
        assert_agreement(&ours, &theirs);
        assert_conversation(&mut ours, &mut theirs);
        let rotation = theirs.commit_builder().build().expect("a rotation").commit_message;
        ours = their_commit(ours, &peer, &mut theirs, &rotation);
        assert_agreement(&ours, &theirs);
        assert_conversation(&mut ours, &mut theirs);
    }
}

#[test]
fn the_state_is_changed_from_either_side() {
    let peer = peer(13);
    let (mut ours, mut theirs) = joined(&peer);
    our_commit(&mut ours, &mut theirs, &Change::SetRole(peer.identity, Role::Organiser));
    assert_agreement(&ours, &theirs);
    // As an organiser, the peer gives the alliance another name: it replaces the whole list, as MLS asks.
    let renamed =
        AllianceState { name: name("Tiwizi"), ..AllianceState::decode(&peers_state(&theirs)).expect("a state") };
    let kind = ExtensionType::new(Group::ALLIANCE_EXTENSION_TYPE);
    let mut extensions = theirs.context().extensions.clone();
    extensions.set(Extension::new(kind, renamed.encode().expect("a state")));
    let commit = theirs.commit_builder().set_group_context_ext(extensions).expect("a proposal").build();
    let commit = commit.expect("a commit").commit_message;
    ours = their_commit(ours, &peer, &mut theirs, &commit);
    assert_eq!(ours.alliance().name, name("Tiwizi"));
    assert_agreement(&ours, &theirs);
    assert_conversation(&mut ours, &mut theirs);
}

#[test]
fn what_it_may_not_do_is_refused() {
    let peer = peer(14);
    let (ours, mut theirs) = joined(&peer);
    let renamed = AllianceState { name: name("Tiwizi"), ..ours.alliance().clone() };
    let kind = ExtensionType::new(Group::ALLIANCE_EXTENSION_TYPE);
    let mut extensions = theirs.context().extensions.clone();
    extensions.set(Extension::new(kind, renamed.encode().expect("a state")));
    let commit = theirs.commit_builder().set_group_context_ext(extensions).expect("a proposal").build();
    let commit = commit.expect("MLS itself has nothing against it").commit_message.to_bytes().expect("octets");
    let address = mailbox(&ours);
    let seal = peer.seal(theirs.current_member_index(), &address, &commit);
    let culprit = ours.verify_author(&address, &commit, &seal).expect("its author");
    assert_eq!(culprit.identity, peer.identity);
    let refused = ours.receive_commit(&address, &commit, &seal).map(|(_, judged)| judged.facts().clone());
    let error = refused.expect_err("it is no organiser");
    assert_eq!(error.to_string(), "refused: its author is not an organiser");
}

#[test]
fn it_learns_of_its_removal() {
    let peer = peer(15);
    let (mut ours, mut theirs) = joined(&peer);
    let effect = our_commit(&mut ours, &mut theirs, &Change::Remove(vec![peer.identity]));
    assert!(matches!(effect, CommitEffect::Removed { .. }), "{effect:?}");
    assert_eq!(ours.members().expect("members").len(), 1);
}
