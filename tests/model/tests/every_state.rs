//! The model in every state that it can reach; and each deliberate mistake, so that the model is seen to fail.

use twiza_model::properties::CONVERGES;
use twiza_model::{Mistake, Scenario, scenario};

fn holds(scenario: Scenario) {
    let name = scenario.name;
    let outcome = scenario.check();
    println!("{name}: {} states", outcome.states);
    assert!(outcome.broken.is_empty(), "{name}: {:#?}", outcome.broken);
    assert!(outcome.unreached.is_empty(), "{name} never comes to: {:?}", outcome.unreached);
}

/// Finds that the scenario which the mistake belongs to breaks its property.
fn is_found(mistake: Mistake) {
    let found = scenario::mistakes().into_iter().find(|(_, made, _)| *made == mistake);
    let Some((scenario, _, property)) = found else { panic!("{mistake:?} belongs to no scenario") };
    let outcome = scenario.with(mistake).check_for(property);
    let broken: Vec<_> = outcome.broken.iter().map(|(name, _)| *name).collect();
    assert!(broken.contains(&property), "{mistake:?} breaks only {broken:?} in {} states", outcome.states);
}

#[test]
fn speakers_on_a_bad_network_stay_together() {
    holds(scenario::speaking());
}

#[test]
fn a_cheat_who_spoils_branches_is_removed_and_nobody_is_stuck() {
    holds(scenario::cheating());
}

#[test]
fn of_all_who_want_to_leave_an_organiser_stays() {
    holds(scenario::leaving());
}

#[test]
fn of_two_organisers_who_remove_each_other_one_is_out() {
    holds(scenario::removing_each_other());
}

#[test]
fn who_leaves_and_is_removed_twice_is_out_once() {
    holds(scenario::removing_a_leaver());
}

#[test]
fn more_spoiled_branches_than_are_followed_stop_an_alliance() {
    let outcome = scenario::all_branches_spoiled().check();
    let broken: Vec<_> = outcome.broken.iter().map(|(name, _)| *name).collect();
    assert_eq!(broken, [CONVERGES], "only a reboot mends this, and nothing else is broken by it");
    assert!(outcome.unreached.is_empty());
}

#[test]
fn merging_before_the_receipt_forks() {
    is_found(Mistake::MergeBeforeReceipt);
}

#[test]
fn counting_ones_own_wish_first_strands_somebody() {
    is_found(Mistake::OwnWishFirst);
}

#[test]
fn a_single_winner_without_branches_is_stuck() {
    is_found(Mistake::SingleWinner);
}

#[test]
fn posting_before_storing_loses_what_was_said() {
    is_found(Mistake::PostBeforeStoring);
}

#[test]
fn sealing_again_without_an_answer_says_things_twice() {
    is_found(Mistake::SealAgainWithoutAnswer);
}

#[test]
fn forgetting_what_raced_loses_texts() {
    is_found(Mistake::ForgetWhatRaced);
}

#[test]
fn a_relay_that_stores_repeats_says_things_twice() {
    is_found(Mistake::RelayRepeats);
}

#[test]
fn a_relay_that_never_closes_gives_receipts_for_what_nobody_reads() {
    is_found(Mistake::RelayNeverCloses);
}

#[test]
fn a_removed_member_who_can_follow_reads_on() {
    is_found(Mistake::RemovedFollows);
}

#[test]
fn without_a_judge_anybody_removes_anybody() {
    is_found(Mistake::NobodyJudges);
}
