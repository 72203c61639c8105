//! What messages, joins and commits cost, beside OpenMLS doing the same without our layers, in the same run.
//!
//! ```text
//! cargo bench -p twiza-crypto --bench groups                                     everything
//! TWIZA_BENCH_MEMBERS=10 cargo bench -p twiza-crypto --bench groups -- --quick   a first impression
//! ```
//!
//! Groups come out of batched adds, so their trees are *cold*: nobody has updated yet, and a commit encrypts to every
//! leaf. That is the worst case; as members rotate, commits get an order of magnitude smaller. The raw side has the
//! same group, the same tree and the same suite, but no judging, no certificates, no author's seal and no frame.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{GroupId, MlsGroup, MlsMessageIn, ProcessedMessageContent, ProtocolMessage};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use std::hint::black_box;
use std::time::Duration;
use support::{Party, joiner, random, relay};
use tls_codec::Deserialize;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::epoch::{Branch, EpochKeys};
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{ADDITIONS_MAX, Change};
use twiza_crypto::group::join::enter;
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::past::Past;
use twiza_crypto::{GroupState, seal};
use twiza_protocol::{Chain, FrameSize, Sequence};

/// Alliances of so many members.
fn sizes() -> Vec<usize> {
    let wanted = std::env::var("TWIZA_BENCH_MEMBERS").unwrap_or_else(|_| "10,50,200".to_owned());
    wanted.split(',').map(|size| size.trim().parse().expect("TWIZA_BENCH_MEMBERS is a list of numbers")).collect()
}

/// An alliance as its founder and its newest member hold it.
struct Alliance {
    founder: Party,
    newest: Party,
}

/// Adds people in batches; the last batch is one person, who enters.
fn alliance(members: usize) -> Alliance {
    let mut founder = Party::founder("Person 0", "Organisation 0");
    let people = 1..members - 1;
    for batch in people.collect::<Vec<_>>().chunks(ADDITIONS_MAX) {
        add(&mut founder, batch);
    }
    let (mut newest, welcome) = add(&mut founder, &[members - 1]);
    newest.enter(&welcome, &founder.identity().fingerprint()).expect("entering");
    founder.save();
    newest.save();
    Alliance { founder, newest }
}

fn add(founder: &mut Party, people: &[usize]) -> (Party, Vec<u8>) {
    let mut last = None;
    let mut admitted = Vec::new();
    for person in people {
        let (party, request) = joiner(&format!("Person {person}"), &format!("Organisation {}", person % 20));
        last = Some(party);
        admitted.push((request, Role::Member));
    }
    let address = founder.address();
    let made = founder.group_mut().commit(&Change::Add(admitted), &address).expect("an organiser adds");
    founder.group_mut().merge_pending().expect("merged");
    (last.expect("somebody"), made.welcome.expect("a Welcome"))
}

fn reloaded(party: &Party) -> Group {
    Group::load(GroupState::from_entries(party.stored().clone()), &random()).expect("stored state")
}

struct LeafSigner(SigningKey);

impl Signer for LeafSigner {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The same member's group under OpenMLS alone.
struct Raw {
    mls: MlsGroup,
    provider: OpenMlsRustCrypto,
    signer: LeafSigner,
}

impl Raw {
    fn of(party: &Party) -> Self {
        let provider = OpenMlsRustCrypto::default();
        provider.storage().values.write().expect("a lock").extend(party.stored().clone());
        let id = GroupId::from_slice(&party.stored()[&b"twiza group id"[..]]);
        let mls = MlsGroup::load(provider.storage(), &id).expect("stored state").expect("a group");
        Self { mls, provider, signer: LeafSigner(party.device_key()) }
    }

    fn say(&mut self, octets: &[u8]) -> Vec<u8> {
        let made = self.mls.create_message(&self.provider, &self.signer, octets).expect("a message");
        made.to_bytes().expect("octets")
    }

    fn process(&mut self, octets: &[u8]) -> ProcessedMessageContent {
        let message = MlsMessageIn::tls_deserialize_exact(octets).expect("an MLS message");
        let message: ProtocolMessage = message.try_into_protocol_message().expect("a protocol message");
        self.mls.process_message(&self.provider, message).expect("processed").into_content()
    }

    fn rotate(&mut self) -> Vec<u8> {
        let builder = self.mls.commit_builder().force_self_update(true).load_psks(self.provider.storage());
        let built = builder.expect("no pre-shared keys").build(
            self.provider.rand(),
            self.provider.crypto(),
            &self.signer,
            |_| true,
        );
        let bundle = built.expect("a commit").stage_commit(&self.provider).expect("staged");
        bundle.into_messages().0.to_bytes().expect("octets")
    }
}

fn keys(group: &Group) -> EpochKeys {
    group.epoch_keys(relay().address.key(), Branch::default()).expect("a member")
}

fn text() -> Message {
    let view = View { sequence: Sequence::START, chain: Chain::from_bytes([0; 32]), since: 0, past: Past::of([]) };
    Message { id: [1; 16], sent: 1, view, body: MessageBody::Text("a".repeat(1024)) }
}

fn messages(criterion: &mut Criterion) {
    let Alliance { founder, newest } = alliance(10);
    let mut group = criterion.benchmark_group("message of 1 KiB");
    group.sample_size(50).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let (message, random) = (text(), random());
    let octets = message.encode().expect("a message");
    let seal_one = |speaker: &mut Group, keys: &EpochKeys| {
        let body = speaker.encrypt_message(&message).expect("a member speaks");
        seal::seal_payload(&keys.frame, ContentKind::Message, &body, None, FrameSize::Kib1, &random).expect("sealed")
    };

    let mut speaker = reloaded(&founder);
    let keys = keys(&speaker);
    group.bench_function("seal", |bencher| bencher.iter(|| black_box(seal_one(&mut speaker, &keys))));
    let mut raw = Raw::of(&founder);
    group.bench_function("seal, OpenMLS alone", |bencher| bencher.iter(|| black_box(raw.say(&octets))));

    let (mut speaker, mut listener) = (reloaded(&founder), reloaded(&newest));
    group.bench_function("open", |bencher| {
        let frame = || seal_one(&mut speaker, &keys).remove(0);
        let open = |frame: twiza_protocol::Frame| {
            let content = keys.frame.open(frame.as_bytes()).expect("one's own frame");
            black_box(listener.receive_message(&content.body).expect("a message"))
        };
        bencher.iter_batched(frame, open, BatchSize::SmallInput);
    });
    let (mut speaker, mut listener) = (Raw::of(&founder), Raw::of(&newest));
    group.bench_function("open, OpenMLS alone", |bencher| {
        bencher.iter_batched(
            || speaker.say(&octets),
            |sealed| black_box(listener.process(&sealed)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn commits(criterion: &mut Criterion) {
    for members in sizes() {
        let Alliance { mut founder, newest } = alliance(members);
        let address = founder.address();
        let mut group = criterion.benchmark_group(format!("{members} members"));
        group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(3));

        let (newcomer, request) = joiner("Newcomer", "Organisation 1");
        let addition = Change::Add(vec![(request, Role::Member)]);
        let removal = Change::Remove(vec![newest.identity()]);
        for (what, change) in [("add one", &addition), ("remove one", &removal), ("rotate", &Change::Rotate)] {
            let made = founder.try_commit(change).expect("an organiser may");
            let welcome = made.welcome.as_ref().map_or(0, Vec::len);
            eprintln!("{members} members, {what}: commit {} octets, Welcome {welcome} octets", made.commit.len());
            group.bench_function(what, |bencher| {
                let commit = |mut group: Group| group.commit(change, &address).map(|made| (group, made));
                bencher.iter_batched(|| reloaded(&founder), |group| black_box(commit(group)), BatchSize::PerIteration);
            });
        }
        group.bench_function("rotate, OpenMLS alone", |bencher| {
            let rotate = |mut raw: Raw| (raw.rotate(), raw);
            bencher.iter_batched(|| Raw::of(&founder), |raw| black_box(rotate(raw)), BatchSize::PerIteration);
        });

        let rotation = founder.try_commit(&Change::Rotate).expect("anybody may rotate");
        group.bench_function("receive a rotation", |bencher| {
            let receive = |group: Group| {
                let received = group.receive_commit(&address, &rotation.commit, &rotation.author);
                let (mut group, judged) = received.expect("a good commit");
                group.merge(judged).expect("merged");
                group
            };
            bencher.iter_batched(|| reloaded(&newest), |group| black_box(receive(group)), BatchSize::PerIteration);
        });
        group.bench_function("receive a rotation, OpenMLS alone", |bencher| {
            let receive = |mut raw: Raw| {
                let ProcessedMessageContent::StagedCommitMessage(staged) = raw.process(&rotation.commit) else {
                    panic!("not a commit");
                };
                raw.mls.merge_staged_commit(&raw.provider, *staged).expect("merged");
                raw
            };
            bencher.iter_batched(|| Raw::of(&newest), |raw| black_box(receive(raw)), BatchSize::PerIteration);
        });

        let welcome = founder.try_commit(&addition).expect("an organiser adds").welcome.expect("a Welcome");
        let inviter = founder.identity().fingerprint();
        group.bench_function("join", |bencher| {
            let state = || GroupState::from_entries(newcomer.stored().clone());
            let join = |state| enter(state, &welcome, &inviter, &random()).expect("entering");
            bencher.iter_batched(state, |state| black_box(join(state)), BatchSize::PerIteration);
        });
        group.finish();
    }
}

criterion_group!(groups, messages, commits);
criterion_main!(groups);
