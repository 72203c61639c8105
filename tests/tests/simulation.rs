//! Simulated alliances: many seeds, each a whole life with crashes, lost and repeated requests and wrong clocks; and
//! besides, by test, second programs, cheats, long absences, or a relay that lies.
//!
//! - As many seeds as wished, shared among the tests:
//!   `TWIZA_SEEDS=8000 cargo test -p twiza-tests --test simulation -- --nocapture --test-threads 1`
//! - One again, exactly, with the test's name: `TWIZA_SEED=17 cargo test -p twiza-tests --test simulation NAME -- --nocapture`

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use twiza_test_seeded::run_seeded;
use twiza_tests::simulation::{self, Broken, Outcome, Scenario};

/// Seeds of all tests together, where nothing else is said: some six minutes on two processors.
const SEEDS: u64 = 2000;

#[test]
fn everybody_reads_the_same_whatever_networks_crashes_clocks_and_second_programs_do() {
    live(Scenario::Programs, 40);
}

#[test]
fn members_who_cheat_are_named_where_they_can_be_and_hold_nobody_up() {
    live(Scenario::Cheats, 20);
}

#[test]
fn whoever_is_away_for_longer_than_the_relay_keeps_mailboxes_is_told() {
    live(Scenario::Absence, 15);
}

#[test]
fn no_lie_of_a_relay_stays_unnoticed() {
    live(Scenario::Lies, 25);
}

#[test]
fn a_seed_lives_the_same_life_again() {
    let life = || run_seeded(8, || one(Scenario::Lies, 8).unwrap_or_else(|broken| panic!("{}", broken.what)).log);
    let first = life();
    assert!(first.len() > 100, "{first:?}");
    assert_eq!(first, life());
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs this share of all seeds, on every processor.
fn live(scenario: Scenario, percent: u64) {
    let (first, count) = match variable("TWIZA_SEED") {
        Some(seed) => (seed, 1),
        None => (0, (variable("TWIZA_SEEDS").unwrap_or(SEEDS) * percent).div_ceil(100)),
    };
    let (next, started) = (AtomicU64::new(first), Instant::now());
    let results = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let mut result = run_seeded(seed, || one(scenario, seed));
                    if let (true, Ok(outcome)) = (count > 1, &mut result) {
                        // Of many, nobody reads what went well.
                        outcome.log = Vec::new();
                    }
                    results.lock().unwrap().push((seed, result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    report(scenario, &results, minutes);
    if let [(_, Ok(Outcome { log, .. }))] = &*results {
        println!("{}", log.join("\n"));
    }
    let mut bad: Vec<_> = results.iter().filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    bad.sort_by_key(|(seed, _)| **seed);
    if let Some((seed, Broken { what, log })) = bad.first() {
        let all: Vec<_> = bad.iter().map(|(seed, broken)| format!("{seed}: {}", broken.what)).collect();
        let tail = log.len().saturating_sub(if count == 1 { log.len() } else { 60 });
        let (all, log) = (all.join("\n"), log[tail..].join("\n"));
        panic!("{} seeds are broken:\n{all}\nIn {seed}: {what}\n{log}", bad.len());
    }
}

fn report(scenario: Scenario, results: &[(u64, Result<Outcome, Broken>)], minutes: f64) {
    let good: Vec<&Outcome> = results.iter().filter_map(|(_, result)| result.as_ref().ok()).collect();
    let sum = |of: fn(&Outcome) -> usize| good.iter().map(|outcome| of(outcome)).sum::<usize>();
    println!(
        "{scenario:?}: {} seeds, {:.0} a minute: {} texts, {} epochs, {} frames, {} requests, {} members were told",
        results.len(),
        results.len() as f64 / minutes,
        sum(|outcome| outcome.texts),
        good.iter().map(|outcome| outcome.epoch).sum::<u64>(),
        sum(|outcome| outcome.frames),
        sum(|outcome| outcome.requests),
        sum(|outcome| outcome.told),
    );
    let mut faults = BTreeMap::<&str, usize>::new();
    for (fault, count) in good.iter().flat_map(|outcome| &outcome.faults) {
        *faults.entry(fault).or_default() += count;
    }
    for (fault, count) in faults {
        println!("{count:>8}  {fault}");
    }
}

fn one(scenario: Scenario, seed: u64) -> Result<Outcome, Broken> {
    let folder = tempfile::tempdir_in(fast_folder()).expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, simulation::run(scenario, seed, folder.path()))
}

/// Memory where there is some: what survives a crash is decided by the schedule, not by the disk.
fn fast_folder() -> std::path::PathBuf {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
