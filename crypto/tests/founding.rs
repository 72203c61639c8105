//! An alliance founded anew: what outlives it, who comes back as what, and what one organiser alone cannot do by it.

mod support;

use support::{Party, alliance_of, joiner, pass, reenters, returning};
use twiza_crypto::CryptoError;
use twiza_crypto::alliance::{AllianceState, Founding, Role};
use twiza_crypto::group::commit::Change;
use twiza_crypto::group::restore::Expected;
use twiza_crypto::judge::Refusal;
use twiza_crypto::rules::{Quorums, Rules, Succession};

fn rules(quorum: u8) -> Rules {
    let succession = Some(Succession { silence_days: 30, waiting_days: 7, organisations: 3 });
    Rules { quorums: Quorums::all(quorum), succession, ..Rules::default() }
}

/// Four members, two of them organisers; so many organisations must agree.
fn four(quorum: u8) -> Vec<Party> {
    let mut parties = alliance_of(4);
    let second = parties[1].identity();
    pass(&mut parties, 0, &Change::SetRole(second, Role::Organiser)).expect("an organiser gives roles");
    pass(&mut parties, 0, &Change::SetRules(rules(quorum))).expect("and sets rules");
    parties
}

fn refused<T: std::fmt::Debug>(result: Result<T, CryptoError>, why: Refusal) {
    assert!(matches!(&result, Err(CryptoError::Refused(found)) if *found == why), "{why:?}: {result:?}");
}

#[test]
fn an_alliance_founded_anew_is_another_group_that_keeps_what_was_agreed() {
    let parties = four(2);
    let before = parties[0].group().alliance();
    let anew = parties[0].founds_anew(&[parties[3].identity()]).expect("an organiser founds it anew");
    let after = anew.group().alliance();
    assert_eq!((after.id, after.generation), (before.id, before.generation + 1));
    assert_ne!(after.group_id(), before.group_id());
    assert_eq!((&after.name, &after.relays, &after.ledger), (&before.name, &before.relays, &before.ledger));
    assert_eq!(after.rules, before.rules);
    assert_eq!(after.seats, [before.seat(&parties[0].identity()).expect("a seat").clone()]);
    let mut expected = vec![(parties[1].identity(), Role::Organiser), (parties[2].identity(), Role::Member)];
    expected.sort();
    let awaited: Vec<_> = after.awaited().iter().map(|awaited| (awaited.identity, awaited.role)).collect();
    assert_eq!(awaited, expected);
    assert_eq!(after.voices(), before.voices(), "whoever is awaited is its organisation's voice");
    assert_eq!(AllianceState::decode(&after.encode().expect("octets")).expect("a state"), *after);
    assert!(matches!(parties[2].founds_anew(&[]), Err(CryptoError::NotPossible(_))), "by a member");
}

#[test]
fn whoever_is_awaited_comes_back_as_what_it_was_by_one_organiser() {
    let parties = four(2);
    let mut anew = vec![parties[0].founds_anew(&[parties[3].identity()]).expect("founded anew")];
    let (_, request, _) = returning(&parties[2], "Person 2", "Organisation 2");
    refused(anew[0].try_commit(&Change::Readmit(vec![(request, Role::Observer)])), Refusal::FoundingChanged);
    for (name, organisation) in [("Somebody Else", "Organisation 2"), ("Person 2", "Organisation 0")] {
        let (_, request, _) = returning(&parties[2], name, organisation);
        refused(anew[0].try_commit(&Change::Readmit(vec![(request, Role::Member)])), Refusal::FoundingChanged);
    }
    // Nobody else comes in by one organiser: neither a stranger nor who was left out.
    let (_, request) = joiner("Stranger", "Organisation 0");
    refused(anew[0].try_commit(&Change::Add(vec![(request, Role::Member)])), Refusal::ApprovalsMissing);
    let (_, request, _) = returning(&parties[3], "Person 3", "Organisation 3");
    refused(anew[0].try_commit(&Change::Readmit(vec![(request, Role::Member)])), Refusal::ApprovalsMissing);

    let (mut back, request, _) = returning(&parties[1], "Person 1", "Organisation 1");
    let change = Change::Readmit(vec![(request, Role::Organiser)]);
    let welcome = pass(&mut anew, 0, &change).expect("an organiser lets back in").expect("a Welcome");
    let (id, organiser) = (anew[0].group().alliance().id, anew[0].identity());
    let expected = Expected { alliance: &id, generation_min: 1, organisers: &[organiser] };
    reenters(&mut back, &welcome, &expected).expect("entering");
    anew.push(back);
    // Any organiser who has come back lets in who has not.
    let (mut back, request, _) = returning(&parties[2], "Person 2", "Organisation 2");
    let change = Change::Readmit(vec![(request, Role::Member)]);
    let welcome = pass(&mut anew, 1, &change).expect("an organiser lets back in").expect("a Welcome");
    let organiser = anew[1].identity();
    let expected = Expected { alliance: &id, generation_min: 1, organisers: &[organiser] };
    reenters(&mut back, &welcome, &expected).expect("entering");
    let state = back.group().alliance();
    assert!(state.awaited().is_empty() && state.seats.len() == 3, "{state:?}");
    assert_eq!(state.founding.as_ref().map(|founding| founding.by), Some(anew[0].identity()), "and it stays known");
}

#[test]
fn one_organiser_alone_decides_nothing_in_it_that_several_must() {
    let parties = four(2);
    let mut anew = parties[0].founds_anew(&[]).expect("founded anew");
    refused(anew.try_commit(&Change::SetRules(Rules::default())), Refusal::ApprovalsMissing);
    let third = parties[2].identity();
    refused(anew.try_commit(&Change::Remove(vec![third])), Refusal::ApprovalsMissing);
    // Where one is enough, it can also wait for somebody no more.
    let parties = four(1);
    let mut anew = vec![parties[0].founds_anew(&[]).expect("founded anew")];
    let third = parties[2].identity();
    pass(&mut anew, 0, &Change::Remove(vec![third])).expect("an organiser removes");
    assert!(anew[0].group().alliance().awaits(&third).is_none());
    assert_eq!(anew[0].group().alliance().awaited().len(), 2);
}

#[test]
fn no_commit_changes_how_it_was_founded_or_has_others_awaited() {
    let parties = four(1);
    let mut anew = vec![parties[0].founds_anew(&[parties[3].identity()]).expect("founded anew")];
    let (mut back, request, _) = returning(&parties[2], "Person 2", "Organisation 2");
    let change = Change::Readmit(vec![(request, Role::Member)]);
    let welcome = pass(&mut anew, 0, &change).expect("an organiser lets back in").expect("a Welcome");
    let (id, organiser) = (anew[0].group().alliance().id, anew[0].identity());
    let expected = Expected { alliance: &id, generation_min: 1, organisers: &[organiser] };
    reenters(&mut back, &welcome, &expected).expect("entering");
    anew.push(back);
    let state = anew[0].group().alliance().clone();
    let founding = state.founding.clone().expect("founded anew");
    let mut promoted = founding.clone();
    promoted.awaited[0].role = Role::Member;
    let another = Founding { by: parties[2].identity(), ..founding };
    for founding in [None, Some(another), Some(promoted)] {
        let after = AllianceState { founding, ..state.clone() };
        let address = anew[0].address();
        let made = anew[0].group_mut().commit_unjudged(&Change::Rotate, &after, Vec::new(), &address);
        let made = made.expect("a changed client");
        refused(anew[1].try_receive_commit(&address, &made.commit, &made.author), Refusal::FoundingChanged);
        anew[0].reload();
    }
}

#[test]
fn rules_are_kept_as_far_as_those_who_are_left_can() {
    let parties = four(2);
    let state = parties[0].group().alliance();
    let [second, third, fourth] = [1, 2, 3].map(|party: usize| parties[party].identity());
    assert_eq!(state.rules_without(&[fourth]), rules(2), "three organisations, and two of them organise");
    assert_eq!(state.rules_without(&[second]).quorums, Quorums::all(1), "one organisation organises");
    let two = state.rules_without(&[third, fourth]).succession.expect("two organisations can");
    assert_eq!(two.organisations, 2);
    assert_eq!(state.rules_without(&[second, third, fourth]), Rules::default(), "nobody is left to agree with");
    assert!(state.rules_without(&[second]).are_sound());
}
