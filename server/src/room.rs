//! Room in memory: a named number of octets that requests share, whoever sent them.
//!
//! Hardly anybody waits for room. What finds none is told to come back, or does without.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use twiza_protocol::FrameSize;

/// Octets that can be taken and are given back.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// Taken octets. Their place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken(OwnedSemaphorePermit);

impl Taken {
    /// Gives back all but so many octets.
    pub(crate) fn keep(&mut self, bytes: u64) {
        let surplus = self.0.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.0.split(surplus));
    }
}

impl Room {
    pub(crate) fn of_bytes(bytes: u64) -> Self {
        Self(Arc::new(Semaphore::new((units(bytes) as usize).min(Semaphore::MAX_PERMITS))))
    }

    /// Takes this many octets as soon as they are free; who waits longer comes first.
    pub(crate) async fn wait(&self, bytes: u64) -> Option<Taken> {
        self.0.clone().acquire_many_owned(units(bytes)).await.ok().map(Taken)
    }

    /// Takes this many octets, if they are free.
    pub(crate) fn take(&self, bytes: u64) -> Option<Taken> {
        self.0.clone().try_acquire_many_owned(units(bytes)).ok().map(Taken)
    }
}

/// Room is counted in units of the smallest frame.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(FrameSize::Kib1.bytes() as u64)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_free_again_once_dropped() {
        let room = Room::of_bytes(3 << 10);
        let first = room.take((2 << 10) + 1).unwrap();
        assert!(room.take(1).is_none());
        drop(first);
        let mut all = room.take(3 << 10).unwrap();
        all.keep(1);
        let rest = room.take(2 << 10);
        assert!(rest.is_some() && room.take(1).is_none());
        drop((all, rest));
        assert!(room.take(3 << 10).is_some());
    }
}
