//! What one client has to say at the end of a run.

use super::client::{Done, name_of};
use std::collections::{BTreeMap, BTreeSet};
use twiza_client::engine::{AllianceView, Delivery, Outbox};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Entry, Event, Item, LostWhy};
use twiza_client::{ClientError, Engine};

/// One client's part in the alliance: somebody who was removed and let in again has two.
#[derive(Clone)]
pub(super) struct Witness {
    pub(super) client: usize,
    pub(super) view: AllianceView,
    pub(super) entries: Vec<Entry>,
    pub(super) outbox: Outbox,
    /// What all active members must have alike.
    pub(super) state: Option<(String, Vec<String>)>,
}

/// A text, and what its sender was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) client: usize,
    pub(super) told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
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
            Ok(_) => Told::Queued,
            Err(ClientError::Relay(_) | ClientError::RelayContradiction(_) | ClientError::PlaceLost) => Told::Queued,
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
    pub(super) async fn of(client: usize, engine: &Engine) -> Result<Vec<Self>, ClientError> {
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

    /// What was read in each epoch, in order, as everybody should have it. What was read on a side that did not go on is no
    /// part of it; nor are these texts, and, unless `wishes` is set, wishes to leave, which are wished again.
    pub(super) fn epochs(&self, without: &BTreeSet<&str>, wishes: bool) -> BTreeMap<u64, Vec<String>> {
        let mut epochs = BTreeMap::<u64, Vec<String>>::new();
        let is_left_out = |item: &Item| match item {
            Item::Text { text, .. } => without.contains(text.as_str()),
            Item::Event(event) => !wishes && matches!(event, Event::Leaving { .. }),
        };
        let void = self.void_lives();
        for entry in self.entries.iter().filter(|entry| !is_left_out(&entry.item) && !void.contains(&entry.life)) {
            if let Some(shared) = shared(&entry.item) {
                epochs.entry(entry.epoch).or_default().push(format!("{} {shared}", entry.sequence.0));
            }
        }
        epochs
    }

    /// The epochs in which it read all that there was: up to where its place was lost, and from where it was let in
    /// again. In the epoch in which it was lost it may have read less, and after a fork what it had read is not what the
    /// others have.
    pub(super) fn present(&self) -> Vec<std::ops::RangeInclusive<u64>> {
        let (mut present, mut since) = (Vec::new(), Some(self.joined()));
        for (epoch, event) in self.events() {
            match event {
                Event::Lost { why: LostWhy::Away | LostWhy::Asked } => {
                    present.extend(since.take().filter(|since| *since < epoch).map(|since| since..=epoch - 1));
                }
                Event::Lost { .. } => {
                    since = None;
                    present.clear();
                }
                Event::Rejoined { .. } => since = Some(epoch),
                _ => {}
            }
        }
        present.extend(since.map(|since| since..=self.view.epoch));
        present
    }

    fn void_lives(&self) -> BTreeSet<u64> {
        let ended_void = |entry: &&Entry| match &entry.item {
            Item::Event(Event::Lost { why }) => !matches!(why, LostWhy::Away | LostWhy::Asked),
            _ => false,
        };
        self.entries.iter().filter(ended_void).map(|entry| entry.life).collect()
    }

    /// Whether it has lost its place and nobody has let it in again.
    pub(super) fn is_lost(&self) -> bool {
        self.view.status == Status::Lost
    }

    /// Whether it has something to say that has not gone out.
    pub(super) fn waits(&self) -> bool {
        self.outbox.messages > 0
    }

    /// The names of the others with whom it is.
    pub(super) fn fellows(&self) -> impl Iterator<Item = &str> {
        let members = self.state.iter().flat_map(|(_, members)| members);
        let named = members.filter_map(|member| member.rsplit_once(' ')).map(|(name, _)| name);
        named.filter(|name| *name != name_of(self.client))
    }

    /// The epoch in which it became a member.
    pub(super) fn joined(&self) -> u64 {
        let joined = self.entries.iter().find(|entry| matches!(entry.item, Item::Event(Event::Joined)));
        joined.map_or(0, |entry| entry.epoch)
    }

    pub(super) fn is_out(&self) -> bool {
        matches!(self.view.status, Status::Left | Status::Removed)
    }

    pub(super) fn is_active(&self) -> bool {
        self.view.status == Status::Active
    }

    /// Whether it is there, and no observer.
    pub(super) fn may_speak(&self) -> bool {
        let observer = format!("{} observer", name_of(self.client));
        self.state.as_ref().is_some_and(|(_, members)| !members.contains(&observer))
    }

    pub(super) fn took_part(&self) -> bool {
        use Status as S;
        matches!(self.view.status, S::Active | S::Left | S::Removed | S::Stuck | S::Lost)
    }

    /// Whether it is a part of somebody that is told in the history itself that something is wrong.
    pub(super) fn is_warned(&self) -> bool {
        self.events().any(|(_, event)| {
            matches!(
                event,
                Event::HistoryDiffers { .. }
                    | Event::Unreadable
                    | Event::RefusedCommit { .. }
                    | Event::RelayHealed { .. }
                    | Event::Missed { .. }
                    | Event::RivalRefused { .. }
                    | Event::Apart { .. }
                    | Event::Lost { .. }
            )
        })
    }

    /// Whether it was told that the alliance is apart.
    pub(super) fn is_apart(&self) -> bool {
        self.events().any(|(_, event)| matches!(event, Event::Apart { .. }))
    }

    pub(super) fn events(&self) -> impl Iterator<Item = (u64, &Event)> {
        self.entries.iter().filter_map(|entry| match &entry.item {
            Item::Event(event) => Some((entry.epoch, event)),
            Item::Text { .. } => None,
        })
    }

    /// How often it has read a text, of its own or not.
    pub(super) fn has_text(&self, wanted: &str) -> usize {
        let texts =
            self.entries.iter().filter(|entry| matches!(&entry.item, Item::Text { text, .. } if text == wanted));
        texts.count()
    }

    pub(super) fn has_given_up(&self, wanted: &str) -> usize {
        let given_up = |event: &Event| matches!(event, Event::NotSent { text, .. } if text == wanted);
        self.events().filter(|(_, event)| given_up(event)).count()
    }
}

/// An entry as every member of the epoch has it; `None` for what concerns only oneself.
fn shared(item: &Item) -> Option<String> {
    match item {
        Item::Text { from, text, .. } => Some(format!("{}: {text}", from.name)),
        Item::Event(
            Event::Joined
            | Event::NotSent { .. }
            | Event::NotDone { .. }
            | Event::HistoryDiffers { .. }
            | Event::RotationSuppressed
            | Event::RelayHealed { .. }
            | Event::Missed { .. }
            | Event::RivalRefused { .. }
            | Event::Apart { .. }
            | Event::CannotFollow { .. }
            | Event::Lost { .. }
            | Event::Rejoined { .. }
            | Event::NobodyAnswered,
        ) => None,
        Item::Event(event) => Some(format!("{event:?}")),
    }
}
