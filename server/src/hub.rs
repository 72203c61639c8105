//! Fan-out: live frames to whoever watches their mailbox. One shared buffer per frame, whatever the number of watchers.
//!
//! A watcher that falls behind loses frames here, and so do all where too much waits for watchers that do not read.
//! They are told so, and read from the store: nobody is kept waiting.

use crate::encoded::Encoded;
use crate::keeper::Keeper;
use crate::pace::Pace;
use crate::room::{Room, Taken};
use crate::store::news::MailboxTag;
use crate::store::{Append, Head, StoredFrame};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::broadcast;
use twiza_protocol::{MailboxAddress, Receipt};

/// Frames that wait for the slowest watcher of a mailbox.
const FRAMES_WAITING_MAX: usize = 16;

/// Octets of frames that wait for all watchers together. Watchers that read nothing could fill it, so the others then
/// read from the store.
const LIVE_BYTES_MAX: u64 = 64 << 20;

/// A frame that was just stored.
#[derive(Debug)]
pub(crate) struct Live {
    /// The frame.
    pub(crate) frame: StoredFrame,
    /// The mailbox as this frame left it, where it closed it.
    pub(crate) end: Option<Head>,
    /// The receipt for `end`, signed by the first watcher that needs it.
    pub(crate) receipt: OnceLock<Receipt>,
    _room: Taken,
}

/// `None` stands for a frame that there was no room for.
type Message = Option<Arc<Live>>;

/// A frame, or a copy of it, on its way to one watcher. Its room is free when the connection has dropped it.
#[derive(Debug)]
struct OnItsWay {
    _frame: Arc<Live>,
    _copy: Option<Taken>,
    pace: Pace,
}

impl Keeper for OnItsWay {
    fn left(&self, bytes: u64) {
        self.pace.left(bytes);
    }
}

#[derive(Debug, Default)]
struct Channels {
    by_address: HashMap<MailboxAddress, broadcast::Sender<Message>>,
    /// How other relays on the same store call them.
    addresses: HashMap<MailboxTag, MailboxAddress>,
}

/// The watched mailboxes.
#[derive(Debug)]
pub(crate) struct Hub {
    channels: Mutex<Channels>,
    room: Room,
}

impl Default for Hub {
    fn default() -> Self {
        Self { channels: Mutex::default(), room: Room::of_bytes(LIVE_BYTES_MAX) }
    }
}

impl Hub {
    /// Frames that are published from now on.
    pub(crate) fn subscribe(self: &Arc<Self>, address: MailboxAddress) -> Subscription {
        let mut channels = self.channels();
        channels.addresses.insert(MailboxTag::of(&address), address);
        let channel = channels.by_address.entry(address).or_insert_with(|| broadcast::channel(FRAMES_WAITING_MAX).0);
        Subscription { receiver: Some(channel.subscribe()), address, hub: self.clone() }
    }

    /// Hands a frame that this relay stored to the mailbox's watchers, if it has any. Never waits.
    pub(crate) fn publish(&self, append: &Append, head: Head) {
        let frame = StoredFrame { sequence: head.sequence, closing: head.closed, octets: append.octets.clone() };
        self.publish_frame(append.address, frame, head.closed.then_some(head));
    }

    /// The same for any stored frame; one that closes the mailbox comes with where it left it.
    pub(crate) fn publish_frame(&self, address: MailboxAddress, frame: StoredFrame, end: Option<Head>) {
        if let Some(channel) = self.channels().by_address.get(&address) {
            let room = self.room.take(frame.octets.len() as u64);
            let live = room.map(|room| Arc::new(Live { frame, end, receipt: OnceLock::new(), _room: room }));
            // Nobody listening is no error: the last watcher is just leaving.
            drop(channel.send(live));
        }
    }

    /// A frame's record for one watcher, and for a connection of this pace. `None` where it would be a copy for which there is no room.
    pub(crate) fn record(&self, slot: u16, live: &Arc<Live>, pace: &Pace) -> Option<Encoded> {
        let copy = match Encoded::copied_bytes(&live.frame) {
            0 => None,
            bytes => Some(self.room.take(bytes)?),
        };
        let kept = OnItsWay { _frame: live.clone(), _copy: copy, pace: pace.clone() };
        Some(Encoded::of_frame(slot, &live.frame)?.keeping(Arc::new(kept)))
    }

    /// The mailbox of this number, if it is watched here.
    pub(crate) fn watched(&self, tag: &MailboxTag) -> Option<MailboxAddress> {
        self.channels().addresses.get(tag).copied()
    }

    /// Lets a mailbox's watchers ask the store.
    pub(crate) fn look(&self, address: &MailboxAddress) {
        if let Some(channel) = self.channels().by_address.get(address) {
            drop(channel.send(None));
        }
    }

    /// Lets all watchers ask the store.
    pub(crate) fn look_everywhere(&self) {
        self.channels().by_address.values().for_each(|channel| drop(channel.send(None)));
    }

    /// Watched mailboxes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.channels().by_address.len()
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a mailbox's audience, given up when dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    receiver: Option<broadcast::Receiver<Message>>,
    address: MailboxAddress,
    hub: Arc<Hub>,
}

impl Subscription {
    /// The next frame; `None` where some were lost, and the store has to be asked.
    pub(crate) async fn next(&mut self) -> Option<Arc<Live>> {
        self.receiver.as_mut()?.recv().await.ok().flatten()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut channels = self.hub.channels();
        drop(self.receiver.take());
        if channels.by_address.get(&self.address).is_some_and(|channel| channel.receiver_count() == 0) {
            channels.by_address.remove(&self.address);
            channels.addresses.remove(&MailboxTag::of(&self.address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use twiza_protocol::{FrameDigest, Sequence};

    fn append(address: MailboxAddress) -> Append {
        Append { address, octets: Bytes::from_static(b"frame"), digest: FrameDigest::of(b"frame"), closing: false }
    }

    #[tokio::test]
    async fn every_watcher_of_a_mailbox_gets_the_same_buffer_and_leaves_no_trace() {
        let hub = Arc::new(Hub::default());
        let address = MailboxAddress::from_bytes([1; 32]);
        let (mut one, mut two) = (hub.subscribe(address), hub.subscribe(address));
        hub.publish(&append(address), Head::start(&address));
        hub.publish(&append(MailboxAddress::from_bytes([2; 32])), Head::start(&address));
        let (first, second) = (one.next().await.unwrap(), two.next().await.unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        drop(one);
        assert_eq!(hub.len(), 1);
        drop(two);
        assert_eq!((hub.len(), hub.watched(&MailboxTag::of(&address))), (0, None));
    }

    #[tokio::test]
    async fn frames_that_nobody_reads_take_bounded_memory() {
        let hub = Arc::new(Hub::default());
        let octets = Bytes::from(vec![0; 1 << 20]);
        let fitting = (LIVE_BYTES_MAX >> 20) as usize;
        let address = |name: usize| MailboxAddress::from_bytes([name as u8; 32]);
        let mut watchers: Vec<_> = (0..=fitting).map(|name| hub.subscribe(address(name))).collect();
        for name in 0..=fitting {
            let address = address(name);
            hub.publish(&Append { octets: octets.clone(), ..append(address) }, Head::start(&address));
        }
        let mut last = watchers.pop().unwrap();
        assert!(last.next().await.is_none(), "told to ask the store");
        drop(watchers.pop());
        hub.publish(&append(address(fitting)), Head::start(&address(fitting)));
        assert!(last.next().await.is_some(), "room is given back with the frames");
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_and_goes_on() {
        let hub = Arc::new(Hub::default());
        let address = MailboxAddress::from_bytes([1; 32]);
        let mut slow = hub.subscribe(address);
        for place in 1..=FRAMES_WAITING_MAX as u64 + 1 {
            let head = Head { sequence: Sequence(place), ..Head::start(&address) };
            hub.publish(&append(address), head);
        }
        assert!(slow.next().await.is_none());
        assert_eq!(slow.next().await.unwrap().frame.sequence, Sequence(2));
    }
}
