//! Every encoding of this crate, against vectors that must not change (see `vectors/version-1.txt`).
//!
//! Keys, nonces and secrets come from seeds. What an algorithm draws from a generator of its own (HPKE) is frozen the
//! other way round: the vector must open.

mod support;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer, SigningKey};
use openmls::prelude::{BasicCredential, Credential};
use support::{relay, seeded};
use twiza_crypto::alliance::{AllianceId, AllianceRelay, AllianceState, Claim, Role, Seat};
use twiza_crypto::content::{AuthorSeal, ContentKind};
use twiza_crypto::credential::{self, Person};
use twiza_crypto::epoch::Branch;
use twiza_crypto::grant::{Grant, ReplacedGrant};
use twiza_crypto::group::Group;
use twiza_crypto::group::join::Joiner;
use twiza_crypto::identity::{Identity, IdentityKey};
use twiza_crypto::invitation::Invitation;
use twiza_crypto::ledger::{Ledger, Spent};
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::motion::{Action, Admission, Enactment, Motion, MotionId};
use twiza_crypto::name::Name;
use twiza_crypto::past::Past;
use twiza_crypto::recovery::RecoveryKey;
use twiza_crypto::rules::{Allotment, Quorums, Rules, Succession};
use twiza_crypto::seal::{FrameKey, seal_payload};
use twiza_crypto::vault::{self, VaultCost};
use twiza_crypto::words::{SafetyWords, WordLanguage};
use twiza_crypto::{CIPHERSUITE_NAME, CryptoError};
use twiza_protocol::{Chain, ExpiryDay, FrameSize, MailboxAddress, Sequence};

/// The value of a vector.
fn frozen(name: &str) -> &'static str {
    let lines = include_str!("vectors/version-1.txt").lines().filter(|line| !line.starts_with('#'));
    let mut found = lines.filter_map(|line| line.split_once(": ")).filter(|(found, _)| *found == name);
    let (_, value) = found.next().unwrap_or_else(|| panic!("no vector is named {name}"));
    assert_eq!(found.next(), None, "two vectors are named {name}");
    value
}

fn octets(name: &str) -> Vec<u8> {
    HEXLOWER.decode(frozen(name).as_bytes()).expect("a vector in hex")
}

fn hex(octets: &[u8]) -> String {
    HEXLOWER.encode(octets)
}

fn grant(text: &str) -> Grant {
    Grant::new(text).expect("a grant")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn identity() -> IdentityKey {
    IdentityKey::from_seed(&[3; 32])
}

const FRAME_KEY: [u8; 32] = [5; 32];
const ADDRESS: MailboxAddress = MailboxAddress::from_bytes([6; 32]);

fn frame_key() -> FrameKey {
    FrameKey::new(&FRAME_KEY, ADDRESS, Branch(3))
}

#[test]
fn frames_are_frozen() {
    let author = AuthorSeal { leaf_index: 258, removes: vec![513], signature: [7; 64] };
    for (vector, kind, author, body) in [
        ("message", ContentKind::Message, None, "azul"),
        ("commit", ContentKind::Commit, Some(author), "a commit"),
        ("empty decline", ContentKind::Decline, None, ""),
    ] {
        let sealed = seal_payload(&frame_key(), kind, body.as_bytes(), author.as_ref(), FrameSize::Kib1, &seeded(1));
        let sealed = sealed.expect("sealing").remove(0);
        assert_eq!(hex(sealed.as_bytes()), frozen(&format!("frame {vector}")));
        let content = frame_key().open(&octets(&format!("frame {vector}"))).expect("a frozen frame opens");
        assert_eq!((content.kind, content.author, content.earlier), (kind, author, Vec::new()));
        assert_eq!(content.body, body.as_bytes());
    }
}

#[test]
fn a_frame_is_what_the_specification_says() {
    let frame = octets("frame commit");
    let (nonce, sealed) = frame.split_at(24);
    let aad = [&b"twiza frame v1\0"[..], ADDRESS.as_bytes(), &[3]].concat();
    let cipher = XChaCha20Poly1305::new(&FRAME_KEY.into());
    let opened = cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad }).expect("its key");
    let end = opened.iter().rposition(|octet| *octet != 0).expect("a content") + 1;
    assert_eq!(hex(&opened[..end]), frozen("content of frame commit"));
    let seal = [&[1][..], &258_u32.to_be_bytes(), &[4], &513_u32.to_be_bytes(), &[7; 64]].concat();
    let expected = [&[1, 3, 0][..], &seal, &[0, 8], b"a commit"].concat();
    assert_eq!(&opened[..end], &expected);
    assert_eq!(opened.len(), FrameSize::Kib1.bytes() - 24 - 16);
}

#[test]
fn a_frame_by_a_member_that_holds_no_content_is_refused() {
    let frame = octets("frame commit");
    let (nonce, sealed) = frame.split_at(24);
    let aad = [&b"twiza frame v1\0"[..], ADDRESS.as_bytes(), &[3]].concat();
    let (cipher, nonce) = (XChaCha20Poly1305::new(&FRAME_KEY.into()), XNonce::from_slice(nonce));
    let content = cipher.decrypt(nonce, Payload { msg: sealed, aad: &aad }).expect("its key");
    let resealed = |place: usize, octets: &[u8]| {
        let mut changed = content.clone();
        changed[place..place + octets.len()].copy_from_slice(octets);
        let sealed = cipher.encrypt(nonce, Payload { msg: &changed, aad: &aad }).expect("sealed");
        frame_key().open(&[nonce.as_slice(), &sealed].concat())
    };
    let end = content.len() - 1;
    resealed(end, &[0]).expect("nothing was changed");
    for (what, place, octets) in [
        ("padding that is not zero", end, &[1][..]),
        ("a version of tomorrow", 0, &[2]),
        ("a part with an author", 1, &[0]),
        ("a digest that is cut", 2, &[31]),
        ("an author who neither is nor is not", 3, &[2]),
        ("a body longer than the frame", 78, &[0x7f, 0xff]),
    ] {
        let refused = resealed(place, octets);
        assert!(matches!(refused, Err(CryptoError::Malformed("frame content"))), "{what}: {refused:?}");
    }
}

#[test]
fn kinds_of_content_are_frozen() {
    use ContentKind::{
        Commit, Decline, JoinRequest, Message, Missed, Part, Proposal, Recovery, Report, Rival, Welcome,
    };
    let codes = [Part, Message, Proposal, Commit, Report, Rival, Missed, JoinRequest, Welcome, Decline, Recovery];
    let codes = codes.map(ContentKind::code);
    assert_eq!(hex(&codes), frozen("content kinds"));
    assert_eq!(ContentKind::Followed.code(), 7);
}

#[test]
fn invitations_are_frozen() {
    let inviter = identity().identity().fingerprint();
    let made = Invitation::new(relay().address, inviter, ExpiryDay(20_500), &seeded(2)).expect("an invitation");
    assert_eq!(made.to_link().expect("a link").as_str(), frozen("invitation link"));
    let read = Invitation::from_link(frozen("invitation link")).expect("a frozen link");
    assert_eq!((&read.relay, read.inviter, read.expires), (&relay().address, inviter, ExpiryDay(20_500)));
    assert_eq!(read.to_link().expect("a link").as_str(), frozen("invitation link"));
    let rendezvous = read.rendezvous().expect("keys");
    assert_eq!(rendezvous.mailbox.address().to_string(), frozen("rendezvous address"));
    let sealed = seal_payload(&rendezvous.frame, ContentKind::JoinRequest, b"", None, FrameSize::Kib1, &seeded(1));
    assert_eq!(sealed.expect("sealing")[0].digest().to_string(), frozen("rendezvous frame digest"));
}

fn alliance() -> AllianceState {
    let seat = |octet, role, organisation| Seat {
        identity: Identity::from_bytes([octet; 32]),
        role,
        organisation: name(organisation),
    };
    AllianceState {
        id: AllianceId::from_bytes([8; 32]),
        generation: 3,
        name: name("Tawiza ⵜⴰⵡⵉⵣⴰ"),
        seats: vec![
            seat(1, Role::Observer, "Nour"),
            seat(2, Role::Member, "Amal"),
            seat(3, Role::Organiser, "جمعية النور"),
        ],
        relays: vec![relay(), AllianceRelay { grant: Some(grant("secret")), ..relay() }],
        rules: Rules {
            quorums: Quorums { admit: 2, remove: 2, roles: 3, rules: 3, alliance: 1 },
            own_delegates: true,
            allotments: vec![Allotment { organisation: name("Amal"), seats: 12 }],
            succession: Some(Succession { silence_days: 30, waiting_days: 14, organisations: 2 }),
        },
        ledger: Ledger { day: 20_000, spent: vec![Spent { id: MotionId::from_bytes([5; 16]), expires: 20_014 }] },
        claim: Some(Claim { id: MotionId::from_bytes([6; 16]), appointee: Identity::from_bytes([2; 32]) }),
        founding: None,
    }
}

#[test]
fn the_alliance_state_is_frozen() {
    assert_eq!(hex(&alliance().encode().expect("a state")), frozen("alliance state"));
    assert_eq!(AllianceState::decode(&octets("alliance state")).expect("a frozen state"), alliance());
}

#[test]
fn motions_and_their_approvals_are_frozen() {
    let one = Identity::from_bytes([1; 32]);
    let admission = Admission { identity: one, name: name("Zineb"), organisation: name("Amal"), role: Role::Member };
    let actions = [
        Action::Add(vec![admission]),
        Action::Remove(vec![one]),
        Action::SetRole(one, Role::Organiser),
        Action::SetRules(alliance().rules),
        Action::Rename(name("Tiwizi")),
        Action::Claim(one),
        Action::Appoint(MotionId::from_bytes([6; 16]), one),
    ];
    assert_eq!(hex(&in_commits(actions.into())), frozen("motions in commits"));
    let digest = |grant| ReplacedGrant::of(grant).expect("a digest");
    let (spring, secret) = (grant("spring"), grant("secret"));
    let grants = [
        Action::SetGrant(digest(Some(&spring)), Some(secret)),
        Action::SetGrant(digest(None), Some(spring.clone())),
        Action::SetGrant(digest(Some(&spring)), None),
    ];
    assert_eq!(hex(&in_commits(grants.into())), frozen("motions for a grant in commits"));
}

fn in_commits(actions: Vec<Action>) -> Vec<u8> {
    let mut all = Vec::new();
    for action in actions {
        let motion = Motion { id: MotionId::from_bytes([5; 16]), expires: 20_014, action };
        let approval = motion.approve(&alliance().id, &identity()).expect("an approval");
        let octets = Enactment::new(motion.clone(), vec![approval]).encode().expect("octets");
        let read = Enactment::decode(&octets).expect("one's own octets");
        assert_eq!(read.verify(&alliance().id).expect("one's own approval").motion, motion);
        all.extend(octets);
    }
    all
}

#[test]
fn an_approval_signs_what_the_specification_says() {
    use sha2::{Digest, Sha256};
    let motion = Motion { id: MotionId::from_bytes([5; 16]), expires: 20_014, action: Action::Rename(name("Tiwizi")) };
    let signed = [
        &b"twiza motion approval v1\0"[..],
        alliance().id.as_bytes(),
        &[5; 16],
        &Sha256::digest(b"\x05\x06Tiwizi"),
        &20_014_u32.to_be_bytes(),
    ]
    .concat();
    let key = SigningKey::from_bytes(&identity().expose_seed());
    let approval = motion.approve(&alliance().id, &identity()).expect("an approval");
    assert_eq!(approval.signature, key.sign(&signed).to_bytes());
}

#[test]
fn credentials_are_frozen() {
    let (person, organisation) = (name("Zineb زينب"), name("Amal"));
    let certified = credential::certify(&identity(), &[9; 32], &person, &organisation).expect("a credential");
    assert_eq!(hex(&certified), frozen("member credential"));
    let frozen = Credential::from(BasicCredential::new(octets("member credential")));
    let expected = Person { identity: identity().identity(), name: person, organisation };
    assert_eq!(credential::verify(&frozen, &[9; 32]).expect("a frozen certificate"), expected);
}

#[test]
fn a_certificate_signs_what_the_specification_says() {
    let (person, organisation) = ("Zineb زينب", "Amal");
    let mut signed = [&b"twiza leaf certificate v1\0"[..], &[9; 32]].concat();
    for text in [person, organisation] {
        signed.extend(u16::try_from(text.len()).expect("a short name").to_be_bytes());
        signed.extend(text.as_bytes());
    }
    let signature = SigningKey::from_bytes(&[3; 32]).sign(&signed).to_bytes();
    assert!(octets("member credential").ends_with(&signature));
}

#[test]
fn vaults_are_frozen() {
    let cost = VaultCost { memory_kib: 8, passes: 1, lanes: 1 };
    let (made, key) = vault::create("tiwizi 2026", cost, &seeded(3)).expect("a vault");
    assert_eq!(hex(&made), frozen("vault"));
    let opened = vault::open(&octets("vault"), "tiwizi 2026").expect("a frozen vault opens");
    assert_eq!(hex(opened.expose()), frozen("vault store key"));
    assert_eq!(opened.expose(), key.expose());
    let wrong = vault::open(&octets("vault"), "tiwizi 2027");
    assert!(matches!(wrong, Err(CryptoError::Unverified("the passphrase"))), "{wrong:?}");
    let default = VaultCost::default();
    assert_eq!((default.memory_kib, default.passes, default.lanes), (65_536, 3, 4), "RFC 9106, section 4");
}

#[test]
fn a_vault_that_was_changed_anywhere_stays_shut() {
    let vault = octets("vault");
    for place in 0..vault.len() {
        // The cost's high octets ask for more than the bounds; its low ones for another key.
        let mut damaged = vault.clone();
        damaged[place] ^= 1;
        assert!(vault::open(&damaged, "tiwizi 2026").is_err(), "octet {place} changed");
    }
    assert!(vault::open(&vault[1..], "tiwizi 2026").is_err());
    assert!(vault::open(&[&vault[..], &[0]].concat(), "tiwizi 2026").is_err());
}

#[test]
fn messages_are_frozen() {
    let view = View {
        sequence: Sequence(258),
        chain: Chain::from_bytes([10; 32]),
        since: 259,
        past: Past::of([Chain::from_bytes([13; 32])]),
    };
    let body = MessageBody::Text("azul fell-awen — سلام".to_owned());
    let message = Message { id: [11; 16], sent: 29_000_000, view, body };
    assert_eq!(hex(&message.encode().expect("a message")), frozen("message"));
    assert_eq!(Message::decode(&octets("message")).expect("a frozen message"), message);
    let mut later = octets("message");
    later[1] = 200;
    let later = Message::decode(&later).expect("a kind of a later version");
    assert_eq!(later.body, MessageBody::Unknown { kind: 200 });
}

#[test]
fn safety_words_are_frozen() {
    let person = SafetyWords::of_person(&identity().identity());
    let epoch = SafetyWords::of_epoch(&[12; 48]);
    for (vector, words) in [("person", person), ("epoch", epoch)] {
        assert_eq!(words.words(WordLanguage::English).join(" "), frozen(&format!("words of {vector}, English")));
        assert_eq!(words.words(WordLanguage::French).join(" "), frozen(&format!("words of {vector}, French")));
        assert_eq!(words.to_string(), frozen(&format!("words of {vector}, digits")));
    }
    assert_eq!(hex(&identity().identity().fingerprint()), frozen("fingerprint"));
}

#[test]
fn recovery_mailboxes_are_frozen() {
    let key = RecoveryKey::generate(&seeded(4)).expect("a key");
    assert_eq!(hex(&key.extension_octets().expect("an extension")), frozen("recovery extension"));
    assert_eq!(key.mailbox().expect("a mailbox").address().to_string(), frozen("recovery address"));
    let opened = key.open(&octets("recovery payload")).expect("a frozen payload opens");
    assert_eq!(opened, b"azul");
    let other = RecoveryKey::generate(&seeded(5)).expect("a key");
    assert!(other.open(&octets("recovery payload")).is_err());
}

#[test]
fn the_suite_and_the_extensions_are_frozen() {
    let types = [Group::ALLIANCE_EXTENSION_TYPE, RecoveryKey::EXTENSION_TYPE].map(u16::to_be_bytes).concat();
    assert_eq!(hex(&types), frozen("extension types"));
    let (person, organisation) = (name("Zineb"), name("Amal"));
    let joiner = Joiner::new(&identity(), &person, &organisation, &seeded(6)).expect("a key package");
    assert_eq!(hex(&joiner.request()[..4]), frozen("MLS version and suite"));
    assert_eq!(CIPHERSUITE_NAME, frozen("suite"));
}
