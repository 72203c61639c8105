//! What must be true when everything has come to rest.
//!
//! - Who was in an epoch with others has read the same in it, in the same order; nobody has anything from before it joined.
//! - What was told to be sent is there once; what was told to wait is there once, or its sender is told that it never
//!   will be; what nobody was told of is there once or not at all; what was refused is not.
//! - What `read` or `watch` had shown before a kill is still there.
//! - Everybody whom the others have as a member is one, in the same epoch with the same keys, and nobody else is.
//! - Nobody cheated, so nothing was refused, unreadable or seen differently.

use crate::chaos::names;
use crate::ledger::{Ledger, Told};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What only its reader is told.
const OWN_EVENTS: [&str; 3] = ["joined", "not_sent", "not_done"];

/// What nobody may be told of where nobody cheats.
const ODD_EVENTS: [&str; 4] = ["refused_commit", "unreadable", "not_understood", "history_differs"];

/// What somebody has of one time in the alliance: whoever was removed and let in again has two.
pub(crate) struct Witness {
    pub(crate) person: usize,
    pub(crate) name: &'static str,
    /// What `read --all` gives.
    pub(crate) read: Value,
    /// What `verify` and `members` give, while it is a member.
    pub(crate) state: Option<(Value, Value)>,
}

impl Witness {
    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.read["entries"].as_array().into_iter().flatten()
    }

    fn took_part(&self) -> bool {
        ["active", "left", "removed"].iter().any(|status| self.read["alliance"]["status"] == *status)
    }

    fn joined(&self) -> Option<u64> {
        match self.entries().find(|entry| entry["event"] == "joined") {
            Some(entry) => entry["epoch"].as_u64(),
            None => Some(0),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries().filter(|entry| entry["kind"] == "text").filter_map(|entry| entry["text"].as_str())
    }

    fn given_up(&self) -> impl Iterator<Item = &str> {
        self.entries().filter(|entry| entry["event"] == "not_sent").filter_map(|entry| entry["text"].as_str())
    }

    /// What was read in each epoch, as everybody should have it.
    fn epochs(&self) -> BTreeMap<u64, Vec<String>> {
        let mut epochs = BTreeMap::<u64, Vec<String>>::new();
        for entry in self.entries().filter(|entry| !OWN_EVENTS.iter().any(|own| entry["event"] == *own)) {
            let mut shared = entry.clone();
            for own in ["id", "own", "looks_like"] {
                shared.as_object_mut().map(|fields| fields.remove(own));
            }
            epochs.entry(entry["epoch"].as_u64().unwrap_or(u64::MAX)).or_default().push(shared.to_string());
        }
        epochs
    }
}

/// Holds what everybody has against each other, and against what they were told.
pub(crate) fn check(witnesses: &[Witness], ledger: &Ledger) -> Result<()> {
    let parts: Vec<&Witness> = witnesses.iter().filter(|witness| witness.took_part()).collect();
    check_members(witnesses)?;
    check_one_history(&parts)?;
    for witness in &parts {
        let odd = witness.entries().find(|entry| ODD_EVENTS.iter().any(|odd| entry["event"] == *odd));
        ensure!(odd.is_none(), "{} has {odd:?}, though nobody cheated", witness.name);
    }
    for (text, sent) in ledger.texts() {
        let own = || parts.iter().filter(|witness| witness.person == sent.person);
        let said = own().flat_map(|witness| witness.texts()).filter(|found| *found == text).count();
        let given_up = own().flat_map(|witness| witness.given_up()).filter(|found| *found == text).count();
        let good = match sent.told {
            Told::Sent => said == 1 && given_up == 0,
            Told::Waits => said + given_up == 1,
            Told::Nothing => said + given_up <= 1,
            Told::Refused => said == 0,
        };
        ensure!(good, "{text:?} ({sent:?}) is said {said} times and given up {given_up} times");
        for witness in &parts {
            let count = witness.texts().filter(|found| *found == text).count();
            ensure!(count <= 1, "{} has {text:?} {count} times", witness.name);
        }
    }
    for (person, text) in ledger.shown() {
        let there = parts.iter().any(|witness| witness.person == person && witness.texts().any(|found| found == text));
        ensure!(there, "{text:?} was shown, and is gone");
    }
    Ok(())
}

fn check_members(witnesses: &[Witness]) -> Result<()> {
    let mut active = witnesses.iter().filter_map(|witness| Some((witness, witness.state.as_ref()?)));
    let (first, (words, members)) = active.clone().next().context("nobody is left")?;
    for (witness, (other_words, other_members)) in active.clone() {
        let alike = words == other_words && names(members).eq(names(other_members));
        ensure!(alike, "{} and {} are not in the same state", first.name, witness.name);
    }
    let here: BTreeSet<&str> = active.clone().map(|(witness, _)| witness.name).collect();
    ensure!(active.by_ref().count() == here.len(), "somebody is there twice");
    ensure!(names(members).collect::<BTreeSet<_>>() == here, "members: {members}, but these take part: {here:?}");
    Ok(())
}

fn check_one_history(parts: &[&Witness]) -> Result<()> {
    let mut reference = BTreeMap::<u64, (&str, Vec<String>)>::new();
    for witness in parts {
        let (name, epochs) = (witness.name, witness.epochs());
        let joined = witness.joined().context("no epoch of joining")?;
        let last = witness.read["alliance"]["epoch"].as_u64().context("no epoch")?;
        let early = epochs.keys().find(|epoch| **epoch < joined || **epoch > last);
        ensure!(early.is_none(), "{name} was in {joined} to {last}, but reads {early:?}");
        for epoch in joined..=last {
            let found = epochs.get(&epoch).cloned().unwrap_or_default();
            let (other, expected) = reference.entry(epoch).or_insert_with(|| (name, found.clone()));
            ensure!(*expected == found, "{other} and {name} differ in epoch {epoch}:\n{expected:#?}\n{found:#?}");
        }
    }
    Ok(())
}
