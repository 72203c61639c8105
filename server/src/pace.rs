//! How quickly a connection takes what it asked for: all of it together, since its streams share what the network gives.

use crate::peer::Peer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How slowly a connection may take what it asked for, but for pauses of [`PAUSE_MAX`].
const OCTETS_A_SECOND_MIN: u64 = 1024;

/// How long it may take nothing.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Its requests that wait for room at once: whoever sends many keeps nobody else from waiting.
const WAITING_MAX: usize = 8;

/// The pace of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What is on its way there.
    under_way: usize,
    /// Until when it may take nothing.
    due: Instant,
    waiting: usize,
}

/// A request that waits. Not any more when dropped.
#[derive(Debug)]
pub(crate) struct Waiting(Pace);

impl Pace {
    /// That of somebody's connection; one of its own, where there is no connection.
    pub(crate) fn of(peer: Option<&Peer>) -> Self {
        peer.map_or_else(Self::new, Peer::pace)
    }

    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { under_way: 0, due: Instant::now(), waiting: 0 })))
    }

    /// Something sets out to it. Where nothing was on its way, its time begins.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        if state.under_way == 0 {
            state.due = Instant::now() + PAUSE_MAX;
        }
        state.under_way += 1;
    }

    /// All of that has left.
    pub(crate) fn end(&self) {
        self.state().under_way -= 1;
    }

    /// So many octets have left. Who was quick for a while may not rest for longer than others.
    pub(crate) fn left(&self, bytes: u64) {
        let earned = Duration::from_millis(bytes * 1000 / OCTETS_A_SECOND_MIN);
        let mut state = self.state();
        state.due = (state.due + earned).min(Instant::now() + PAUSE_MAX);
    }

    /// Until when it may take nothing of what is on its way.
    pub(crate) fn due(&self) -> Instant {
        self.state().due
    }

    /// One of its requests waits, if not too many do.
    pub(crate) fn wait(&self) -> Option<Waiting> {
        let mut state = self.state();
        (state.waiting < WAITING_MAX).then(|| {
            state.waiting += 1;
            Waiting(self.clone())
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn time_begins_with_the_first_and_is_earned_by_octets_only() {
        let pace = Pace::new();
        sleep(PAUSE_MAX * 2).await;
        pace.begin();
        let begun = Instant::now();
        assert_eq!(pace.due(), begun + PAUSE_MAX);
        sleep(PAUSE_MAX / 2).await;
        pace.begin();
        assert_eq!(pace.due(), begun + PAUSE_MAX, "another request earns nothing");
        pace.left(OCTETS_A_SECOND_MIN * 5);
        assert_eq!(pace.due(), begun + PAUSE_MAX + Duration::from_secs(5));
        pace.left(1 << 30);
        assert_eq!(pace.due(), Instant::now() + PAUSE_MAX);
        pace.end();
        pace.end();
        sleep(PAUSE_MAX * 2).await;
        pace.begin();
        assert_eq!(pace.due(), Instant::now() + PAUSE_MAX);
    }

    #[tokio::test]
    async fn few_requests_of_one_connection_wait() {
        let pace = Pace::new();
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| pace.wait().unwrap()).collect();
        assert!(pace.wait().is_none());
        waiting.pop();
        assert!(pace.wait().is_some());
    }
}
