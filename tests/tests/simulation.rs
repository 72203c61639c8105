//! Simulated alliances: many seeds, each a whole life with crashes, lost and repeated requests and wrong clocks.
//!
//! - As many seeds as wished: `TWIZA_SEEDS=5000 cargo test --release -p twiza-tests --test simulation -- --nocapture`
//! - One again, exactly: `TWIZA_SEED=17 cargo test -p twiza-tests --test simulation -- --nocapture`

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use twiza_client::clock::{Clock, SystemClock};
use twiza_tests::simulation::{self, Broken, Outcome};

const SEEDS: u64 = 60;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn an_alliance_survives_everything_that_can_happen_to_it() {
    let (first, count) = match variable("TWIZA_SEED") {
        Some(seed) => (seed, 1),
        None => (0, variable("TWIZA_SEEDS").unwrap_or(SEEDS)),
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
                    let result = one(seed);
                    results.lock().unwrap().push((seed, result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    let good: Vec<&Outcome> = results.iter().filter_map(|(_, result)| result.as_ref().ok()).collect();
    let sum = |of: fn(&Outcome) -> usize| good.iter().map(|outcome| of(outcome)).sum::<usize>();
    println!(
        "{} seeds, {:.0} a minute: {} texts, {} epochs, {} faults, {} kills, {} frames",
        results.len(),
        results.len() as f64 / minutes,
        sum(|outcome| outcome.texts),
        good.iter().map(|outcome| outcome.epoch).sum::<u64>(),
        sum(|outcome| outcome.faults),
        sum(|outcome| outcome.kills),
        sum(|outcome| outcome.frames),
    );
    let mut bad: Vec<_> = results.iter().filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    bad.sort_by_key(|(seed, _)| **seed);
    if let Some((seed, Broken { what, log })) = bad.first() {
        let seeds: Vec<_> = bad.iter().map(|(seed, _)| seed).collect();
        let tail = log.len().saturating_sub(if count == 1 { log.len() } else { 60 });
        panic!("broken in seeds {seeds:?}. In {seed}: {what}\n{}", log[tail..].join("\n"));
    }
}

fn one(seed: u64) -> Result<Outcome, Broken> {
    let folder = tempfile::tempdir_in(fast_folder()).expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, simulation::run(seed, folder.path(), SystemClock.unix_seconds()))
}

/// Memory where there is some: what survives a crash is decided by the schedule, not by the disk.
fn fast_folder() -> std::path::PathBuf {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
