//! A short run of every target, the same each time: its seeds, and mutations of them. More: `TWIZA_MUTATIONS`.

use twiza_fuzz::{TARGETS, mutate::mutate, seeds, target_named};

/// Feeds a target; the octets that it failed on are told, to become a seed once it is mended.
fn short_run(name: &str) {
    let Some(target) = target_named(name) else { panic!("there is no target {name}") };
    let seeds = seeds::stored(name);
    assert!(!seeds.is_empty(), "{name} has no seeds: `cargo run -p twiza-fuzz` makes them");
    let accepted = seeds.iter().filter(|seed| feed(target.run, seed)).count();
    assert!(accepted > 0, "no seed of {name} is accepted: nothing behind the first check is tried");
    let mutations = std::env::var("TWIZA_MUTATIONS").ok().and_then(|number| number.parse().ok());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..mutations.unwrap_or(target.mutations) {
        feed(target.run, &mutate(&mut random, &seeds));
    }
}

fn feed(run: fn(&[u8]) -> bool, octets: &[u8]) -> bool {
    match std::panic::catch_unwind(|| run(octets)) {
        Ok(accepted) => accepted,
        Err(_) => panic!("on these octets: {}", data_encoding::HEXLOWER.encode(octets)),
    }
}

macro_rules! short_runs {
    ($($name:ident)*) => {
        $(#[test] fn $name() { short_run(stringify!($name)); })*

        #[test]
        fn every_target_has_a_short_run() {
            let runs = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(runs), "{runs:?}");
        }
    };
}

short_runs! {
    frame relay_address problem api records proof content sealed_frame invitation decline alliance_state credential
    recovery_mailbox recovery_payload message name vault join_request enactment report missed rival note rejoin_request
    reboot_call bearings kit author_seal mls_message welcome http
}
