//! Time as a parameter. The ambient clock is read here and nowhere else.

use twiza_protocol::{CoarseTime, ExpiryDay};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Seconds since the Unix epoch.
    fn unix_seconds(&self) -> u64;

    /// The current minute.
    fn minute(&self) -> CoarseTime {
        CoarseTime::from_unix_seconds(self.unix_seconds())
    }

    /// The current day.
    fn today(&self) -> ExpiryDay {
        self.minute().day()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the ambient clock is read")]
    fn unix_seconds(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
    }
}
