//! What must be true after every run, whatever happened in it.
//!
//! - Members who were in an epoch together have read the same in it, in the same order.
//! - What was acknowledged to its sender is read exactly once by every member of its epoch; what was queued is, too, or
//!   its sender is told that it never will be.
//! - Nobody has read anything of an epoch it was not in.
//! - Nobody is stuck: outboxes are empty, and all are in one epoch with one authenticator and one list of members.
//! - Nobody cheated in these runs, so nothing was refused, unreadable, or seen differently.

use super::client::Done;
use std::collections::BTreeMap;
use twiza_client::engine::{AllianceView, Delivery, Outbox};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Entry, Event, Item};
use twiza_client::{ClientError, Engine};

/// One client's part in the alliance: somebody who was removed and let in again has two.
pub struct Witness {
    client: usize,
    pub(super) view: AllianceView,
    entries: Vec<Entry>,
    outbox: Outbox,
    /// What all active members must have alike.
    state: Option<(String, Vec<String>)>,
}

/// A text, and what its sender was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    client: usize,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The sender died before it was told.
    Nothing,
    Acknowledged,
    Queued,
    Refused,
}

impl Sent {
    pub(super) fn begun(client: usize) -> Self {
        Self { client, told: Told::Nothing }
    }

    pub(super) fn of(client: usize, result: &Result<Done, ClientError>) -> Self {
        let told = match result {
            Ok(Done::Text(Delivery::Sent)) => Told::Acknowledged,
            Ok(_) | Err(ClientError::Relay(_)) => Told::Queued,
            Err(_) => Told::Refused,
        };
        Self { client, told }
    }
}

impl Witness {
    /// What a client has to say.
    ///
    /// # Errors
    /// Where its store cannot be read.
    pub async fn of(client: usize, engine: &Engine) -> Result<Vec<Self>, ClientError> {
        let mut witnesses = Vec::new();
        for view in engine.alliances().await? {
            let entries = engine.entries(view.number, 0, false).await?;
            let outbox = engine.outbox(view.number).await?;
            let state = if view.status == Status::Active {
                let members = engine.members(view.number).await?;
                let members = members.iter().map(|member| format!("{} {}", member.person.name, member.role_name()));
                Some((engine.verify(view.number).await?.words.to_string(), members.collect()))
            } else {
                None
            };
            witnesses.push(Self { client, view, entries, outbox, state });
        }
        Ok(witnesses)
    }

    /// What was read in each epoch, in order, as everybody should have it.
    fn epochs(&self) -> BTreeMap<u64, Vec<String>> {
        let mut epochs = BTreeMap::<u64, Vec<String>>::new();
        for entry in &self.entries {
            if let Some(shared) = shared(&entry.item) {
                epochs.entry(entry.epoch).or_default().push(format!("{} {shared}", entry.sequence.0));
            }
        }
        epochs
    }

    fn joined(&self) -> u64 {
        let joined = self.entries.iter().find(|entry| matches!(entry.item, Item::Event(Event::Joined)));
        joined.map_or(0, |entry| entry.epoch)
    }

    fn took_part(&self) -> bool {
        matches!(self.view.status, Status::Active | Status::Left | Status::Removed)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.item {
            Item::Text { text, .. } => Some(text.as_str()),
            Item::Event(_) => None,
        })
    }

    fn given_up(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.item {
            Item::Event(Event::NotSent { text, .. }) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// An entry as every member of the epoch has it; `None` for what concerns only oneself.
fn shared(item: &Item) -> Option<String> {
    match item {
        Item::Text { from, text, .. } => Some(format!("{}: {text}", from.name)),
        Item::Event(Event::Joined | Event::NotSent { .. } | Event::NotDone { .. } | Event::RotationSuppressed) => None,
        Item::Event(event) => Some(format!("{event:?}")),
    }
}

/// Holds what clients say against each other.
///
/// # Errors
/// The first promise that was broken, in words.
pub(super) fn check(witnesses: &[Witness], sent: &BTreeMap<String, Sent>) -> Result<(), String> {
    let parts: Vec<&Witness> = witnesses.iter().filter(|witness| witness.took_part()).collect();
    check_nobody_is_stuck(witnesses)?;
    check_one_history(&parts)?;
    check_nothing_odd(&parts)?;
    for (text, sent) in sent {
        check_once(&parts, text, *sent)?;
    }
    Ok(())
}

fn check_nobody_is_stuck(witnesses: &[Witness]) -> Result<(), String> {
    let active: Vec<&Witness> = witnesses.iter().filter(|witness| witness.view.status == Status::Active).collect();
    let first = active.first().ok_or("nobody is left")?;
    for witness in &active {
        let Witness { client, outbox, view, .. } = witness;
        if *outbox != Outbox::default() {
            return Err(format!("{client} never gets rid of what it wants to say or do: {outbox:?}"));
        }
        if view.epoch != first.view.epoch || witness.state != first.state {
            let states = (&first.state, &witness.state);
            let epochs = (first.view.epoch, view.epoch);
            return Err(format!("{} and {client} are not in the same state: {epochs:?} {states:?}", first.client));
        }
    }
    match witnesses.iter().find(|witness| witness.view.status == Status::Stuck) {
        Some(stuck) => Err(format!("{} is stuck", stuck.client)),
        None => Ok(()),
    }
}

fn check_one_history(parts: &[&Witness]) -> Result<(), String> {
    let mut reference = BTreeMap::<u64, (usize, Vec<String>)>::new();
    for witness in parts {
        let client = witness.client;
        let epochs = witness.epochs();
        if let Some((early, _)) = epochs.iter().find(|(epoch, _)| **epoch < witness.joined()) {
            return Err(format!("{client} reads epoch {early}, but joined in {}", witness.joined()));
        }
        for epoch in witness.joined()..=witness.view.epoch {
            let found = epochs.get(&epoch).cloned().unwrap_or_default();
            match reference.get(&epoch) {
                Some((other, expected)) if *expected != found => {
                    return Err(format!("{other} and {client} differ in epoch {epoch}:\n {expected:?}\n {found:?}"));
                }
                Some(_) => {}
                None => drop(reference.insert(epoch, (client, found))),
            }
        }
    }
    Ok(())
}

fn check_nothing_odd(parts: &[&Witness]) -> Result<(), String> {
    for witness in parts {
        let odd = witness.entries.iter().find(|entry| {
            matches!(
                &entry.item,
                Item::Event(
                    Event::RefusedCommit { .. }
                        | Event::Unreadable
                        | Event::NotUnderstood { .. }
                        | Event::HistoryDiffers { .. }
                )
            )
        });
        if let Some(odd) = odd {
            return Err(format!("{} has {odd:?}, though nobody cheated", witness.client));
        }
    }
    Ok(())
}

fn check_once(parts: &[&Witness], text: &str, sent: Sent) -> Result<(), String> {
    let own = || parts.iter().filter(|witness| witness.client == sent.client);
    let said = own().flat_map(|witness| witness.texts()).filter(|found| *found == text).count();
    let given_up = own().flat_map(|witness| witness.given_up()).filter(|found| *found == text).count();
    let good = match sent.told {
        Told::Nothing => said + given_up <= 1,
        Told::Acknowledged => said == 1 && given_up == 0,
        Told::Queued => said + given_up == 1,
        Told::Refused => said == 0,
    };
    if !good {
        return Err(format!("{text:?} ({sent:?}) was said {said} times and given up {given_up} times"));
    }
    let twice = parts.iter().find(|witness| witness.texts().filter(|found| *found == text).count() > 1);
    twice.map_or(Ok(()), |witness| Err(format!("{} has {text:?} twice", witness.client)))
}
