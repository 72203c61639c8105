//! Two commits of one epoch, and commits that work for some: who can claim what, and what everybody chooses.

mod cheat;
mod support;

use cheat::CheatsGroup;
use proptest::prelude::*;
use support::{Party, relay, seeded};
use twiza_crypto::CryptoError;
use twiza_crypto::content::{AuthorSeal, ContentKind};
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::commit::Change;
use twiza_crypto::report::{Report, Word};
use twiza_crypto::rival::{Choice, Contender, Rival, choose};
use twiza_crypto::roster::Roster;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{Chain, FrameSize, Receipt, RelaySigningKey, Sequence};

fn any_contender() -> impl Strategy<Value = Contender> {
    let claims = proptest::collection::vec(0..4_u32, 0..3);
    (any::<[u8; 2]>(), 0..4_u32, any::<bool>(), claims).prop_map(|(digest, author, organiser, removes)| Contender {
        digest: std::array::from_fn(|place| digest[place % 2]),
        author,
        organiser,
        removes: if organiser { removes } else { Vec::new() },
    })
}

fn swapped(choice: Choice) -> Choice {
    match choice {
        Choice::First => Choice::Second,
        Choice::Second => Choice::First,
        Choice::Neither => Choice::Neither,
    }
}

proptest! {
    #[test]
    fn the_choice_is_the_same_whoever_makes_it(first in any_contender(), second in any_contender()) {
        prop_assume!(first.digest != second.digest);
        prop_assert_eq!(choose(&second, &first), swapped(choose(&first, &second)));
    }

    #[test]
    fn a_removed_member_never_undoes_its_removal(mut removal in any_contender(), other in any_contender()) {
        prop_assume!(removal.digest != other.digest && removal.author != other.author);
        removal.organiser = true;
        removal.removes.push(other.author);
        let choice = choose(&removal, &other);
        prop_assert_ne!(choice, Choice::Second, "whoever followed the removal never yields");
        if !other.removes.contains(&removal.author) {
            prop_assert_eq!(choice, Choice::First, "and whoever followed the other does");
        }
    }

    #[test]
    fn an_organisers_commit_prevails_over_a_members(organisers in any_contender(), members in any_contender()) {
        prop_assume!(organisers.organiser && !members.organiser && organisers.digest != members.digest);
        prop_assert_eq!(choose(&organisers, &members), Choice::First);
    }
}

/// A commit and its author's seal.
type Sealed = (Vec<u8>, AuthorSeal);

/// Everybody but the last has gone on with its removal; the last has an old relay to itself.
fn removed_with_an_old_relay() -> (Vec<Party>, Roster, [Sealed; 2]) {
    let mut parties = support::alliance_of(3);
    let address = parties[0].address();
    let roster = parties[0].group().roster().expect("a roster");
    let rotation = parties[2].try_commit(&Change::Rotate).expect("a rotation");
    let gone = parties[2].identity();
    let removal = parties[0].try_commit(&Change::Remove(vec![gone])).expect("a removal");
    parties[1].try_receive_commit(&address, &removal.commit, &removal.author).expect("permitted");
    let made = [(removal.commit, removal.author), (rotation.commit, rotation.author)];
    (parties, roster, made)
}

#[test]
fn a_removal_prevails_over_the_removed_members_commit_whatever_the_digests() {
    let (parties, roster, [removal, rotation]) = removed_with_an_old_relay();
    let address = parties[0].address();
    let roster = Roster::decode(&roster.encode().expect("octets")).expect("a roster");
    let removal = Contender::verify(&roster, &address, &removal.0, &removal.1).expect("an organiser's");
    let rotation = Contender::verify(&roster, &address, &rotation.0, &rotation.1).expect("a member's");
    assert_eq!(removal.removes, [2]);
    assert_eq!(choose(&removal, &rotation), Choice::First);
    assert_eq!(choose(&rotation, &removal), Choice::Second);
}

#[test]
fn a_member_cannot_claim_a_removal_nor_anybody_another_ones_seal() {
    let (parties, roster, [removal, rotation]) = removed_with_an_old_relay();
    let address = parties[0].address();
    let refused = |commit: &[u8], seal: &AuthorSeal| {
        let verified = Contender::verify(&roster, &address, commit, seal);
        assert!(matches!(verified, Err(CryptoError::Unverified(_))), "{verified:?}");
    };
    refused(&rotation.0, &cheat::author_seal_removing(&parties[2].device_key(), 2, &address, &rotation.0, &[0]));
    refused(&rotation.0, &cheat::author_seal(&parties[2].device_key(), 0, &address, &rotation.0));
    refused(&rotation.0, &AuthorSeal { removes: vec![0], ..rotation.1.clone() });
    refused(&removal.0, &AuthorSeal { removes: Vec::new(), ..removal.1 });
    refused(&removal.0, &rotation.1);
}

#[test]
fn a_commit_that_says_it_removes_others_than_it_does_is_refused_by_all() {
    let mut parties = support::alliance_of(3);
    let address = parties[0].address();
    let gone = parties[2].identity();
    let made = parties[0].try_commit(&Change::Remove(vec![gone])).expect("a removal");
    for claim in [&[][..], &[1], &[1, 2], &[2, 2]] {
        let seal = cheat::author_seal_removing(&parties[0].device_key(), 0, &address, &made.commit, claim);
        for party in [1, 2] {
            let refused = parties[party].try_receive_commit(&address, &made.commit, &seal);
            assert!(matches!(refused, Err(CryptoError::Unverified("a commit's claim"))), "{claim:?}: {refused:?}");
        }
    }
    parties[1].try_receive_commit(&address, &made.commit, &made.author).expect("what it says is what it does");
}

#[test]
fn a_rival_is_believed_only_with_the_relays_word() {
    let (parties, _, [removal, _]) = removed_with_an_old_relay();
    let party = &parties[1];
    let keys = party.group().epoch_keys(relay().address.key(), Branch(0)).expect("a member");
    let address = keys.mailbox.address();
    let size = twiza_crypto::seal::commit_frame_size(3);
    let frames = seal_payload(&keys.frame, ContentKind::Commit, &removal.0, Some(&removal.1), size, &seeded(7));
    let frames: Vec<_> = frames.expect("frames");
    let octets: Vec<Vec<u8>> = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
    let before = Chain::start(&address);
    let last = frames.last().expect("a frame").digest();
    let signed = |key: &RelaySigningKey, chain: Chain| Receipt::sign(key, &address, Sequence(1), true, chain);
    let relay_key = RelaySigningKey::from_seed(&[9; 32]);
    let chain = before.append(Sequence(1), true, &last);

    let rival = Rival::new(Branch(0), &before, &signed(&relay_key, chain), Vec::new(), octets.clone());
    let rival = Rival::decode(&rival.encode().expect("octets")).expect("a rival");
    let (commit, seal) = rival.open(&relay_key.public(), &address, &keys.frame).expect("the relay signed it");
    assert_eq!((commit, seal), removal);

    let nobody = RelaySigningKey::from_seed(&[10; 32]);
    let open_end = before.append(Sequence(1), false, &last);
    for (what, receipt) in [("another key", signed(&nobody, chain)), ("no end", signed(&relay_key, open_end))] {
        let rival = Rival::new(Branch(0), &before, &receipt, Vec::new(), octets.clone());
        let refused = rival.open(&relay_key.public(), &address, &keys.frame);
        assert!(matches!(refused, Err(CryptoError::Unverified(_))), "{what}: {refused:?}");
    }
    assert!(Rival::decode(&[1, 2, 3]).is_err());
}

#[test]
fn a_report_convicts_nobody_but_by_its_authors_own_key() {
    let mut parties = support::alliance_of(3);
    let address = parties[0].address();
    let roster = parties[0].group().roster().expect("a roster");
    let made = parties[1].try_commit(&Change::Rotate).expect("a rotation");
    let octets = parties[2].group().report(&address, &made.commit).encode().expect("octets");
    let report = Report::decode(&octets).expect("a report");
    assert_eq!(report.verify(Word::CannotFollow, &roster, &address).expect("signed").identity, parties[2].identity());
    let elsewhere =
        parties[0].group().epoch_keys(relay().address.key(), Branch(1)).expect("a member").mailbox.address();
    assert!(report.verify(Word::CannotFollow, &roster, &elsewhere).is_err(), "of another mailbox");
    assert!(report.verify(Word::Followed, &roster, &address).is_err(), "that is another word");
    for place in 1..octets.len() {
        let mut forged = octets.clone();
        forged[place] ^= 1;
        let believed =
            Report::decode(&forged).and_then(|report| report.verify(Word::CannotFollow, &roster, &address).map(|_| ()));
        assert!(believed.is_err(), "octet {place}");
    }
}

#[test]
fn whoever_cannot_decrypt_a_path_says_so_and_is_told_apart_from_everybody_elses_refusal() {
    let mut parties = support::alliance_of(3);
    let address = parties[0].address();
    parties[1].save();
    let mut cheat = CheatsGroup::load_against(parties[1].stored(), parties[1].device_key(), 2);
    let made = cheat.commit(None, &address);
    parties[0].try_receive_commit(&address, &made.commit, &made.author).expect("it works for the others");
    let refused = parties[2].try_receive_commit(&address, &made.commit, &made.author);
    assert!(matches!(refused, Err(CryptoError::PathFailed)), "{refused:?}");
}

#[test]
fn ones_own_marks_are_known_to_oneself_and_to_nobody_else() {
    let parties = support::alliance_of(2);
    let keys = |party: &Party| party.group().epoch_keys(relay().address.key(), Branch(0)).expect("a member");
    let (amina, karim) = (keys(&parties[0]), keys(&parties[1]));
    let size = FrameSize::Kib1;
    let sealed = seal_payload(&amina.frame, ContentKind::Message, b"azul", None, size, &seeded(3));
    let frame = sealed.expect("a frame").remove(0);
    let content = karim.frame.open(frame.as_bytes()).expect("a member opens it");
    assert!(amina.frame.is_own(frame.as_bytes(), &content));
    assert!(!karim.frame.is_own(frame.as_bytes(), &content));
    // Whoever seals the same octets again makes another frame, which does not have the mark.
    let mut copied = frame.as_bytes().to_vec();
    copied[0] ^= 1;
    assert!(!amina.frame.is_own(&copied, &content));
}
