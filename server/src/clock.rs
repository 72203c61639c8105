//! Time, as a parameter. Nothing else in this crate reads the machine's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use twiza_protocol::CoarseTime;

/// Tells the minute. A relay needs nothing finer.
pub trait Clock: Send + Sync + 'static {
    /// The present minute.
    fn now(&self) -> CoarseTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the ambient clock is read")]
    fn now(&self) -> CoarseTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CoarseTime::from_unix_seconds(since_epoch.as_secs())
    }
}

/// A clock that stands still until it is set, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at this minute.
    #[must_use]
    pub const fn at(now: CoarseTime) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// Moves the clock, either way.
    pub fn set(&self, now: CoarseTime) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward by whole days.
    pub fn advance_days(&self, days: u64) {
        self.0.fetch_add(days * 24 * 60, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> CoarseTime {
        CoarseTime(self.0.load(Ordering::SeqCst))
    }
}
