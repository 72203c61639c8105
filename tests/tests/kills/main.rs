//! The two programs are killed at random moments, again and again, while texts and changes of membership flow: afterwards
//! everybody has read the same, and everything that was told to be sent is there once.
//!
//! - As many kills as wished: `TWIZA_KILLS=300 cargo test -p twiza-tests --test kills -- --nocapture`
//! - With other choices: `TWIZA_SEED=17`. The seed decides what people do and when they are killed; how far a program has
//!   got by then is the machine's affair, so a run cannot be repeated exactly.
//!
//! | module | what it does |
//! |---|---|
//! | [`victim`] | runs one command, and kills it after some time if it is to be killed |
//! | [`ledger`] | keeps what was told to people, and whom the kills hit |
//! | [`town`] | a relay that can be killed, and people |
//! | [`chaos`] | people act at once, and are killed |
//! | [`calm`] | nobody is killed: everybody synchronises, and the last requests are answered |
//! | [`oracle`] | what must be true then |

mod calm;
mod chaos;
mod ledger;
mod oracle;
mod town;
mod victim;

use anyhow::{Context, Result};
use fastrand::Rng;
use ledger::Ledger;
use std::time::{Duration, Instant};
use town::Town;
use twiza_tests::programs;
use twiza_tests::programs::Person;

/// Kills where nothing else is asked for.
const KILLS: usize = 20;

/// Kills after which everything is held against each other, before it goes on.
const KILLS_BETWEEN_CHECKS: usize = 50;

/// No kill is begun after this, where no number was asked for: other tests want the machine too.
const TIME_MAX: Duration = Duration::from_secs(60);

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_is_killed_nothing_is_lost_or_repeated_and_nobody_is_stuck() -> Result<()> {
    let asked = variable("TWIZA_KILLS");
    let kills = asked.map_or(Ok(KILLS), usize::try_from)?;
    let seed = variable("TWIZA_SEED").unwrap_or(1);
    let mut rng = Rng::with_seed(seed);
    let mut town = Town::new(programs!())?;
    let (ledger, started) = (Ledger::default(), Instant::now());
    let result = life(&mut town, &ledger, &mut rng, kills, asked.map_or(Some(TIME_MAX), |_| None));
    println!("seed {seed}, {:.0} s\n{ledger}", started.elapsed().as_secs_f64());
    if result.is_err() {
        let folder = town.keep();
        return result.with_context(|| format!("seed {seed}; everything lies in {}", folder.display()));
    }
    Ok(())
}

fn life(town: &mut Town, ledger: &Ledger, rng: &mut Rng, kills: usize, time: Option<Duration>) -> Result<()> {
    let started = Instant::now();
    let mut checked = 0;
    loop {
        chaos::round(town, ledger, rng)?;
        let killed = ledger.kills();
        let over = killed >= kills || time.is_some_and(|time| started.elapsed() > time);
        if over || killed >= checked + KILLS_BETWEEN_CHECKS {
            checked = killed;
            let witnesses = calm::settle(town, ledger)?;
            oracle::check(&witnesses, ledger)?;
            if over {
                return Ok(());
            }
            calm::gather(town, ledger)?;
        }
    }
}

#[test]
fn making_a_profile_can_be_tried_again_wherever_it_was_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let init = ["init", "--name", "Amina", "--organisation", "Nour"];
    let whole = Person::new(programs!(), folder.path(), "whole");
    let begun = Instant::now();
    whole.types(&init)?;
    let (mut rng, took) = (Rng::with_seed(variable("TWIZA_SEED").unwrap_or(1)), begun.elapsed());
    for attempt in 0..variable("TWIZA_KILLS").unwrap_or(8).min(60) {
        let amina = Person::new(programs!(), folder.path(), &format!("amina{attempt}"));
        let after = took.mul_f64(rng.f64());
        victim::run(&amina, &init, Some(after))?;
        let again = victim::run(&amina, &init, None)?;
        let made = again.code == Some(0) || again.error.as_deref() == Some("error-profile-exists");
        anyhow::ensure!(made, "after {after:?}: {again:?}");
        assert_eq!(amina.asks(&["whoami"])?["name"], "Amina", "after {after:?}");
    }
    Ok(())
}

/// Killing seldom hits the moment in which the vault is written; this is what it leaves.
#[test]
fn half_a_vault_is_none_and_in_nobodys_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let amina = Person::new(programs!(), folder.path(), "amina");
    let init = ["init", "--name", "Amina", "--organisation", "Nour"];
    amina.types(&init)?;
    let (vault, unfinished) = (folder.path().join("amina/vault"), folder.path().join("amina/vault.unfinished"));
    let octets = std::fs::read(&vault)?;
    std::fs::remove_file(&vault)?;
    std::fs::write(&unfinished, &octets[..octets.len() / 2])?;
    assert_eq!(amina.is_refused(&["whoami"])?, (3, "error-no-profile".to_owned()));
    amina.types(&init)?;
    assert_eq!(amina.asks(&["whoami"])?["name"], "Amina");
    assert!(!unfinished.exists());
    Ok(())
}
