//! Watching: one stream of records over any number of mailboxes.
//!
//! ```text
//! per mailbox:  subscribe ─▶ backlog pages ─▶ head ─▶ live frames ─▶ (closing frame ─▶ head, end)
//!                                ▲                        │
//!                                └──── fell behind ───────┘
//! all together: fair merge + heartbeats, until the watcher leaves or the relay stops
//! ```
//!
//! Nothing runs here but when the connection asks for more: a slow watcher costs one small page,
//! however many mailboxes it watches.

use crate::encoded::Encoded;
use crate::hub::Subscription;
use crate::pace::Pace;
use crate::peer::Peer;
use crate::relay::{Relay, RelayError};
use crate::store::Head;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{Stream, StreamExt};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use twiza_protocol::{FrameDigest, MailboxAddress, Record, Sequence, Verb, WatchEntry, WatchRequest};

/// Starts a watch. An entry that fails is told so in the stream; the others go on.
///
/// # Errors
/// [`RelayError::WatchTooLarge`], [`RelayError::WatchMalformed`], or [`RelayError::WatchesFull`].
pub(crate) fn watch(
    relay: &Arc<Relay>,
    request: WatchRequest,
    peer: Option<Peer>,
) -> Result<impl Stream<Item = Bytes> + Send + 'static + use<>, RelayError> {
    if request.mailboxes.len() as u64 > relay.limits().mailboxes_per_watch_max {
        return Err(RelayError::WatchTooLarge);
    }
    let mut named = HashSet::new();
    if request.mailboxes.is_empty() || !request.mailboxes.iter().all(|entry| named.insert(entry.address)) {
        return Err(RelayError::WatchMalformed);
    }
    let mut places = enter(relay, request.mailboxes.len(), peer.as_ref())?;
    let backlog = Arc::new(Semaphore::new(1));
    let mut merged = SelectAll::new();
    for (slot, entry) in (0..=u16::MAX).zip(request.mailboxes) {
        let turns = Turns { all: backlog.clone(), own: None };
        merged.push(watch_entry(relay.clone(), slot, &entry, turns, places.split(1), peer.clone()));
    }
    merged.push(heartbeats(relay.heartbeat));
    let until_stop = merged.take_until(relay.stopping.clone().cancelled_owned());
    // Records are merged, and not their parts: those of two mailboxes would mix.
    Ok(until_stop.flat_map(|record| stream::iter(record.octets())))
}

/// Takes a place for each mailbox, which is given back when that mailbox is refused or closed, or the watch ends. Where there is
/// none, a stranger who may have some makes room for whoever comes again.
fn enter(relay: &Relay, mailboxes: usize, peer: Option<&Peer>) -> Result<OwnedSemaphorePermit, RelayError> {
    let mailboxes = u32::try_from(mailboxes).map_err(|_| RelayError::WatchTooLarge)?;
    relay.watched.take(mailboxes).ok_or_else(|| {
        if let Some(peer) = peer {
            peer.displace_a_stranger();
        }
        RelayError::WatchesFull
    })
}

fn watch_entry(
    relay: Arc<Relay>,
    slot: u16,
    entry: &WatchEntry,
    turns: Turns,
    place: Option<OwnedSemaphorePermit>,
    peer: Option<Peer>,
) -> BoxStream<'static, Encoded> {
    let verb = Verb::Watch { after: entry.after };
    match relay.verify(&entry.address, verb, &entry.proof, FrameDigest::of(b"")) {
        Ok(()) => {
            let subscription = relay.hub.subscribe(entry.address);
            let (address, cursor) = (entry.address, entry.after);
            let watched = Watched {
                relay,
                slot,
                address,
                cursor,
                subscription,
                phase: Phase::Backlog,
                turns,
                ready: VecDeque::new(),
                pace: Pace::of(peer.as_ref()),
                peer,
                _place: place,
            };
            stream::unfold(watched, async |mut watched| Some((watched.next().await?, watched))).boxed()
        }
        Err(error) => {
            let refused = Record::Refused { slot, code: error.code() };
            stream::iter([Encoded::of(&refused)]).boxed()
        }
    }
}

fn heartbeats(interval: Duration) -> BoxStream<'static, Encoded> {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(ticks, async |mut ticks| {
        ticks.tick().await;
        Some((Encoded::of(&Record::Heartbeat), ticks))
    })
    .boxed()
}

/// One mailbox of a watch.
struct Watched {
    relay: Arc<Relay>,
    slot: u16,
    address: MailboxAddress,
    /// The last place that was sent.
    cursor: Sequence,
    subscription: Subscription,
    phase: Phase,
    turns: Turns,
    /// Records that are ready to be sent.
    ready: VecDeque<Encoded>,
    peer: Option<Peer>,
    /// Of its connection.
    pace: Pace,
    _place: Option<OwnedSemaphorePermit>,
}

/// Some of what a mailbox had before the watch, ready to be sent.
struct Backlog {
    records: Vec<Encoded>,
    /// Its last place, or the one that was asked from.
    last: Sequence,
    head: Option<Head>,
}

impl Backlog {
    async fn read(
        relay: Arc<Relay>,
        slot: u16,
        address: MailboxAddress,
        after: Sequence,
        peer: Option<Peer>,
    ) -> Result<Self, RelayError> {
        let place = relay.answers.backlog().await.ok_or(RelayError::AnswersFull)?;
        let page = relay.page(address, after, place.page_bytes_max).await?;
        if let Some(peer) = &peer {
            peer.has_proved();
        }
        let last = page.frames.last().map_or(after, |frame| frame.sequence);
        let mut records: Vec<_> = page.frames.iter().filter_map(|frame| Encoded::of_frame(slot, frame)).collect();
        if !records.is_empty() {
            let sending = place.set_out(records.iter().map(Encoded::len).sum(), peer);
            records = records.into_iter().map(|record| record.keeping(sending.clone())).collect();
        }
        Ok(Self { records, last, head: page.head })
    }
}

/// One page of backlog is in memory for all mailboxes of a watch, which share one connection anyway.
struct Turns {
    all: Arc<Semaphore>,
    /// Held until the page is sent.
    own: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy)]
enum Phase {
    Backlog,
    Live,
    Ended,
}

impl Watched {
    async fn next(&mut self) -> Option<Encoded> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            self.turns.own = None;
            self.phase = match self.phase {
                Phase::Backlog => self.read_backlog().await,
                Phase::Live => self.receive().await,
                Phase::Ended => return None,
            };
        }
    }

    async fn read_backlog(&mut self) -> Phase {
        self.turns.own = self.turns.all.clone().acquire_owned().await.ok();
        // On a task of its own: HTTP asks for more when it likes, and meanwhile nothing would be seen to be slow.
        let (relay, peer) = (self.relay.clone(), self.peer.clone());
        let reading = tokio::spawn(Backlog::read(relay, self.slot, self.address, self.cursor, peer));
        let backlog = match AbortOnDropHandle::new(reading).await {
            Ok(Ok(backlog)) => backlog,
            Ok(Err(error)) => {
                let code = error.code();
                self.push(&Record::Refused { slot: self.slot, code });
                return Phase::Ended;
            }
            // The relay is stopping.
            Err(_) => return Phase::Ended,
        };
        self.cursor = backlog.last;
        self.ready.extend(backlog.records);
        let Some(head) = backlog.head else { return Phase::Backlog };
        let receipt = self.relay.receipt(&self.address, head);
        self.push(&Record::Head { slot: self.slot, receipt });
        if head.closed { Phase::Ended } else { Phase::Live }
    }

    async fn receive(&mut self) -> Phase {
        let Some(live) = self.subscription.next().await else { return Phase::Backlog };
        let sequence = live.frame.sequence;
        if sequence <= self.cursor {
            return Phase::Live;
        }
        if sequence != self.cursor.next() {
            return Phase::Backlog;
        }
        let Some(record) = self.relay.hub.record(self.slot, &live, &self.pace) else { return Phase::Backlog };
        self.cursor = sequence;
        self.ready.push_back(record);
        if let Some(head) = live.end {
            let receipt = live.receipt.get_or_init(|| self.relay.receipt(&self.address, head)).clone();
            self.push(&Record::Head { slot: self.slot, receipt });
        }
        if live.frame.closing { Phase::Ended } else { Phase::Live }
    }

    fn push(&mut self, record: &Record) {
        self.ready.push_back(Encoded::of(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_watch_shows_that_it_lives_at_its_interval() {
        let (interval, started) = (Duration::from_secs(30), Instant::now());
        let mut beats = heartbeats(interval);
        for count in 1..=3 {
            assert_eq!(beats.next().await.unwrap().octets().concat(), Record::Heartbeat.encode());
            assert_eq!(started.elapsed(), interval * count);
        }
    }
}
