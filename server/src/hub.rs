//! Fan-out: live frames to whoever watches their mailbox. One shared buffer per frame, whatever the number of watchers.
//!
//! A watcher that falls behind loses frames here, and so do all where too much waits for watchers that do not read.
//! They are told so, and read from the store: nobody is kept waiting.

use crate::room::{Room, Taken};
use crate::store::{Append, Head};
use bytes::Bytes;
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
    /// The mailbox as this frame left it.
    pub(crate) head: Head,
    /// The frame's octets.
    pub(crate) octets: Bytes,
    /// The receipt for `head`, signed by the first watcher that needs it.
    pub(crate) receipt: OnceLock<Receipt>,
    _room: Taken,
}

/// `None` stands for a frame that there was no room for.
type Message = Option<Arc<Live>>;

type Channels = HashMap<MailboxAddress, broadcast::Sender<Message>>;

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
        let channel = channels.entry(address).or_insert_with(|| broadcast::channel(FRAMES_WAITING_MAX).0);
        Subscription { receiver: Some(channel.subscribe()), address, hub: self.clone() }
    }

    /// Hands a stored frame to the mailbox's watchers, if it has any. Never waits.
    pub(crate) fn publish(&self, append: &Append, head: Head) {
        if let Some(channel) = self.channels().get(&append.address) {
            let room = self.room.take(append.octets.len() as u64);
            let live = room.map(|room| {
                let octets = append.octets.clone();
                Arc::new(Live { head, octets, receipt: OnceLock::new(), _room: room })
            });
            // Nobody listening is no error: the last watcher is just leaving.
            drop(channel.send(live));
        }
    }

    /// Watched mailboxes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.channels().len()
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
        if channels.get(&self.address).is_some_and(|channel| channel.receiver_count() == 0) {
            channels.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(hub.len(), 0);
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
        assert_eq!(slow.next().await.unwrap().head.sequence, Sequence(2));
    }
}
