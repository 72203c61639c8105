//! Places that are taken and given back, where it is told how many are.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of places.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    max: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), max }
    }

    /// Takes so many, if they are free. They are again once what this gives is dropped.
    pub(crate) fn take(&self, places: u32) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(places).ok()
    }

    /// Takes one as soon as it is free; who waits longer comes first.
    pub(crate) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    /// Those that are taken, and all.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.max.saturating_sub(self.free.available_permits()), self.max)
    }
}
