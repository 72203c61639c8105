//! What must be true after every run, whatever happened in it.
//!
//! - Members who were in an epoch together have read the same in it, in the same order.
//! - What was acknowledged to its sender is read exactly once by every member of its epoch; what was queued is, too, or
//!   its sender is told that it never will be.
//! - Nobody has read anything of an epoch it was not in.
//! - Nobody is stuck: outboxes are empty, and all are in one epoch with one authenticator and one list of members.
//! - Nothing was refused, unreadable, or seen differently, but for what cheats did; and for that they are named where
//!   they can be, and nobody else ever is.
//!
//! Three promises are weaker, and stand in [`check_detected`], [`Case::lost`] and [`said_by_the_gone`].

use super::cheat::Expected;
use super::client::name_of;
use super::witness::{Sent, Told, Witness};
use std::collections::{BTreeMap, BTreeSet};
use twiza_client::engine::Outbox;
use twiza_client::store::alliances::Status;
use twiza_client::store::history::Event;

/// What there is to judge.
pub(super) struct Case<'a> {
    pub(super) witnesses: &'a [Witness],
    pub(super) sent: &'a BTreeMap<String, Sent>,
    /// What cheats did; `None` where the relay itself put things in, which need only be the same for all.
    pub(super) expected: Option<&'a Expected>,
    /// Who was told that its place is gone. It keeps what it had read and what it wanted to say, and is behind.
    pub(super) lost: &'a BTreeSet<usize>,
    /// Whether people say again what others had not read before a mailbox was gone: then whoever is out or behind has it
    /// where it was said first.
    pub(super) is_said_again: bool,
}

/// Holds what clients say against each other.
///
/// # Errors
/// The first promise that was broken, in words.
pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    check_nobody_is_stuck(case)?;
    check_one_history(case)?;
    for witness in parts(case) {
        let is_behind = witness.is_lost() || case.lost.contains(&witness.client);
        check_nothing_odd(witness, case.expected, is_behind)?;
    }
    for (text, sent) in case.sent {
        check_once(case, text, *sent)?;
    }
    Ok(())
}

/// Holds only the silent differences against clients: those of which none of the two was told anything. `told` has
/// everybody to whom an operation said that the relay contradicts itself, or has lost the place.
///
/// # Errors
/// The first silent difference, in words.
pub(super) fn check_detected(case: &Case<'_>, told: &BTreeSet<usize>) -> Result<(), String> {
    let warned = |witness: &Witness| {
        let mut own = case.witnesses.iter().filter(|other| other.client == witness.client);
        told.contains(&witness.client) || own.any(Witness::is_warned)
    };
    // Whoever was let in on a side that does not go on hears nothing there; all those with whom it is were told.
    let is_left_behind = |witness: &Witness| {
        let is_told = |name: &str| case.witnesses.iter().any(|other| name_of(other.client) == name && warned(other));
        witness.fellows().all(is_told)
    };
    let parts: Vec<&Witness> = parts(case).collect();
    let is_silent = |one: &Witness| !warned(one) && !is_left_behind(one);
    let silent: Vec<Witness> = parts.iter().filter(|one| is_silent(one)).map(|one| (*one).clone()).collect();
    for (index, one) in silent.iter().enumerate() {
        for other in silent.iter().skip(index + 1) {
            check_one_history(&Case { witnesses: &[one.clone(), other.clone()], ..*case })?;
        }
    }
    if silent.iter().any(Witness::is_active) {
        check_one_state(&Case { witnesses: &silent, ..*case })?;
    }
    let calm: Vec<Witness> = parts.iter().filter(|one| !warned(one)).map(|one| (*one).clone()).collect();
    let calm = Case { witnesses: &calm, ..*case };
    // A wish to leave waits for somebody else's commit: whoever is told must act before it can go.
    if calm.witnesses.iter().filter(|one| one.is_active()).count() == parts.iter().filter(|one| one.is_active()).count()
    {
        check_outboxes(&calm)?;
    }
    for (text, sent) in case.sent.iter().filter(|(_, sent)| calm.witnesses.iter().any(|one| one.client == sent.client))
    {
        check_once(&calm, text, *sent)?;
    }
    Ok(())
}

fn parts<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Witness> {
    case.witnesses.iter().filter(|witness| witness.took_part())
}

fn check_nobody_is_stuck(case: &Case<'_>) -> Result<(), String> {
    // Wishes to leave, and what waits for them, may have to wait for whoever is lost.
    if !is_anybody_lost(case) {
        check_outboxes(case)?;
    }
    check_one_state(case)
}

fn is_anybody_lost(case: &Case<'_>) -> bool {
    !case.lost.is_empty() || case.witnesses.iter().any(Witness::is_lost)
}

fn active<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Witness> {
    case.witnesses.iter().filter(|witness| witness.is_active() && !case.lost.contains(&witness.client))
}

fn check_outboxes(case: &Case<'_>) -> Result<(), String> {
    match active(case).find(|witness| witness.outbox != Outbox::default()) {
        Some(Witness { client, outbox, .. }) => {
            Err(format!("{client} never gets rid of what it wants to say or do: {outbox:?}"))
        }
        None => Ok(()),
    }
}

fn check_one_state(case: &Case<'_>) -> Result<(), String> {
    if let Some(stuck) = case.witnesses.iter().find(|witness| witness.view.status == Status::Stuck) {
        return Err(format!("{} is stuck", stuck.client));
    }
    let Some(first) = active(case).next() else {
        return if is_anybody_lost(case) { Ok(()) } else { Err("nobody is left".to_owned()) };
    };
    for witness in active(case) {
        let Witness { client, view, .. } = witness;
        if view.epoch != first.view.epoch || witness.state != first.state {
            let states = (&first.state, &witness.state);
            let epochs = (first.view.epoch, view.epoch);
            return Err(format!("{} and {client} are not in the same state: {epochs:?} {states:?}", first.client));
        }
    }
    Ok(())
}

fn check_one_history(case: &Case<'_>) -> Result<(), String> {
    let mut reference = BTreeMap::<u64, (usize, Vec<String>)>::new();
    let gone = said_by_the_gone(case);
    // Where a relay lied, whoever is out has not read what was said again.
    let has_all = |witness: &&Witness| case.expected.is_some() || witness.is_active() || witness.is_lost();
    let (behind, others): (Vec<&Witness>, Vec<&Witness>) = parts(case)
        .filter(has_all)
        .partition(|witness| witness.is_lost() || witness.is_active() && case.lost.contains(&witness.client));
    let there: Vec<_> = active(case).map(|witness| witness.epochs(&BTreeSet::new(), true)).collect();
    let said: BTreeSet<&str> =
        there.iter().flat_map(BTreeMap::values).flatten().map(|line| without_place(line)).collect();
    for witness in others.iter().chain(&behind) {
        let client = witness.client;
        let epochs = witness.epochs(&gone, case.expected.is_some());
        if let Some((early, _)) = epochs.iter().find(|(epoch, _)| **epoch < witness.joined()) {
            return Err(format!("{client} reads epoch {early}, but joined in {}", witness.joined()));
        }
        let may_be_elsewhere = case.is_said_again && (!witness.is_active() || case.lost.contains(&client));
        for epoch in witness.present().into_iter().flatten() {
            let mut found = epochs.get(&epoch).cloned().unwrap_or_default();
            if let Some((_, expected)) = reference.get(&epoch).filter(|_| may_be_elsewhere) {
                found.retain(|line| expected.contains(line) || !said.contains(without_place(line)));
            }
            let may_miss = epoch == witness.view.epoch && case.lost.contains(&client);
            match reference.get(&epoch) {
                Some((_, expected)) if may_miss && expected.starts_with(&found) => {}
                Some((other, expected)) if *expected != found => {
                    return Err(format!("{other} and {client} differ in epoch {epoch}:\n {expected:?}\n {found:?}"));
                }
                Some(_) => {}
                None if may_miss => {}
                None => drop(reference.insert(epoch, (client, found))),
            }
        }
    }
    Ok(())
}

fn without_place(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, rest)| rest)
}

/// Honest members have no more and no less to complain of than cheats gave them reason to.
/// (Whoever is behind has not seen all of its last epoch.)
fn check_nothing_odd(witness: &Witness, expected: Option<&Expected>, is_behind: bool) -> Result<(), String> {
    let client = witness.client;
    let Some(expected) = expected else { return Ok(()) };
    let mut found = Expected::default();
    for (epoch, event) in witness.events() {
        match event {
            Event::HistoryDiffers { .. } | Event::NotUnderstood { .. } => {
                return Err(format!("{client} has {event:?}, though nobody lied"));
            }
            Event::RefusedCommit { person } => {
                let person = person.as_ref().map(|person| person.name.clone());
                found.refusals.entry(epoch).or_default().push(person);
            }
            Event::Unreadable => *found.unreadable.entry(epoch).or_default() += 1,
            _ => {}
        }
    }
    let last = witness.view.epoch;
    for epoch in witness.present().into_iter().flatten().filter(|epoch| !is_behind || *epoch != last) {
        let (refused, all) = (found.refusals.get(&epoch), expected.refusals.get(&epoch));
        if refused != all {
            return Err(format!("{client} refused {refused:?} in epoch {epoch}, and should have refused {all:?}"));
        }
        let (unread, all) = (found.unreadable.get(&epoch), expected.unreadable.get(&epoch));
        if unread != all {
            return Err(format!("{client} could not read {unread:?} in epoch {epoch}; there were {all:?}"));
        }
    }
    Ok(())
}

/// What a relay lost, or let expire, its author says again to those who had not read it. An observer cannot, nor, after a
/// lie, whoever is out by then: what it had said may be read by some only.
fn said_by_the_gone<'a>(case: &Case<'a>) -> BTreeSet<&'a str> {
    if !case.is_said_again {
        return BTreeSet::new();
    }
    let own = |client: usize| parts(case).filter(move |witness| witness.client == client);
    let is_gone = |client: usize| match case.expected {
        Some(_) => own(client).any(|witness| witness.is_active() && !witness.may_speak()),
        None => !own(client).any(Witness::may_speak),
    };
    case.sent.iter().filter(|(_, sent)| is_gone(sent.client)).map(|(text, _)| text.as_str()).collect()
}

fn check_once(case: &Case<'_>, text: &str, sent: Sent) -> Result<(), String> {
    let own = || parts(case).filter(|witness| witness.client == sent.client);
    let said: usize = own().map(|witness| witness.has_text(text)).sum();
    let given_up: usize = own().map(|witness| witness.has_given_up(text)).sum();
    let good = match sent.told {
        Told::Nothing if said_by_the_gone(case).contains(text) => said <= 1 && given_up <= 1,
        Told::Nothing => said + given_up <= 1,
        Told::Acknowledged if said_by_the_gone(case).contains(text) => said + given_up >= 1,
        Told::Acknowledged => said == 1 && given_up == 0,
        Told::Queued if case.lost.contains(&sent.client) || own().any(Witness::is_lost) => said + given_up <= 1,
        // Whoever wants to leave waits with it, where nobody is there to carry that out.
        Told::Queued if is_anybody_lost(case) && own().any(Witness::waits) => said + given_up <= 1,
        Told::Queued if said_by_the_gone(case).contains(text) => said + given_up >= 1,
        Told::Queued => said + given_up == 1,
        Told::Refused => said == 0,
    };
    if !good {
        return Err(format!("{text:?} ({sent:?}) was said {said} times and given up {given_up} times"));
    }
    let twice = parts(case).find(|witness| witness.has_text(text) > 1);
    twice.map_or(Ok(()), |witness| Err(format!("{} has {text:?} twice", witness.client)))
}
