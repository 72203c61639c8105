//! Seeds: small files of what each target accepts, made from real encodings and kept.

use crate::fixture::{self, Entries, Fixture, seeded};
use anyhow::{Context, Result};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use twiza_crypto::alliance::{AllianceRelay, Role};
use twiza_crypto::bearings::Bearings;
use twiza_crypto::content::{AuthorSeal, Content, ContentKind};
use twiza_crypto::epoch::Branch;
use twiza_crypto::grant::{Grant, ReplacedGrant};
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::Change;
use twiza_crypto::group::join::{JoinRequest, Joiner, enter};
use twiza_crypto::identity::IdentityKey;
use twiza_crypto::kit::{Kit, KitAlliance};
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::motion::{Action, Enactment, Motion, MotionId};
use twiza_crypto::name::Name;
use twiza_crypto::past::Past;
use twiza_crypto::rejoin::{Note, RebootCall, RejoinRequest};
use twiza_crypto::rival::{Rival, SignedEnd};
use twiza_crypto::seal::seal_payload;
use twiza_crypto::vault::{self, VaultCost};
use twiza_crypto::{GroupState, StateChanges, credential, fuzzing, wire};
use twiza_protocol::{
    AdmissionMode, Chain, CoarseTime, Describe, ExpiryDay, FrameDigest, FrameSize, IssueRequest, Issued,
    IssuerDescribe, Limits, MailboxKey, OpenRequest, Opened, PROTOCOL_VERSION, Problem, ProblemCode, Receipt, Record,
    RelaySigningKey, Request, Sequence, TokenGrant, TokenSigningKey, Verb, WatchEntry, WatchRequest,
};

/// Where seeds are kept.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

/// The seeds of a target, sorted by name.
#[must_use]
pub fn stored(target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder().join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Makes all seeds anew.
///
/// # Errors
/// Where a file cannot be written, or an encoding fails.
pub fn make() -> Result<()> {
    if folder().exists() {
        std::fs::remove_dir_all(folder())?;
    }
    std::fs::create_dir_all(folder())?;
    let mut all = of_protocol()?;
    all.extend(of_crypto()?);
    all.extend(of_group()?);
    all.extend(of_http().into_iter().map(|(name, octets)| ("http", name, octets)));
    for (target, name, octets) in all {
        let folder = folder().join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), octets)?;
    }
    Ok(())
}

type Seeds = Vec<(&'static str, &'static str, Vec<u8>)>;

fn relay_key() -> RelaySigningKey {
    RelaySigningKey::from_seed(&[9; 32])
}

fn of_protocol() -> Result<Seeds> {
    let (relay, key) = (relay_key(), MailboxKey::from_seed(&[1; 32]));
    let address = key.address();
    let receipt = Receipt::sign(&relay, &address, Sequence(7), false, Chain::start(&address));
    let request = Request {
        relay: &relay.public(),
        verb: Verb::Watch { after: Sequence(3) },
        time: CoarseTime(29_000_000),
        body: FrameDigest::of(b""),
    };
    let proof = key.prove(&request);
    let describe = Describe {
        protocol_min: PROTOCOL_VERSION,
        protocol_max: PROTOCOL_VERSION,
        relay_key: relay.public(),
        relay_time: CoarseTime(29_000_000),
        admission: AdmissionMode::Grant,
        token_keys: Vec::new(),
        retention_days: 30,
        limits: Limits::default(),
    };
    let watch = WatchRequest { mailboxes: vec![WatchEntry { address, after: Sequence(3), proof: proof.clone() }] };
    let opened = Opened { head: receipt.clone(), expires: ExpiryDay(30_000) };
    let busy = Problem { retry_after_seconds: Some(1), ..Problem::new(ProblemCode::RelayBusy) };
    let skewed = Problem { relay_time: Some(CoarseTime(7)), ..Problem::new(ProblemCode::ClockSkewed) };
    let records = [
        Record::Frame { slot: 1, sequence: Sequence(2), closing: true, octets: vec![5; 64] },
        Record::Head { slot: 0, receipt: receipt.clone() },
        Record::More { slot: 2 },
        Record::Heartbeat,
        Record::Refused { slot: 3, code: ProblemCode::MailboxUnknown },
        Record::Lagging { slot: 4 },
    ];
    let records: Vec<u8> = records.iter().flat_map(Record::encode).collect();
    let token_key =
        TokenSigningKey::from_pem(include_str!("../../../protocol/tests/vectors/token_key.pem"))?.public()?;
    let token = serde_json::from_str(include_str!("../../../protocol/tests/vectors/token.json"))?;
    let (issuer, id, secret) = (fixture::relay(), token_key.id(), "secret".to_owned());
    let grant = TokenGrant { issuer, key: id, secret: secret.clone() };
    let issuer = IssuerDescribe {
        issuer_key: relay.public(),
        token_key: token_key.clone(),
        tokens_per_request_max: 64,
        tokens_per_day_max: 1000,
    };
    // Zeros, as base64url.
    let asked = IssueRequest { grant: secret, messages: vec!["A".repeat(342).parse()?] };
    let issued = Issued { signatures: vec!["A".repeat(342).parse()?] };
    let https = format!("https://relay.example/{}", relay.public());
    let ipv6 = format!("twiza://[2001:db8::1]:443/{}", relay.public());
    Ok(vec![
        ("frame", "kib1", vec![7; 1024]),
        ("relay_address", "pinned", fixture::relay().to_string().into_bytes()),
        ("relay_address", "web", https.into_bytes()),
        ("relay_address", "ipv6", ipv6.into_bytes()),
        ("relay_address", "grant", grant.to_string().into_bytes()),
        ("relay_address", "token_key", token_key.to_string().into_bytes()),
        ("relay_address", "key", address.to_string().into_bytes()),
        ("problem", "busy", serde_json::to_vec(&busy)?),
        ("problem", "skewed", serde_json::to_vec(&skewed)?),
        ("api", "describe", serde_json::to_vec(&describe)?),
        ("api", "open", serde_json::to_vec(&OpenRequest { grant: Some("secret".to_owned()), token: None })?),
        ("api", "token", serde_json::to_vec(&OpenRequest { grant: None, token: Some(token) })?),
        ("api", "issuer", serde_json::to_vec(&issuer)?),
        ("api", "asked", serde_json::to_vec(&asked)?),
        ("api", "issued", serde_json::to_vec(&issued)?),
        ("api", "opened", serde_json::to_vec(&opened)?),
        ("api", "watch", serde_json::to_vec(&watch)?),
        ("api", "receipt", serde_json::to_vec(&receipt)?),
        ("records", "all", [&[9][..], &records].concat()),
        ("records", "heartbeat", [&[1][..], &Record::Heartbeat.encode()].concat()),
        ("proof", "watch", proof.to_string().into_bytes()),
    ])
}

fn of_crypto() -> Result<Seeds> {
    let name = |text| Name::new(text);
    let identity = fixture::inviter();
    let founder = Group::found(&identity, &name("Amina")?, &name("Nour")?, &name("Tawiza")?, relay(), &seeded(20))?;
    let content = Content {
        kind: ContentKind::Commit,
        earlier: vec![FrameDigest::of(b"a part")],
        author: Some(AuthorSeal { leaf_index: 3, removes: vec![5], signature: [8; 64] }),
        mark: Some([9; 16]),
        body: b"a commit".to_vec(),
    };
    let mut padded = fuzzing::encode_content(&content)?;
    padded.resize(256, 0);
    let part = Content { kind: ContentKind::Part, earlier: Vec::new(), author: None, mark: None, body: vec![1; 9] };
    let frame =
        seal_payload(&fixture::frame_key(), ContentKind::Message, b"a payload", None, FrameSize::Kib1, &seeded(21))?;
    let invitation = fixture::invitation();
    let encoded = data_encoding::BASE64URL_NOPAD.decode(invitation.to_link()?[11..].as_bytes())?;
    let chain = Chain::start(&MailboxKey::from_seed(&[1; 32]).address());
    let view = View { sequence: Sequence(4), chain, since: 0, past: Past::of([]) };
    let said = |body| Message { id: [1; 16], sent: 29_000_000, view, body }.encode();
    let motion = Motion { id: MotionId::from_bytes([7; 16]), expires: 20_700, action: Action::Rename(name("Tiwizi")?) };
    let approval = motion.approve(&founder.alliance().id, &identity)?;
    let bearings = founder.bearings(9)?;
    let kit = Kit {
        key: fixture::inviter(),
        name: name("Amina")?,
        organisation: name("Nour")?,
        alliances: vec![KitAlliance { bearings: bearings.clone(), mailboxes: vec![fixture::recovery_key()] }],
    };
    let call = RebootCall {
        alliance: founder.alliance().id,
        generation: 1,
        day: ExpiryDay(20_700),
        caller: identity.identity(),
        without: vec![IdentityKey::from_seed(&[8; 32]).identity()],
        mailbox: fixture::recovery_key().public()?,
    };
    let recovery = fixture::recovery_key();
    let cost = VaultCost { memory_kib: 64, passes: 1, lanes: 1 };
    let (_, request) = joiner("Karim", "Amal", 22)?;
    let certificate = credential::certify(&identity, &fixture::leaf_key(), &name("Amina")?, &name("Nour")?)?;
    Ok(vec![
        ("content", "commit", padded),
        ("content", "part", fuzzing::encode_content(&part)?),
        ("sealed_frame", "message", frame.into_iter().next().context("a frame")?.into_bytes()),
        ("invitation", "link", invitation.to_link()?.as_bytes().to_vec()),
        ("invitation", "encoded", encoded[..encoded.len() - 4].to_vec()),
        ("decline", "decline", invitation.decline(&identity)?),
        ("alliance_state", "founded", founder.alliance().encode()?),
        ("credential", "amina", certificate),
        ("recovery_mailbox", "extension", recovery.extension_octets()?),
        ("recovery_payload", "sealed", recovery.public()?.seal(b"a payload")?),
        ("message", "text", said(MessageBody::Text("السلام عليكم".to_owned()))?),
        ("message", "motion", said(MessageBody::Motion(Box::new(motion.clone()), approval.signature))?),
        ("message", "approval", said(MessageBody::Approval(motion.id, approval.signature))?),
        ("message", "withdrawal", said(MessageBody::Withdrawal(motion.id))?),
        ("note", "call", fuzzing::encode_note(&Note::Call(b"a call".to_vec()))?),
        ("rejoin_request", "karim", rejoin_request(&bearings)?),
        ("reboot_call", "amina", call.sign(&identity)?),
        ("bearings", "founded", bearings.encode()?),
        ("kit", "cheap", kit.seal(fixture::PASSPHRASE, cost, &seeded(24))?),
        ("name", "typed", "Fatima-Zohra ⵜⴰⵎⵖⴰⵔⵜ".as_bytes().to_vec()),
        ("name", "peer", wire::encode(&name("Jamaiyat Annour")?)?),
        ("vault", "cheap", vault::create(fixture::PASSPHRASE, cost, &seeded(23))?.0),
        ("join_request", "karim", request),
    ])
}

fn rejoin_request(bearings: &Bearings) -> Result<Vec<u8>> {
    let random = seeded(25);
    let key = IdentityKey::generate(&random)?;
    let joiner = Joiner::new(&key, &Name::new("Karim")?, &Name::new("Amal")?, &random)?;
    Ok(RejoinRequest::sign(&key, bearings, 0, ExpiryDay(20_700), joiner.request())?)
}

/// What members decide by in the alliance that is stored: a motion with its approval, reports on a commit, and that commit
/// as a relay took it.
fn of_deciding(member: &Group, commit: &[u8], seal: &AuthorSeal) -> Result<Seeds> {
    let keys = member.epoch_keys(fixture::relay().key(), Branch::default())?;
    let address = keys.mailbox.address();
    let motion =
        Motion { id: MotionId::from_bytes([7; 16]), expires: 20_700, action: Action::Rename(Name::new("Tiwizi")?) };
    let approval = motion.approve(&member.alliance().id, &fixture::inviter())?;
    let action = Action::SetGrant(ReplacedGrant::of(None)?, Some(Grant::new("autumn")?));
    let size = twiza_crypto::seal::commit_frame_size(2);
    let frames = seal_payload(&keys.frame, ContentKind::Commit, commit, Some(seal), size, &seeded(35))?;
    let before = Chain::start(&address);
    let last = frames.last().context("a frame")?.digest();
    let head = Receipt::sign(&relay_key(), &address, Sequence(1), true, before.append(Sequence(1), true, &last));
    let frames = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
    let followed = member.followed(&address, Sha256::digest(commit).into());
    Ok(vec![
        ("enactment", "rename", Enactment::new(motion.clone(), vec![approval]).encode()?),
        ("enactment", "grant", Enactment::new(Motion { action, ..motion }, Vec::new()).encode()?),
        ("report", "cannot_follow", member.report(&address, commit).encode()?),
        ("report", "followed", followed.encode()?),
        ("missed", "one", member.missed(&address, &[last]).encode()?),
        (
            "rival",
            "commit",
            Rival::new(Branch::default(), &before, &head, vec![SignedEnd::new(Branch(1), &head)], frames).encode()?,
        ),
    ])
}

fn relay() -> AllianceRelay {
    AllianceRelay { address: fixture::relay(), grant: Grant::new("grant").ok() }
}

fn apply(entries: &mut Entries, changes: &StateChanges) {
    entries.extend(changes.put.iter().cloned());
    changes.deleted.iter().for_each(|key| drop(entries.remove(key)));
}

/// Somebody who asks to join: its keys, and its request.
fn joiner(name: &str, organisation: &str, seed: u64) -> Result<(Entries, Vec<u8>)> {
    let random = seeded(seed);
    let key = IdentityKey::generate(&random)?;
    let mut joiner = Joiner::new(&key, &Name::new(name)?, &Name::new(organisation)?, &random)?;
    let mut entries = Entries::new();
    apply(&mut entries, &joiner.take_changes());
    Ok((entries, joiner.request().to_vec()))
}

fn load(entries: &Entries) -> Result<Group> {
    Ok(Group::load(GroupState::from_entries(entries.clone()), &seeded(30))?)
}

/// An alliance of two: what the second sends to the first, and a Welcome of the first for a third.
fn of_group() -> Result<Seeds> {
    let inviter = fixture::inviter();
    let name = |text| Name::new(text);
    let random = seeded(31);
    let mut first = Group::found(&inviter, &name("Amina")?, &name("Nour")?, &name("Tawiza")?, relay(), &random)?;
    let (mut of_first, address) = (Entries::new(), address(&first)?);
    let (mut of_second, request) = joiner("Karim", "Amal", 32)?;
    let add = |request: &[u8]| anyhow::Ok(Change::Add(vec![(JoinRequest::verify(request)?, Role::Member)]));
    let welcome = first.commit(&add(&request)?, &address)?.welcome.context("a Welcome")?;
    first.merge_pending()?;
    apply(&mut of_first, &first.take_changes());
    let fingerprint = inviter.identity().fingerprint();
    let mut second = enter(GroupState::from_entries(of_second.clone()), &welcome, &fingerprint, &seeded(33))?;
    apply(&mut of_second, &second.take_changes());

    let address = self::address(&first)?;
    let leaf = second.members()?.iter().map(|member| member.leaf_index).max().context("a leaf")?;
    let (of_third, request) = joiner("Zineb", "Ayt", 34)?;
    let welcome = load(&of_first)?.commit(&add(&request)?, &address)?.welcome.context("a Welcome")?;
    let mut fixture = Fixture::new((&of_second, leaf), of_first, of_third, &address);
    let view = View { sequence: Sequence::START, chain: Chain::start(&address), since: 0, past: Past::of([]) };
    let said = Message { id: [2; 16], sent: 1, view, body: MessageBody::Text("Azul".to_owned()) };
    fixture.message = load(&of_second)?.encrypt_message(&said)?;
    fixture.commit = load(&of_second)?.commit(&Change::Rotate, &address)?.commit;
    fixture.store()?;
    let proposal = load(&of_second)?.propose_leave()?;
    let key = SigningKey::from_bytes(&fixture.author_device);
    let signed = [&b"twiza commit v1\0"[..], address.as_bytes(), &Sha256::digest(&fixture.commit)].concat();
    let seal = AuthorSeal { leaf_index: leaf, removes: Vec::new(), signature: key.sign(&signed).to_bytes() };
    let mut seeds = of_deciding(&load(&of_second)?, &fixture.commit, &seal)?;
    seeds.extend([
        ("author_seal", "commit", wire::encode(&seal)?),
        ("mls_message", "message", [&[0][..], &fixture.message].concat()),
        ("mls_message", "proposal", [&[1][..], &proposal].concat()),
        ("mls_message", "commit", [&[2][..], &fixture.commit].concat()),
        ("welcome", "third", welcome),
    ]);
    Ok(seeds)
}

fn address(group: &Group) -> Result<twiza_protocol::MailboxAddress> {
    Ok(group.epoch_keys(fixture::relay().key(), Branch::default())?.mailbox.address())
}

/// See `targets/http.rs`: kind, mailbox, flags, and what belongs to the kind.
fn of_http() -> Vec<(&'static str, Vec<u8>)> {
    let raw = |method: u8, path: &str, header: (&str, &str), body: &str| {
        let mut octets = vec![0, method, path.len() as u8];
        octets.extend_from_slice(path.as_bytes());
        octets.extend([1, header.0.len() as u8]);
        octets.extend_from_slice(header.0.as_bytes());
        octets.push(header.1.len() as u8);
        octets.extend_from_slice(header.1.as_bytes());
        octets.extend_from_slice(body.as_bytes());
        octets
    };
    vec![
        ("open", vec![1, 0, 0]),
        ("open_grant", [&[1, 1, 0][..], br#"{"grant":"secret"}"#].concat()),
        ("append", [&[2, 0, 0][..], b"a frame"].concat()),
        ("append_closing", [&[2, 1, 4][..], b"the last frame"].concat()),
        ("read", vec![3, 0, 0, 1, 0]),
        ("watch", vec![4, 0, 8, 0, 1, 0, 1, 0]),
        ("describe", vec![5, 0, 0]),
        ("health", vec![5, 0, 2]),
        ("raw_describe", raw(0, "/v1/relay", ("accept", "*/*"), "")),
        ("raw_watch", raw(2, "/v1/watch", ("content-type", "application/json"), r#"{"mailboxes":[]}"#)),
        ("raw_unproven", raw(0, "/v1/mailboxes/AAAA/frames?after=1", ("twiza-proof", "1.AAAA"), "")),
    ]
}
