//! An alliance's life in memory: founding, joining, speaking, roles, rotation, leaving, removal; and what is refused.

mod support;

use support::{Party, pass, random};
use twiza_crypto::alliance::Role;
use twiza_crypto::content::{Assembly, ContentKind};
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::commit::Change;
use twiza_crypto::judge::Refusal;
use twiza_crypto::words::{SafetyWords, WordLanguage};
use twiza_crypto::{CryptoError, Obstacle, seal};
use twiza_protocol::FrameSize;

#[test]
fn members_join_speak_rotate_and_agree() {
    let mut parties = support::alliance_of(4);
    let rooms: Vec<_> = parties.iter().map(|party| party.group().epoch_authenticator().to_vec()).collect();
    assert!(rooms.windows(2).all(|pair| pair[0] == pair[1]), "one room, one code");
    for speaker in 0..parties.len() {
        let text = format!("ⵜⵉⵡⵉⵣⵉ السلام {speaker}");
        let sealed = parties[speaker].say(&text);
        for listener in (0..parties.len()).filter(|listener| *listener != speaker) {
            assert_eq!(parties[listener].hear(&sealed), text);
        }
    }
    let before = parties[0].address();
    pass(&mut parties, 2, &Change::Rotate).expect("anybody may rotate");
    assert_ne!(before, parties[0].address(), "another epoch, another mailbox");
    assert!(parties.iter().all(|party| party.address() == parties[0].address()), "the same for all members");
}

#[test]
fn a_removed_member_is_out_and_cannot_derive_what_follows() {
    let mut parties = support::alliance_of(3);
    let gone = parties[2].identity();
    let relay = support::relay().address.key().to_owned();
    pass(&mut parties, 0, &Change::Remove(vec![gone])).expect("an organiser may remove");
    assert!(!parties[2].group().is_active());
    assert!(parties[2].group().epoch_keys(&relay, Branch::default()).is_err());
    let sealed = parties[0].say("after");
    assert_eq!(parties[1].hear(&sealed), "after");
    assert!(parties[2].group_mut().receive_message(&sealed).is_err());
}

#[test]
fn leaving_is_carried_out_by_anybody_and_the_last_organiser_stays() {
    let mut parties = support::alliance_of(3);
    assert!(matches!(parties[0].propose_leave(), Err(CryptoError::NotPossible(Obstacle::LastOrganiser))));
    let proposal = parties[1].propose_leave().expect("a member may leave");
    assert!(!parties[1].group().is_leaving().expect("a member"), "only what is read back counts");
    for party in [0, 1, 2] {
        let person = parties[party].group_mut().receive_proposal(&proposal).expect("a wish to leave is noted");
        assert_eq!(person.identity, parties[1].identity());
    }
    assert!(parties[1].group().is_leaving().expect("a member"));
    assert!(parties[1].try_say("one more thing").is_err() && parties[1].try_commit(&Change::Rotate).is_err());
    pass(&mut parties, 2, &Change::Rotate).expect("a plain member carries it out");
    assert!(!parties[1].group().is_active());
    assert_eq!(parties[0].group().members().expect("members").len(), 2);
}

#[test]
fn roles_bound_what_members_do() {
    let mut parties = support::alliance_of(3);
    let (second, third) = (parties[1].identity(), parties[2].identity());
    let refused = parties[1].try_commit(&Change::Remove(vec![third]));
    assert!(matches!(refused, Err(CryptoError::Refused(Refusal::NotOrganiser))));
    pass(&mut parties, 0, &Change::SetRole(third, Role::Observer)).expect("an organiser sets roles");
    assert!(parties[2].try_say("hello").is_err(), "observers do not write");
    let own = parties[0].identity();
    let refused = parties[0].try_commit(&Change::SetRole(own, Role::Member));
    assert!(matches!(refused, Err(CryptoError::Refused(Refusal::NoOrganiser))));
    pass(&mut parties, 0, &Change::SetRole(second, Role::Organiser)).expect("a second organiser");
    pass(&mut parties, 1, &Change::Remove(vec![third])).expect("who may now remove");
}

#[test]
fn a_cheats_commit_is_refused_by_all_and_its_author_known() {
    let mut parties = support::alliance_of(3);
    let (second, third) = (parties[1].identity(), parties[2].identity());
    let address = parties[1].address();
    // The cheat's own client believes that it is an organiser, as a modified client would.
    let commit = support::as_organiser(&mut parties[1], |group| group.commit(&Change::Remove(vec![third]), &address));
    let commit = commit.expect("a modified client builds what it likes");
    let culprit = parties[0].group().verify_author(&address, &commit.commit, &commit.author).expect("its author");
    assert_eq!(culprit.identity, second);
    for honest in [0, 2] {
        let refused = parties[honest].try_receive_commit(&address, &commit.commit, &commit.author);
        assert!(matches!(refused, Err(CryptoError::Refused(Refusal::NotOrganiser))), "{refused:?}");
    }
    // The honest go on in the same epoch, from their stored state.
    pass(&mut parties, 0, &Change::Remove(vec![second])).expect("the epoch goes on");
}

#[test]
fn payloads_of_every_size_come_back_from_their_frames() {
    let party = Party::founder("Amina", "Nour");
    let keys = party.group().epoch_keys(support::relay().address.key(), Branch::default()).expect("keys");
    for length in
        [0, 1, 900, 5_000, seal::capacity(FrameSize::MAX, 0), seal::capacity(FrameSize::MAX, 0) + 1, 3_000_000]
    {
        let body = vec![7; length];
        let frames = seal::seal_payload(&keys.frame, ContentKind::Message, &body, None, FrameSize::Kib1, &random())
            .expect("sealing");
        let mut assembly = Assembly::default();
        let mut whole = None;
        for frame in &frames {
            whole = assembly.push(frame.digest(), keys.frame.open(frame.as_bytes()).expect("one's own frame"));
        }
        assert_eq!(whole.expect("all parts").body, body, "{length} octets");
    }
}

#[test]
fn a_frame_opens_under_its_own_mailbox_branch_and_octets_only() {
    let party = Party::founder("Amina", "Nour");
    let relay = support::relay().address.key().to_owned();
    let keys = party.group().epoch_keys(&relay, Branch(0)).expect("keys");
    let other = party.group().epoch_keys(&relay, Branch(1)).expect("keys");
    assert_ne!(keys.mailbox.address(), other.mailbox.address());
    let frames = seal::seal_payload(&keys.frame, ContentKind::Message, b"x", None, FrameSize::Kib1, &random());
    let octets = frames.expect("sealing").remove(0).into_bytes();
    assert!(other.frame.open(&octets).is_err());
    for place in [0, 23, 24, octets.len() - 1] {
        let mut damaged = octets.clone();
        damaged[place] ^= 1;
        assert!(keys.frame.open(&damaged).is_err(), "octet {place} changed");
    }
}

#[test]
fn every_commit_of_an_alliance_fills_the_same_frame() {
    let mut sizes = std::collections::BTreeSet::new();
    let mut parties = support::alliance_of(5);
    let third = parties[2].identity();
    let newcomer = support::joiner("Zineb", "Amal").1;
    for change in [
        Change::Rotate,
        Change::Remove(vec![third]),
        Change::SetRole(third, Role::Observer),
        Change::Add(vec![(newcomer, Role::Member)]),
    ] {
        let commit = parties[0].try_commit(&change).expect("an organiser may");
        assert!(commit.commit.len() <= seal::capacity(commit.frame_size, 0), "fits one frame");
        sizes.insert(commit.frame_size);
    }
    assert_eq!(sizes.len(), 1);
}

#[test]
fn safety_words_are_the_same_for_all_and_other_for_others() {
    let (amina, zineb) = (Party::founder("Amina", "Nour"), Party::founder("Zineb", "Amal"));
    let words = SafetyWords::of_person(&amina.identity());
    assert_eq!(words, SafetyWords::of_person(&amina.identity()));
    assert_ne!(words, SafetyWords::of_person(&zineb.identity()));
    assert_eq!(words.words(WordLanguage::French).len(), 8);
    assert_eq!(words.to_string().split(' ').count(), 8);
}
