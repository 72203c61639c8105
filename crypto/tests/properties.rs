//! What holds for all values: round trips, exact refusals, and no panic on anything from outside.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use support::{relay, seeded};
use twiza_crypto::alliance::{AllianceId, AllianceRelay, AllianceState, Founding, Role, Seat};
use twiza_crypto::content::{Assembly, AuthorSeal, Content, ContentKind};
use twiza_crypto::epoch::Branch;
use twiza_crypto::grant::Grant;
use twiza_crypto::identity::Identity;
use twiza_crypto::invitation::{Invitation, LINK_PREFIX};
use twiza_crypto::ledger::Ledger;
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::motion::Admission;
use twiza_crypto::name::{Name, NameError, is_invisible};
use twiza_crypto::past::Past;
use twiza_crypto::rules::Rules;
use twiza_crypto::seal::{FrameKey, capacity, seal_payload};
use twiza_crypto::{CryptoError, vault};
use twiza_protocol::{
    Chain, ExpiryDay, Frame, FrameDigest, FrameSize, MailboxAddress, RelayAddress, RelayKey, Sequence, Transport,
};

fn frame_key() -> FrameKey {
    FrameKey::new(&[5; 32], MailboxAddress::from_bytes([6; 32]), Branch(3))
}

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof!["[a-zA-Z]{1,64}", r"[\PC&&[^:()]]{1,12}"].prop_filter_map("a name", |text| Name::new(&text).ok())
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Observer), Just(Role::Member), Just(Role::Organiser)]
}

fn any_relay() -> impl Strategy<Value = AllianceRelay> {
    let grant = proptest::option::of("[ -~]{1,256}".prop_filter_map("a grant", |text| Grant::new(&text).ok()));
    (any::<bool>(), "[a-z0-9.-]{1,60}", 1..=u16::MAX, any::<[u8; 32]>(), grant).prop_map(
        |(pinned, host, port, key, grant)| {
            let transport = if pinned { Transport::Pinned } else { Transport::WebPki };
            let address = RelayAddress::new(transport, &host, port, RelayKey::from_bytes(key)).expect("an address");
            AllianceRelay { address, grant }
        },
    )
}

fn any_state() -> impl Strategy<Value = AllianceState> {
    let seats = proptest::collection::btree_map(any::<[u8; 32]>(), (any_role(), any_name()), 0..12);
    let which = (any::<[u8; 32]>(), any::<u32>());
    (which, any_name(), seats, vec(any_relay(), 1..=8)).prop_map(|((id, generation), name, seats, relays)| {
        let seats = seats.into_iter().map(|(identity, (role, organisation))| {
            let identity = Identity::from_bytes(identity);
            Seat { identity, role, organisation }
        });
        AllianceState {
            id: AllianceId::from_bytes(id),
            generation,
            name,
            seats: seats.collect(),
            relays,
            rules: Rules::default(),
            ledger: Ledger::default(),
            claim: None,
            founding: None,
        }
    })
}

/// As [`any_state`], where somebody has founded the alliance anew and some have not come back.
fn any_founding() -> impl Strategy<Value = AllianceState> {
    (any_state(), vec(any_name(), 12), any::<u8>()).prop_map(|(state, names, back)| {
        let by = Identity::from_bytes([back; 32]);
        let back = state.seats.len().min(usize::from(back));
        let (seats, awaited) = state.seats.split_at(back);
        let awaited = awaited.iter().zip(names).map(|(seat, name)| Admission {
            identity: seat.identity,
            name,
            organisation: seat.organisation.clone(),
            role: seat.role,
        });
        let founding = Some(Founding { by, awaited: awaited.collect() });
        AllianceState { seats: seats.to_vec(), founding, ..state }
    })
}

fn invisible() -> impl Strategy<Value = char> {
    proptest::sample::select(('\0'..=char::MAX).filter(|character| is_invisible(*character)).collect::<Vec<_>>())
}

/// The frames of a payload, opened, with their digests.
fn opened(body: &[u8], kind: ContentKind, seed: u64) -> Vec<(FrameDigest, Content)> {
    let author = AuthorSeal { leaf_index: 1, removes: vec![3, 4], signature: [2; 64] };
    let author = (kind == ContentKind::Commit).then_some(author);
    let frames = seal_payload(&frame_key(), kind, body, author.as_ref(), FrameSize::Kib1, &seeded(seed));
    let frames: Vec<Frame> = frames.expect("sealing");
    let open = |frame: &Frame| (frame.digest(), frame_key().open(frame.as_bytes()).expect("one's own frame"));
    frames.iter().map(open).collect()
}

proptest! {
    #[test]
    fn a_name_shows_all_of_itself_and_is_taken_as_it_is(text in r"\PC{0,70}|[\x00-\u{2fff}]{0,70}|.{0,20}") {
        match Name::new(&text) {
            Ok(name) => {
                prop_assert!(!name.as_str().chars().any(is_invisible));
                prop_assert!(!name.as_str().is_empty());
                prop_assert!(name.as_str().chars().count() <= Name::CHARACTERS_MAX);
                prop_assert_eq!(Name::new(name.as_str()), Ok(name.clone()), "what was taken is taken again, unchanged");
            }
            Err(NameError::Empty) => prop_assert!(text.trim().is_empty()),
            Err(NameError::TooLong) => prop_assert!(text.trim().chars().count() > Name::CHARACTERS_MAX),
            Err(NameError::NotComposed) => prop_assert!(Name::composed(&text) != Err(NameError::NotComposed)),
            // Which characters these are: `names.rs`.
            Err(NameError::Invisible | NameError::Punctuation) => {}
        }
    }

    #[test]
    fn an_invisible_character_inside_spoils_any_name(name in "[a-z]{1,60}", place in any::<Index>(), character in invisible()) {
        let mut characters: Vec<_> = name.chars().collect();
        characters.insert(place.index(name.len()), character);
        // Before the first letter, some are space, which is dropped.
        let text: String = characters.into_iter().collect();
        prop_assume!(!text.starts_with(char::is_whitespace));
        prop_assert_eq!(Name::new(&text), Err(NameError::Invisible));
    }

    #[test]
    fn a_state_survives_its_encoding(state in prop_oneof![any_state(), any_founding()]) {
        let encoded = state.encode().expect("a state");
        prop_assert_eq!(AllianceState::decode(&encoded).expect("its own encoding"), state);
    }

    #[test]
    fn a_changed_state_is_refused_or_is_another_state_in_its_one_form(
        state in prop_oneof![any_state(), any_founding()],
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let encoded = state.encode().expect("a state");
        let mut changed = encoded.clone();
        for (place, octet) in changes {
            let place = place.index(changed.len());
            changed[place] = octet;
        }
        if let Some(cut) = cut {
            changed.truncate(cut.index(changed.len()));
        }
        if let Ok(decoded) = AllianceState::decode(&changed) {
            prop_assert_eq!(decoded.encode().expect("a state"), &changed[..], "one form for one state");
            prop_assert_eq!(changed == encoded, decoded == state);
        }
    }

    #[test]
    fn arbitrary_octets_panic_no_decoder(octets in vec(any::<u8>(), 0..400)) {
        if let Ok(state) = AllianceState::decode(&octets) {
            prop_assert_eq!(state.encode().expect("a state"), &octets[..]);
        }
        let versioned = [&[1][..], &octets].concat();
        for octets in [&octets, &versioned] {
            if let Ok(message) = Message::decode(octets)
                && matches!(message.body, MessageBody::Text(_)) {
                    prop_assert_eq!(message.encode().expect("a message"), &octets[..]);
                }
            prop_assert!(frame_key().open(octets).is_err());
            prop_assert!(vault::open(&octets[..octets.len().min(92)], "x").is_err());
        }
    }

    #[test]
    fn a_message_survives_its_encoding(
        id in any::<[u8; 16]>(), sent in any::<u64>(), sequence in any::<u64>(), chain in any::<[u8; 32]>(),
        since in any::<u64>(), text in ".{0,300}",
    ) {
        let view = View { sequence: Sequence(sequence), chain: Chain::from_bytes(chain), since, past: Past::of([Chain::from_bytes(chain)]) };
        let message = Message { id, sent, view, body: MessageBody::Text(text) };
        let encoded = message.encode().expect("a message");
        prop_assert_eq!(Message::decode(&encoded).expect("its own encoding"), message);
        let longer = [&encoded[..], &[0]].concat();
        prop_assert!(Message::decode(&longer).is_err(), "nothing may follow");
    }

    #[test]
    fn an_invitation_survives_its_link(relay in any_relay(), inviter in any::<[u8; 32]>(), day in any::<u32>(), seed in any::<u64>()) {
        let made = Invitation::new(relay.address, inviter, ExpiryDay(day), &seeded(seed)).expect("an invitation");
        let link = made.to_link().expect("a link");
        let read = Invitation::from_link(&format!("  {}\n", link.as_str())).expect("its own link, as people paste it");
        prop_assert_eq!((&read.relay, read.inviter, read.expires), (&made.relay, made.inviter, made.expires));
        let (a, b) = (made.rendezvous().expect("keys"), read.rendezvous().expect("keys"));
        prop_assert_eq!(a.mailbox.address(), b.mailbox.address());
        prop_assert_eq!(read.to_link().expect("a link"), link);
    }

    #[test]
    fn any_changed_or_missing_character_spoils_a_link(
        seed in any::<u64>(), place in any::<Index>(), to in "[!-~é]", missing in any::<bool>(),
    ) {
        let made = Invitation::new(relay().address, [1; 32], ExpiryDay(9), &seeded(seed)).expect("an invitation");
        let mut characters: Vec<_> = made.to_link().expect("a link").chars().collect();
        let place = place.index(characters.len());
        let to = to.chars().next().expect("a character");
        if missing {
            characters.remove(place);
        } else {
            prop_assume!(characters[place] != to);
            characters[place] = to;
        }
        let changed: String = characters.into_iter().collect();
        prop_assert!(Invitation::from_link(&changed).is_err());
    }

    #[test]
    fn text_that_parses_as_an_invitation_is_its_own_link(text in r"(twiza:join:)?[A-Za-z0-9_-]{0,200}|\PC{0,60}") {
        if let Ok(invitation) = Invitation::from_link(&text) {
            let link = invitation.to_link().expect("a link");
            prop_assert_eq!(link.as_str(), text);
        }
    }

    #[test]
    fn payloads_come_back_from_frames_of_the_least_size(body in vec(any::<u8>(), 0..20_000), least in 0..6_usize) {
        let least = FrameSize::ALL[least];
        let frames = seal_payload(&frame_key(), ContentKind::Message, &body, None, least, &seeded(7)).expect("sealing");
        prop_assert_eq!(frames.len(), 1);
        let size = FrameSize::of_length(frames[0].as_bytes().len()).expect("a frame size");
        let needed = FrameSize::ALL.into_iter().find(|size| capacity(*size, 0) >= body.len()).expect("fits");
        prop_assert_eq!(size, needed.max(least));
        let content = frame_key().open(frames[0].as_bytes()).expect("one's own frame");
        prop_assert_eq!(content.body, body);
    }

    #[test]
    fn a_frame_with_any_octet_changed_does_not_open(place in any::<Index>(), change in 1..=255_u8) {
        let frames = seal_payload(&frame_key(), ContentKind::Message, b"x", None, FrameSize::Kib1, &seeded(7));
        let mut octets = frames.expect("sealing").remove(0).into_bytes();
        let place = place.index(octets.len());
        octets[place] ^= change;
        prop_assert!(matches!(frame_key().open(&octets), Err(CryptoError::Unverified(_))));
    }
}

/// The octets of a link, between prefix and end.
fn link_octets(link: &str) -> Vec<u8> {
    let text = link.strip_prefix(LINK_PREFIX).expect("a link");
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url")
}

#[test]
fn any_changed_octet_spoils_an_invitation() {
    let made = Invitation::new(relay().address, [1; 32], ExpiryDay(9), &seeded(8)).expect("an invitation");
    let octets = link_octets(&made.to_link().expect("a link"));
    for place in 0..octets.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = octets.clone();
            damaged[place] ^= change;
            let link = format!("{LINK_PREFIX}{}", data_encoding::BASE64URL_NOPAD.encode(&damaged));
            assert!(Invitation::from_link(&link).is_err(), "octet {place} changed by {change:#x}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn parts_of_two_payloads_come_together_whatever_lies_between(
        lengths in (1..3_usize, 2..4_usize),
        order in vec(any::<bool>(), 12),
    ) {
        let full = capacity(FrameSize::MAX, 0);
        let first: Vec<u8> = (0..lengths.0 * full + 5).map(|at| at as u8).collect();
        let second = vec![9; lengths.1 * full];
        let (a, b) = (opened(&first, ContentKind::Commit, 1), opened(&second, ContentKind::Message, 2));
        // Somebody else's parts, in front of all and between.
        let junk = opened(&vec![3; 2 * full], ContentKind::Message, 3);
        let (mut a, mut b) = (a.into_iter(), b.into_iter());
        let mut mixed = vec![junk[0].clone()];
        for from_first in order {
            mixed.extend(if from_first { a.next() } else { b.next() });
            mixed.push(junk[1].clone());
        }
        mixed.extend(a.chain(b));
        let mut assembly = Assembly::default();
        let mut whole: Vec<_> = mixed.into_iter().filter_map(|(digest, content)| assembly.push(digest, content)).collect();
        whole.sort_by_key(|payload| payload.kind.code());
        prop_assert_eq!(whole.len(), 2);
        prop_assert!(whole[0].body == second && whole[0].author.is_none());
        prop_assert!(whole[1].body == first && whole[1].author.is_some());
    }
}

#[test]
fn a_payload_is_whole_with_the_parts_that_its_author_meant_and_with_no_others() {
    let frames = opened(&vec![1; 3 << 20], ContentKind::Message, 1);
    let (last, parts) = frames.split_last().expect("frames");
    let contents = |frames: &[(FrameDigest, Content)]| frames.iter().map(|(_, content)| content.clone()).collect();
    let parts: Vec<Content> = contents(parts);
    let last = &last.1;
    assert!(last.clone().complete(parts.clone()).is_some());
    assert!(last.clone().complete(parts[1..].to_vec()).is_none(), "one is missing");
    let with_another = [&parts[1..], std::slice::from_ref(last)].concat();
    assert!(last.clone().complete(with_another).is_none(), "one is no part");
    let mut assembly = Assembly::default();
    for (digest, content) in opened(&vec![1; 3 << 20], ContentKind::Message, 2) {
        assembly.push(digest, content);
    }
    let (digest, _) = frames[frames.len() - 1];
    assert!(assembly.push(digest, last.clone()).is_none(), "the same octets, but not the same frames");
}

#[test]
fn a_state_in_another_form_than_its_own_is_refused() {
    let seat = |octet| {
        let organisation = Name::new("Nour").expect("a name");
        Seat { identity: Identity::from_bytes([octet; 32]), role: Role::Organiser, organisation }
    };
    let state = AllianceState {
        id: AllianceId::from_bytes([8; 32]),
        generation: 0,
        name: Name::new("Tawiza").expect("a name"),
        seats: vec![seat(1), seat(2)],
        relays: vec![relay()],
        rules: Rules::default(),
        ledger: Ledger::default(),
        claim: None,
        founding: None,
    };
    let encoded = |state: &AllianceState| state.encode().expect("a state");
    AllianceState::decode(&encoded(&state)).expect("its own form");
    let replaced = |from: &[u8], to: &[u8]| {
        let octets = encoded(&state);
        let place = octets.windows(from.len()).position(|window| window == from).expect("what is replaced");
        [&octets[..place], to, &octets[place + from.len()..]].concat()
    };
    for (what, octets) in [
        ("a host in capitals", replaced(b"relay.example", b"Relay.example")),
        ("a port with a zero before it", replaced(b"relay.example:7443", b"relay.exampl:07443")),
        ("a name with space around it", replaced(b"Tawiza", b" Tawiz")),
        ("a version of tomorrow", replaced(&[0, 1, 8, 8], &[0, 2, 8, 8])),
        ("a role that there is not", replaced(&[1, 3, 4, b'N'], &[1, 4, 4, b'N'])),
        ("a longer form of a length", replaced(b"\x06Tawiza", b"\x40\x06Tawiza")),
        ("something after it", [&encoded(&state)[..], &[0]].concat()),
        ("unsorted seats", encoded(&AllianceState { seats: vec![seat(2), seat(1)], ..state.clone() })),
        ("a seat twice", encoded(&AllianceState { seats: vec![seat(1), seat(1)], ..state.clone() })),
        ("no relay", encoded(&AllianceState { relays: Vec::new(), ..state.clone() })),
        ("nine relays", encoded(&AllianceState { relays: vec![relay(); 9], ..state.clone() })),
        ("a grant of two lines", {
            let granted = encoded(&state.clone().with_grant(Some(Grant::new("g-g").expect("a grant"))));
            let place = granted.windows(3).position(|window| window == b"g-g").expect("the grant");
            [&granted[..place], b"g\ng", &granted[place + 3..]].concat()
        }),
    ] {
        let refused = AllianceState::decode(&octets);
        assert!(matches!(refused, Err(CryptoError::Malformed("alliance state"))), "{what}: {refused:?}");
    }
}

#[test]
fn a_name_from_a_peer_must_be_as_it_would_be_taken() {
    use tls_codec::{Serialize, VLBytes};
    let decode = |octets: &[u8]| {
        let encoded = VLBytes::from(octets).tls_serialize_detached().expect("octets");
        twiza_crypto::wire::decode::<Name>(&encoded, "name")
    };
    decode("جمعية النور".as_bytes()).expect("a name");
    let long = "n".repeat(Name::CHARACTERS_MAX + 1);
    for refused in
        [&b""[..], b" ", b" Nour", b"Nour ", b"No\x00ur", "No\u{202e}ur".as_bytes(), b"\xff", long.as_bytes()]
    {
        assert!(decode(refused).is_err(), "{refused:?}");
    }
}
