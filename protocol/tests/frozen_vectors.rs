//! Every encoding of the wire, against vectors that must not change (see `vectors/version-1.txt`).
//!
//! Keys come from fixed seeds, and Ed25519 is deterministic, so the vectors hold signatures as well.

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use std::fmt::Debug;
use twiza_protocol::stream::frame_record_header;
use twiza_protocol::{
    AdmissionMode, Chain, CoarseTime, Describe, ExpiryDay, FrameDigest, FrameSize, Limits, MailboxAddress, MailboxKey,
    OpenRequest, Opened, PassIssuer, PassProof, Problem, ProblemCode, Proof, Receipt, Record, RecordDecoder,
    RelayAddress, RelaySigningKey, Request, Sequence, Transport, Verb, WatchEntry, WatchRequest,
};

const MAILBOX_SEED: [u8; 32] = [1; 32];
const RELAY_SEED: [u8; 32] = [2; 32];
const TIME: CoarseTime = CoarseTime(29_000_000);
const BODY: &[u8] = b"a frame, for the vectors' purposes";

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

fn mailbox() -> MailboxKey {
    MailboxKey::from_seed(&MAILBOX_SEED)
}

fn relay() -> RelaySigningKey {
    RelaySigningKey::from_seed(&RELAY_SEED)
}

fn verbs() -> [(&'static str, u8, u64, Verb); 5] {
    [
        ("open", 1, 0, Verb::Open),
        ("append", 2, 0, Verb::Append { closing: false }),
        ("append closing", 2, 1, Verb::Append { closing: true }),
        ("read", 3, 7, Verb::Read { after: Sequence(7) }),
        ("watch", 4, 7, Verb::Watch { after: Sequence(7) }),
    ]
}

fn chain() -> Chain {
    let start = Chain::start(&mailbox().address());
    let first = start.append(Sequence(1), false, &FrameDigest::of(b"one"));
    first.append(Sequence(2), true, &FrameDigest::of(b"two"))
}

fn receipt() -> Receipt {
    Receipt::sign(&relay(), &mailbox().address(), Sequence(2), true, chain())
}

fn proof(verb: Verb, body: &[u8]) -> Proof {
    mailbox().prove(&Request { relay: &relay().public(), verb, time: TIME, body: FrameDigest::of(body) })
}

#[test]
fn keys_and_addresses_are_frozen() {
    assert_eq!(mailbox().address().to_string(), frozen("mailbox address"));
    assert_eq!(relay().public().to_string(), frozen("relay key"));
    assert_eq!(frozen("mailbox address").parse::<MailboxAddress>().expect("an address"), mailbox().address());
    assert_eq!(FrameDigest::of(BODY).to_string(), frozen("frame digest"));
}

#[test]
fn proofs_are_frozen_as_headers() {
    for (name, _, _, verb) in verbs() {
        let header = frozen(&format!("proof {name}"));
        assert_eq!(proof(verb, BODY).to_string(), header, "{name}");
        let parsed: Proof = header.parse().expect("a proof header");
        let digest = FrameDigest::of(BODY);
        parsed.verify(&mailbox().address(), &relay().public(), verb, digest, TIME).expect("a frozen proof verifies");
    }
}

#[test]
fn a_proof_signs_the_transcript_of_the_specification() {
    for (name, code, argument, verb) in verbs() {
        let transcript = [
            &b"twiza proof v1\0"[..],
            relay().public().as_bytes(),
            &[code],
            mailbox().address().as_bytes(),
            &TIME.0.to_be_bytes(),
            &u64::to_be_bytes(argument),
            &Sha256::digest(BODY),
        ]
        .concat();
        let signature = SigningKey::from_bytes(&MAILBOX_SEED).sign(&transcript);
        assert_eq!(proof(verb, BODY).signature, signature.to_bytes(), "{name}");
        assert_eq!(hex(&Sha256::digest(&transcript)), frozen(&format!("proof transcript digest {name}")));
    }
}

#[test]
fn passes_and_their_proofs_are_frozen() {
    let (issuer, address, relay) = (PassIssuer::of(&relay()), mailbox().address(), relay().public());
    let (pass, body) = (issuer.issue(&address, TIME), FrameDigest::of(BODY));
    assert_eq!(pass.expose_text(), frozen("pass"));
    for (name, _, _, verb) in verbs().into_iter().filter(|(name, ..)| *name != "watch") {
        let header = frozen(&format!("pass proof {name}"));
        assert_eq!(pass.prove(&address, &Request { relay: &relay, verb, time: TIME, body }).to_string(), header);
        let parsed: PassProof = header.parse().expect("a proof header");
        issuer.verify(&parsed, &address, &relay, verb, body, TIME).expect("a frozen proof verifies");
    }
}

#[test]
fn the_chain_is_frozen() {
    let start = Chain::start(&mailbox().address());
    assert_eq!(start.to_string(), frozen("chain of no frames"));
    let first = start.append(Sequence(1), false, &FrameDigest::of(b"one"));
    assert_eq!(first.to_string(), frozen("chain of one frame"));
    assert_eq!(chain().to_string(), frozen("chain of two frames, closed"));
    assert_eq!(frozen("chain of two frames, closed").parse::<Chain>().expect("a chain"), chain());
}

#[test]
fn receipts_are_frozen_and_sign_the_transcript_of_the_specification() {
    assert_json("receipt", &receipt());
    let read: Receipt = serde_json::from_str(frozen("receipt")).expect("a receipt");
    read.verify(&relay().public(), &mailbox().address()).expect("a frozen receipt verifies");
    let transcript = [
        &b"twiza receipt v1\0"[..],
        relay().public().as_bytes(),
        mailbox().address().as_bytes(),
        &2_u64.to_be_bytes(),
        &[1],
        chain().as_bytes(),
    ]
    .concat();
    let signature = SigningKey::from_bytes(&RELAY_SEED).sign(&transcript);
    let text = data_encoding::BASE64URL_NOPAD.encode(&signature.to_bytes());
    assert_eq!(receipt().signature.to_string(), text);
}

#[test]
fn records_of_every_kind_are_frozen() {
    let octets_of_frame: Vec<u8> = (0..=15).collect();
    let frame = Record::Frame { slot: 3, sequence: Sequence(258), closing: true, octets: octets_of_frame };
    let records = [
        ("record frame", frame),
        ("record head", Record::Head { slot: 3, receipt: receipt() }),
        ("record more", Record::More { slot: 3 }),
        ("record heartbeat", Record::Heartbeat),
        ("record refused", Record::Refused { slot: 3, code: ProblemCode::MailboxUnknown }),
        ("record lagging", Record::Lagging { slot: 259 }),
    ];
    let mut stream = Vec::new();
    for (name, record) in &records {
        assert_eq!(hex(&record.encode()), frozen(name));
        stream.extend(octets(name));
    }
    let mut decoder = RecordDecoder::default();
    decoder.push(&stream);
    for (name, record) in records {
        assert_eq!(decoder.next_record().expect(name), Some(record), "{name}");
    }
    assert!(decoder.is_at_boundary());
    let header = frame_record_header(3, Sequence(258), true, FrameSize::Kib1);
    assert_eq!(hex(&header), frozen("record header of a frame of 1 KiB"));
}

#[test]
fn relay_addresses_are_frozen() {
    let key = relay().public();
    for (name, transport, host, port) in [
        ("relay address pinned", Transport::Pinned, "relay.example", 7443),
        ("relay address of a web domain", Transport::WebPki, "relay.example", 443),
        ("relay address of IPv6", Transport::Pinned, "[2001:db8::1]", 9000),
    ] {
        let address = RelayAddress::new(transport, host, port, key).expect("an address");
        assert_eq!(address.to_string(), frozen(name));
        assert_eq!(frozen(name).parse::<RelayAddress>().expect("an address"), address);
    }
    let short: RelayAddress = format!("twiza://relay.example/{key}").parse().expect("an address without a port");
    assert_eq!(short.to_string(), frozen("relay address pinned"), "the default port is part of the protocol");
}

#[test]
fn problems_are_frozen() {
    assert_json("problem mailbox_closed", &Problem::new(ProblemCode::MailboxClosed));
    let skewed = Problem { relay_time: Some(TIME), ..Problem::new(ProblemCode::ClockSkewed) };
    assert_json("problem clock_skewed", &skewed);
    let busy = Problem { retry_after_seconds: Some(5), ..Problem::new(ProblemCode::RelayBusy) };
    assert_json("problem relay_busy", &busy);
}

#[test]
fn the_alphabet_of_codes_is_frozen() {
    let alphabet: Vec<_> = ProblemCode::ALL.iter().map(|code| format!("{code}={}", code.status())).collect();
    assert_eq!(alphabet.join(" "), frozen("problem codes"));
    for code in ProblemCode::ALL {
        assert_eq!(ProblemCode::from_text(code.as_str()), *code);
        assert_eq!(serde_json::to_string(code).expect("JSON"), format!("\"{code}\""));
    }
}

#[test]
fn control_bodies_are_frozen() {
    assert_json(
        "describe",
        &Describe {
            protocol_min: 1,
            protocol_max: 1,
            relay_key: relay().public(),
            relay_time: TIME,
            admission: AdmissionMode::Grant,
            token_keys: Vec::new(),
            retention_days: 30,
            limits: Limits {
                frames_per_mailbox_max: 1,
                mailbox_bytes_max: 2,
                closing_reserve_bytes: 3,
                page_bytes_max: 4,
                mailboxes_per_watch_max: 5,
                json_bytes_max: 6,
                relay_bytes_max: 7,
            },
        },
    );
    assert_json("open request without a grant", &OpenRequest::default());
    assert_json("open request with a grant", &OpenRequest { grant: Some("secret".to_owned()), token: None });
    assert_json("opened", &Opened { head: receipt(), expires: ExpiryDay(20_500) });
    let after = Sequence(7);
    let entry = WatchEntry { address: mailbox().address(), after, proof: proof(Verb::Watch { after }, b"") };
    assert_json("watch request", &WatchRequest { mailboxes: vec![entry] });
}

#[test]
fn what_later_versions_add_is_survived_where_it_may_be() {
    let described = frozen("describe").replace("\"grant\"", "\"tokens\"").replacen('{', "{\"later\":1,", 1);
    let described: Describe = serde_json::from_str(&described).expect("a later relay is still understood");
    assert_eq!(described.admission, AdmissionMode::Unknown);
    let problem = frozen("problem mailbox_closed").replace("\"mailbox_closed\"", "\"of_a_later_version\"");
    let problem: Problem = serde_json::from_str(&problem).expect("a later code is still a problem");
    assert_eq!(problem.code, ProblemCode::Unknown);
    assert!(serde_json::from_str::<OpenRequest>(r#"{"later":1}"#).is_err(), "a request must be understood whole");
}

/// The value encodes to the vector, and the vector decodes to the value.
fn assert_json<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    assert_eq!(serde_json::to_string(value).expect("JSON"), frozen(name), "{name}");
    assert_eq!(&serde_json::from_str::<T>(frozen(name)).expect("JSON"), value, "{name}");
}
