//! Fan-out: live frames to whoever watches their mailbox. One shared buffer per frame, whatever the number of watchers.
//!
//! A watcher that falls behind loses frames here, is told so, and reads them from the store: it holds no memory and
//! keeps nobody waiting.

use crate::store::{Append, Head};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::broadcast;
use twiza_protocol::{MailboxAddress, Receipt};

/// Frames that wait for the slowest watcher of a mailbox.
const FRAMES_WAITING_MAX: usize = 16;

/// A frame that was just stored.
#[derive(Debug)]
pub(crate) struct Live {
    /// The mailbox as this frame left it.
    pub(crate) head: Head,
    /// The frame's octets.
    pub(crate) octets: Bytes,
    /// The receipt for `head`, signed by the first watcher that needs it.
    pub(crate) receipt: OnceLock<Receipt>,
}

type Channels = HashMap<MailboxAddress, broadcast::Sender<Arc<Live>>>;

/// The watched mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Mutex<Channels>,
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
            let live = Live { head, octets: append.octets.clone(), receipt: OnceLock::new() };
            // Nobody listening is no error: the last watcher is just leaving.
            drop(channel.send(Arc::new(live)));
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
    receiver: Option<broadcast::Receiver<Arc<Live>>>,
    address: MailboxAddress,
    hub: Arc<Hub>,
}

impl Subscription {
    /// The next frame; `None` where some were lost, and the store has to be asked.
    pub(crate) async fn next(&mut self) -> Option<Arc<Live>> {
        self.receiver.as_mut()?.recv().await.ok()
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
