//! What holds for all values: round trips, chunking, and no panic on anything from outside.

use proptest::prelude::*;
use twiza_protocol::{
    Chain, CoarseTime, FrameSize, MailboxAddress, MailboxKey, ProblemCode, Proof, Receipt, Record, RecordDecoder,
    RelayAddress, RelayKey, RelaySigningKey, Sequence, StreamError, Transport,
};

/// What a record says, in plain data.
fn any_record() -> impl Strategy<Value = Record> {
    let receipt = (any::<u64>(), any::<bool>(), any::<[u8; 32]>()).prop_map(|(sequence, closed, chain)| {
        let (relay, mailbox) = (RelaySigningKey::from_seed(&[2; 32]), MailboxAddress::from_bytes([1; 32]));
        Receipt::sign(&relay, &mailbox, Sequence(sequence), closed, Chain::from_bytes(chain))
    });
    let code = proptest::sample::select(ProblemCode::ALL);
    prop_oneof![
        (any::<u16>(), any::<u64>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..3000)).prop_map(
            |(slot, sequence, closing, octets)| Record::Frame { slot, sequence: Sequence(sequence), closing, octets }
        ),
        (any::<u16>(), receipt).prop_map(|(slot, receipt)| Record::Head { slot, receipt }),
        any::<u16>().prop_map(|slot| Record::More { slot }),
        Just(Record::Heartbeat),
        (any::<u16>(), code).prop_map(|(slot, code)| Record::Refused { slot, code }),
        any::<u16>().prop_map(|slot| Record::Lagging { slot }),
    ]
}

/// A record of a kind that this version does not know.
fn grease() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(0_u8), 7..=255_u8];
    (kind, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(kind, payload)| {
        let length = u32::try_from(payload.len()).expect("a short payload");
        [&[kind][..], &length.to_be_bytes(), &payload].concat()
    })
}

fn decode_all(decoder: &mut RecordDecoder) -> Result<Vec<Record>, StreamError> {
    std::iter::from_fn(|| decoder.next_record().transpose()).collect()
}

proptest! {
    #[test]
    fn records_come_back_in_order_whatever_the_chunks_and_the_grease(
        records in proptest::collection::vec((any_record(), proptest::option::of(grease())), 0..12),
        cuts in proptest::collection::vec(1..700_usize, 1..40),
    ) {
        let mut stream = Vec::new();
        for (record, grease) in &records {
            stream.extend(grease.iter().flatten());
            stream.extend(record.encode());
        }
        let mut decoder = RecordDecoder::default();
        let mut found = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, later) = rest.split_at(rest.len().min(*cut));
            decoder.push(chunk);
            found.extend(decode_all(&mut decoder).expect("a well-formed stream"));
            rest = later;
        }
        prop_assert!(decoder.is_at_boundary());
        let sent: Vec<_> = records.into_iter().map(|(record, _)| record).collect();
        prop_assert_eq!(found, sent);
    }

    #[test]
    fn a_stream_that_was_cut_short_shows_it(record in any_record(), cut in any::<prop::sample::Index>()) {
        let octets = record.encode();
        let kept = 1 + cut.index(octets.len() - 1);
        prop_assume!(kept < octets.len());
        let mut decoder = RecordDecoder::default();
        decoder.push(&octets[..kept]);
        prop_assert_eq!(decoder.next_record(), Ok(None));
        prop_assert!(!decoder.is_at_boundary());
    }

    #[test]
    fn arbitrary_octets_are_records_or_an_error(
        records in proptest::collection::vec((0..8_u8, proptest::collection::vec(any::<u8>(), 0..120)), 0..6),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut octets = Vec::new();
        for (kind, payload) in &records {
            octets.extend([*kind, 0, 0, 0, payload.len() as u8]);
            octets.extend(payload);
        }
        octets.extend(tail);
        let mut decoder = RecordDecoder::default();
        decoder.push(&octets);
        // A record encodes to what it was read from, so that no two forms mean the same; but codes may be new.
        while let Ok(Some(record)) = decoder.next_record() {
            let encoded = record.encode();
            let verbatim = octets.windows(encoded.len()).any(|window| window == encoded);
            prop_assert!(verbatim || matches!(record, Record::Refused { .. }), "{:?}", record);
        }
    }

    #[test]
    fn a_record_longer_than_any_frame_is_refused_before_it_arrives(
        kind in any::<u8>(),
        length in (FrameSize::MAX.bytes() as u32 + 65)..,
    ) {
        let mut decoder = RecordDecoder::default();
        decoder.push(&[&[kind][..], &length.to_be_bytes()].concat());
        prop_assert_eq!(decoder.next_record(), Err(StreamError::TooLarge(length as usize)));
    }

    #[test]
    fn a_proof_survives_its_header(minutes in any::<u64>(), signature in proptest::array::uniform32(any::<[u8; 2]>())) {
        let signature = signature.concat().try_into().expect("64 octets");
        let proof = Proof { time: CoarseTime(minutes), signature };
        prop_assert_eq!(proof.to_string().parse::<Proof>(), Ok(proof));
    }

    #[test]
    fn text_that_parses_as_a_proof_has_one_form(text in r"[0-9+ ]{0,22}\.?[A-Za-z0-9_-]{84,88}|\PC{0,100}") {
        if let Ok(proof) = text.parse::<Proof>() {
            let plain = text.trim_start_matches('0');
            let written = proof.to_string();
            prop_assert_eq!(plain.trim_start_matches('.'), written.trim_start_matches('0').trim_start_matches('.'));
        }
    }

    #[test]
    fn a_proof_is_good_for_its_own_request_only(seed in any::<[u8; 32]>(), after in any::<u64>(), flip in 0..64_usize) {
        use twiza_protocol::{FrameDigest, Request, Verb};
        let (key, relay) = (MailboxKey::from_seed(&seed), RelayKey::from_bytes([3; 32]));
        let (verb, time, body) = (Verb::Read { after: Sequence(after) }, CoarseTime(9), FrameDigest::of(b""));
        let proof = key.prove(&Request { relay: &relay, verb, time, body });
        prop_assert!(proof.verify(&key.address(), &relay, verb, body, time).is_ok());
        let watch = Verb::Watch { after: Sequence(after) };
        prop_assert!(proof.verify(&key.address(), &relay, watch, body, time).is_err(), "another verb");
        let elsewhere = RelayKey::from_bytes([4; 32]);
        prop_assert!(proof.verify(&key.address(), &elsewhere, verb, body, time).is_err(), "another relay");
        prop_assert!(proof.verify(&key.address(), &relay, verb, FrameDigest::of(b"x"), time).is_err(), "another body");
        let later = Proof { time: CoarseTime(10), ..proof.clone() };
        prop_assert!(later.verify(&key.address(), &relay, verb, body, time).is_err(), "another time");
        let mut damaged = proof;
        damaged.signature[flip] ^= 1;
        prop_assert!(damaged.verify(&key.address(), &relay, verb, body, time).is_err(), "another signature");
    }

    #[test]
    fn a_pass_is_good_for_its_own_mailbox_and_hours_only(seed in any::<[u8; 32]>(), now in 120..1_u64 << 40, flip in 0..32_usize) {
        use twiza_protocol::{FrameDigest, PassIssuer, PassProof, ProofError, RelaySigningKey, Request, Verb};
        let (key, other) = (MailboxKey::from_seed(&seed).address(), MailboxKey::from_seed(&[5; 32]).address());
        let relay = RelaySigningKey::from_seed(&[3; 32]);
        let (issuer, relay) = (PassIssuer::of(&relay), relay.public());
        let (verb, body, issued) = (Verb::Append { closing: false }, FrameDigest::of(b"frame"), CoarseTime(now));
        let pass = issuer.issue(&key, issued);
        let prove = |time| pass.prove(&key, &Request { relay: &relay, verb, time, body });
        let verify = |proof: &PassProof, address, verb, now| issuer.verify(proof, address, &relay, verb, body, now);
        let (proof, invalid) = (prove(issued), Err(ProofError::Invalid));
        prop_assert_eq!(verify(&proof, &key, verb, issued), Ok(()));
        prop_assert_eq!(proof.to_string().parse(), Ok(proof.clone()));
        prop_assert_eq!(verify(&proof, &other, verb, issued), invalid);
        prop_assert_eq!(verify(&proof, &key, Verb::Append { closing: true }, issued), invalid);
        let elsewhere = PassIssuer::of(&RelaySigningKey::from_seed(&[4; 32]));
        prop_assert_eq!(elsewhere.verify(&proof, &key, &relay, verb, body, issued), invalid);
        let mut damaged = proof.clone();
        damaged.mac[flip] ^= 1;
        prop_assert_eq!(verify(&damaged, &key, verb, issued), invalid);
        for (minutes, expected) in [(60, Ok(())), (120, invalid)] {
            let later = CoarseTime(now + minutes);
            prop_assert_eq!(verify(&prove(later), &key, verb, later), expected);
        }
        prop_assert_eq!(verify(&proof, &key, verb, CoarseTime(now + 11)), Err(ProofError::ClockSkewed));
    }

    #[test]
    fn a_relay_address_survives_its_text(
        pinned in any::<bool>(),
        host in prop_oneof!["[a-zA-Z0-9.-]{1,253}", any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]"))],
        port in 1..=u16::MAX,
        key in any::<[u8; 32]>(),
    ) {
        let transport = if pinned { Transport::Pinned } else { Transport::WebPki };
        let address = RelayAddress::new(transport, &host, port, RelayKey::from_bytes(key)).expect("a valid address");
        prop_assert_eq!(address.to_string().parse::<RelayAddress>(), Ok(address.clone()));
        let json = serde_json::to_string(&address).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<RelayAddress>(&json).expect("JSON"), address);
    }

    #[test]
    fn text_that_parses_as_a_relay_address_parses_again(
        text in r"\PC{0,80}|(twiza|https)://\PC{0,30}:?[0-9+]{0,6}/[A-Za-z0-9_-]{43}",
    ) {
        if let Ok(address) = text.parse::<RelayAddress>() {
            prop_assert_eq!(address.to_string().parse::<RelayAddress>(), Ok(address));
        }
    }

    #[test]
    fn text_that_parses_as_an_address_is_the_addresss_own(text in "[A-Za-z0-9_=-]{40,46}|\\PC{0,60}") {
        if let Ok(address) = text.parse::<MailboxAddress>() {
            prop_assert_eq!(address.to_string(), text, "one text form for one address");
        }
    }

    #[test]
    fn a_length_has_a_frame_size_exactly_when_it_is_one(length in 0..(2_usize << 20)) {
        let of = FrameSize::of_length(length).ok();
        prop_assert_eq!(of.is_some(), FrameSize::ALL.iter().any(|size| size.bytes() == length));
        match FrameSize::at_least(length) {
            Some(size) => prop_assert!(size.bytes() >= length && (length <= 1024 || size.bytes() / 4 < length)),
            None => prop_assert!(length > FrameSize::MAX.bytes()),
        }
    }
}
