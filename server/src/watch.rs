//! Watching: one stream of records over any number of mailboxes.
//!
//! ```text
//! per mailbox:  subscribe ─▶ backlog pages ─▶ head ─▶ live frames ─▶ (closing frame ─▶ head, end)
//!                                ▲                        │
//!                                └──── fell behind ───────┘
//! all together: fair merge + heartbeats, until the watcher leaves or the relay stops
//! ```
//!
//! Nothing runs here but when the connection asks for more: a slow watcher costs one small page.

use crate::hub::{Live, Subscription};
use crate::relay::{Relay, RelayError};
use crate::store::StoredFrame;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{Stream, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use twiza_protocol::stream::frame_record_header;
use twiza_protocol::{FrameDigest, FrameSize, MailboxAddress, Record, Sequence, Verb, WatchEntry, WatchRequest};

/// Octets of a page of backlog: small, because a watcher that does not read keeps it in memory.
const BACKLOG_PAGE_BYTES: u64 = 256 << 10;

/// Frames up to this size are copied behind their header; larger ones go out as they are.
const COPY_BYTES_MAX: usize = 16 << 10;

/// Starts a watch. An entry that fails is told so in the stream; the others go on.
///
/// # Errors
/// [`RelayError::WatchTooLarge`].
pub(crate) fn watch(
    relay: &Arc<Relay>,
    request: WatchRequest,
) -> Result<impl Stream<Item = Bytes> + Send + 'static + use<>, RelayError> {
    if request.mailboxes.len() as u64 > relay.limits().mailboxes_per_watch_max {
        return Err(RelayError::WatchTooLarge);
    }
    let mut merged = SelectAll::new();
    for (slot, entry) in (0..=u16::MAX).zip(request.mailboxes) {
        merged.push(watch_entry(relay.clone(), slot, &entry));
    }
    merged.push(heartbeats(relay.heartbeat));
    Ok(merged.take_until(relay.stopping.clone().cancelled_owned()))
}

fn watch_entry(relay: Arc<Relay>, slot: u16, entry: &WatchEntry) -> BoxStream<'static, Bytes> {
    let verb = Verb::Watch { after: entry.after };
    match relay.verify(&entry.address, verb, &entry.proof, FrameDigest::of(b"")) {
        Ok(()) => {
            let subscription = relay.hub.subscribe(entry.address);
            let (address, cursor) = (entry.address, entry.after);
            let phase = Phase::Backlog;
            let watched = Watched { relay, slot, address, cursor, subscription, phase, ready: VecDeque::new() };
            stream::unfold(watched, async |mut watched| Some((watched.next().await?, watched))).boxed()
        }
        Err(error) => {
            let code = error.code();
            stream::iter([Record::Refused { slot, code }.encode().into()]).boxed()
        }
    }
}

fn heartbeats(interval: Duration) -> BoxStream<'static, Bytes> {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let beat = Bytes::from(Record::Heartbeat.encode());
    stream::unfold((ticks, beat), async |(mut ticks, beat)| {
        ticks.tick().await;
        Some((beat.clone(), (ticks, beat)))
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
    /// Octets that are ready to be sent.
    ready: VecDeque<Bytes>,
}

#[derive(Clone, Copy)]
enum Phase {
    Backlog,
    Live,
    Ended,
}

impl Watched {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(octets) = self.ready.pop_front() {
                return Some(octets);
            }
            self.phase = match self.phase {
                Phase::Backlog => self.read_backlog().await,
                Phase::Live => self.receive().await,
                Phase::Ended => return None,
            };
        }
    }

    async fn read_backlog(&mut self) -> Phase {
        let page = match self.relay.page(self.address, self.cursor, BACKLOG_PAGE_BYTES).await {
            Ok(page) => page,
            Err(error) => {
                let code = error.code();
                self.push(&Record::Refused { slot: self.slot, code });
                return Phase::Ended;
            }
        };
        for frame in &page.frames {
            self.cursor = frame.sequence;
            push_frame(&mut self.ready, self.slot, frame);
        }
        let Some(head) = page.head else { return Phase::Backlog };
        let receipt = self.relay.receipt(&self.address, head);
        self.push(&Record::Head { slot: self.slot, receipt });
        if head.closed { Phase::Ended } else { Phase::Live }
    }

    async fn receive(&mut self) -> Phase {
        let Some(live) = self.subscription.next().await else { return Phase::Backlog };
        let sequence = live.head.sequence;
        if sequence <= self.cursor {
            return Phase::Live;
        }
        if sequence != self.cursor.next() {
            return Phase::Backlog;
        }
        self.send(&live);
        if live.head.closed { Phase::Ended } else { Phase::Live }
    }

    fn send(&mut self, live: &Live) {
        let Live { head, octets, receipt } = live;
        self.cursor = head.sequence;
        let frame = StoredFrame { sequence: head.sequence, closing: head.closed, octets: octets.clone() };
        push_frame(&mut self.ready, self.slot, &frame);
        if head.closed {
            let receipt = receipt.get_or_init(|| self.relay.receipt(&self.address, *head)).clone();
            self.push(&Record::Head { slot: self.slot, receipt });
        }
    }

    fn push(&mut self, record: &Record) {
        self.ready.push_back(record.encode().into());
    }
}

/// Queues a frame's record, without copying a large one.
pub(crate) fn push_frame(ready: &mut VecDeque<Bytes>, slot: u16, frame: &StoredFrame) {
    let Ok(size) = FrameSize::of_length(frame.octets.len()) else {
        debug_assert!(false, "the store gave a frame that append would have refused");
        return;
    };
    let header = frame_record_header(slot, frame.sequence, frame.closing, size);
    if frame.octets.len() <= COPY_BYTES_MAX {
        ready.push_back([&header[..], &frame.octets].concat().into());
    } else {
        ready.push_back(Bytes::copy_from_slice(&header));
        ready.push_back(frame.octets.clone());
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
            assert_eq!(beats.next().await.unwrap(), Record::Heartbeat.encode());
            assert_eq!(started.elapsed(), interval * count);
        }
    }
}
