//! Who is at the other side of a connection: somebody who has proved a mailbox that is there, or a stranger.
//!
//! Strangers cost as much as others do and may be anybody, so where there is no more room, the one that has been there
//! longest makes place for who comes. An address or a name would tell more, and neither is looked at.

use crate::pace::Pace;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// All connections whose peer has proved nothing, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Strangers(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    hang_ups: BTreeMap<u64, CancellationToken>,
}

/// The peer of one connection. A stranger until it has proved a mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Peer(Arc<Stranger>);

#[derive(Debug)]
struct Stranger {
    number: u64,
    strangers: Strangers,
    hang_up: CancellationToken,
    has_proved: AtomicBool,
    pace: Pace,
}

impl Strangers {
    /// One more.
    pub(crate) fn enter(&self) -> Peer {
        let hang_up = CancellationToken::new();
        let number = self.change(|waiting| {
            let number = waiting.next;
            waiting.next += 1;
            waiting.hang_ups.insert(number, hang_up.clone());
            number
        });
        let (has_proved, pace) = (AtomicBool::new(false), Pace::new());
        Peer(Arc::new(Stranger { number, strangers: self.clone(), hang_up, has_proved, pace }))
    }

    /// Hangs up on the one that has been there longest, if there is any.
    pub(crate) fn hang_up_on_oldest(&self) -> bool {
        let oldest = self.change(|waiting| waiting.hang_ups.pop_first());
        oldest.is_some_and(|(_, hang_up)| {
            hang_up.cancel();
            true
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Peer {
    /// It has proved a mailbox that is there: its connection stays from now on.
    pub(crate) fn has_proved(&self) {
        if !self.0.has_proved.swap(true, Ordering::Relaxed) {
            self.0.leave();
        }
    }

    /// Hangs up on the stranger that has been there longest. That may be this one.
    pub(crate) fn displace_a_stranger(&self) {
        self.0.strangers.hang_up_on_oldest();
    }

    /// Hangs up on this one, whatever it has proved.
    pub(crate) fn end(&self) {
        self.0.hang_up.cancel();
    }

    /// Whether it is hung up on: for all that it proves from then on.
    #[cfg(test)]
    pub(crate) fn is_hung_up(&self) -> bool {
        self.0.hang_up.is_cancelled()
    }

    /// Whether it has proved nothing yet.
    pub(crate) fn is_stranger(&self) -> bool {
        !self.0.has_proved.load(Ordering::Relaxed)
    }

    /// How quickly it takes what it asked for.
    pub(crate) fn pace(&self) -> Pace {
        self.0.pace.clone()
    }

    /// Cancelled when it is to be hung up on.
    pub(crate) fn hang_up(&self) -> CancellationToken {
        self.0.hang_up.clone()
    }
}

impl Stranger {
    fn leave(&self) {
        self.strangers.change(|waiting| waiting.hang_ups.remove(&self.number));
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_stranger_goes_first_and_who_has_proved_stays() {
        let strangers = Strangers::default();
        let [first, second, third] = [(); 3].map(|()| strangers.enter());
        first.has_proved();
        first.has_proved();
        assert!(strangers.hang_up_on_oldest());
        assert!(second.hang_up().is_cancelled());
        drop(third);
        assert!(!strangers.hang_up_on_oldest(), "who left is not waited for");
        assert!(!first.hang_up().is_cancelled());
        let [fourth, fifth] = [(); 2].map(|()| strangers.enter());
        first.displace_a_stranger();
        assert!(fourth.is_hung_up() && !fifth.is_hung_up());
        first.end();
        assert!(first.is_hung_up());
    }
}
