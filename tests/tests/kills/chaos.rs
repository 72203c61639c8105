//! Everybody acts at once, each killed in the middle as the choice falls, and the relay under all of them.

use crate::ledger::{Ledger, Told};
use crate::town::{ALLIANCE, Inhabitant, Town};
use crate::victim::Ending;
use anyhow::{Result, anyhow};
use fastrand::Rng;
use serde_json::Value;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What everybody does in a round.
const DEEDS: usize = 4;

/// The relay lives no longer than this while people act.
const RELAY_LIFE_MAX: Duration = Duration::from_millis(900);

/// Steps in which somebody is let in.
const STEPS_IN: usize = 5;

/// Nobody watches longer than this.
const WATCH_MAX: Duration = Duration::from_millis(1500);

/// One round; the relay is up after it.
pub(crate) fn round(town: &mut Town, ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let Town { relay, people, .. } = town;
    let people = people.as_slice();
    thread::scope(|scope| {
        let (acts, still) = mpsc::channel::<()>();
        let mut lives = Vec::new();
        for person in people {
            let (mut rng, acts) = (rng.fork(), acts.clone());
            lives.push(scope.spawn(move || {
                let result = (0..DEEDS).try_for_each(|_| deed(person, people, ledger, &mut rng));
                drop(acts);
                result
            }));
        }
        drop(acts);
        while still.recv_timeout(RELAY_LIFE_MAX.mul_f64(rng.f64())) == Err(RecvTimeoutError::Timeout) {
            ledger.relay_is_killed();
            relay.kill()?;
        }
        lives.into_iter().try_for_each(|life| life.join().map_err(|_| anyhow!("somebody panicked"))?)
    })
}

fn deed(person: &Inhabitant, people: &[Inhabitant], ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    match rng.u8(0..20) {
        0..8 => say(person, ledger, rng),
        8..11 => person.dares(ledger, rng, "read", &["read", "--alliance", ALLIANCE]).map(drop),
        11..13 => watch(person, ledger, rng),
        13..15 => person.dares(ledger, rng, "rotate", &["rotate", "--alliance", ALLIANCE]).map(drop),
        15 if person.stays() => give_role(person, people, ledger, rng),
        16 if !person.stays() => person.dares(ledger, rng, "leave", &["leave", "--alliance", ALLIANCE]).map(drop),
        17.. if person.stays() => come_or_go(person, people, ledger, rng),
        _ => say(person, ledger, rng),
    }
}

/// What was told to somebody who sent something.
pub(crate) fn told(ending: &Ending) -> Told {
    match ending.answer().and_then(|answer| answer["sent"].as_bool()) {
        Some(true) => Told::Sent,
        Some(false) => Told::Waits,
        None if ending.killed => Told::Nothing,
        None if ending.error.as_deref() == Some("error-waiting") => Told::Waits,
        None => Told::Refused,
    }
}

fn say(person: &Inhabitant, ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let text = ledger.new_text(person.number);
    let ending = person.dares(ledger, rng, "send", &["send", &text, "--alliance", ALLIANCE])?;
    ledger.tell(person.number, &text, told(&ending));
    Ok(())
}

/// Watching never ends by itself: a second program of the same profile, killed at last.
fn watch(person: &Inhabitant, ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let end = WATCH_MAX.mul_f64(rng.f64());
    let text = ledger.new_text(person.number);
    let mut beside = rng.fork();
    thread::scope(|scope| {
        let watching = scope.spawn(|| person.run(ledger, "watch", &["watch", "--alliance", ALLIANCE], Some(end)));
        let ending =
            person.dares(ledger, &mut beside, "send beside watch", &["send", &text, "--alliance", ALLIANCE])?;
        ledger.tell(person.number, &text, told(&ending));
        watching.join().map_err(|_| anyhow!("watching panicked"))?.map(drop)
    })
}

fn give_role(person: &Inhabitant, people: &[Inhabitant], ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let Some(guest) = guest(people, rng) else { return Ok(()) };
    let role = ["observer", "member", "organiser"][rng.usize(0..3)];
    person.dares(ledger, rng, "role", &["role", guest.name, role, "--alliance", ALLIANCE]).map(drop)
}

fn guest<'a>(people: &'a [Inhabitant], rng: &mut Rng) -> Option<&'a Inhabitant> {
    let guests: Vec<_> = people.iter().filter(|person| !person.stays()).collect();
    guests.get(rng.usize(0..guests.len().max(1))).copied()
}

/// Somebody is let in who is not a member, or removed who is.
fn come_or_go(person: &Inhabitant, people: &[Inhabitant], ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let members = person.run(ledger, "members", &["members", "--alliance", ALLIANCE], None)?;
    let Some(members) = members.answer() else { return Ok(()) };
    let outside = people.iter().find(|guest| !names(members).any(|name| name == guest.name));
    match (outside, guest(people, rng)) {
        (Some(guest), _) => let_in(person, guest, ledger, rng),
        (None, Some(guest)) => {
            person.dares(ledger, rng, "remove", &["remove", guest.name, "--alliance", ALLIANCE]).map(drop)
        }
        (None, None) => Ok(()),
    }
}

/// The way of somebody into the alliance. One of its steps is killed, as the choice falls, so that the others are reached.
fn let_in(person: &Inhabitant, guest: &Inhabitant, ledger: &Ledger, rng: &mut Rng) -> Result<()> {
    let fatal = rng.usize(0..STEPS_IN);
    let mut kill = |step: usize, what| (step == fatal).then(|| ledger.usual(what).mul_f64(rng.f64()));
    let invited = person.run(ledger, "invite", &["invite", "--alliance", ALLIANCE], kill(0, "invite"))?;
    let Some(link) = invited.answer().and_then(|answer| answer["link"].as_str()) else { return Ok(()) };
    guest.run(ledger, "join", &["join", link], kill(1, "join"))?;
    let asked = person.run(ledger, "requests", &["requests", "--alliance", ALLIANCE], kill(2, "requests"))?;
    let requests = asked.answer().and_then(|answer| answer["requests"].as_array());
    for request in requests.into_iter().flatten() {
        let number = request["number"].to_string();
        person.run(ledger, "approve", &["approve", &number, "--alliance", ALLIANCE], kill(3, "approve"))?;
    }
    // Whoever asks again with the same invitation looks for the answer.
    guest.run(ledger, "join again", &["join", link], kill(4, "join again")).map(drop)
}

/// The names of those that `members` lists.
pub(crate) fn names(members: &Value) -> impl Iterator<Item = &str> {
    members["members"].as_array().into_iter().flatten().filter_map(|member| member["person"]["name"].as_str())
}
