//! Time as a parameter. The ambient clock is read here and nowhere else.

use twiza_protocol::{CoarseTime, ExpiryDay};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Seconds since the Unix epoch.
    fn unix_seconds(&self) -> u64;

    /// Whether so many seconds have passed since a time that this clock gave. Where that time is still to come, the clock
    /// was wrong: whatever is done from time to time is done now, and not once the clock is there again.
    fn is_due(&self, last: u64, after_seconds: u64) -> bool {
        self.unix_seconds().checked_sub(last).is_none_or(|passed| passed >= after_seconds)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    struct At(u64);

    impl Clock for At {
        fn unix_seconds(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn what_is_done_from_time_to_time_does_not_wait_for_a_clock_that_was_set_back() {
        let due = [(100, 50), (100, 100), (100, 160), (200, 160)].map(|(last, now)| At(now).is_due(last, 60));
        assert_eq!(due, [true, false, true, true]);
    }
}
