//! Coarse time: minutes for proofs, days for expiry. Nothing finer crosses the wire.

use serde::{Deserialize, Serialize};

/// Minutes since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct CoarseTime(pub u64);

impl CoarseTime {
    /// How far a proof's time may lie from the relay's, either way, in minutes.
    pub const TOLERANCE_MINUTES: u64 = 10;

    /// The minute in which this many seconds since the Unix epoch lie.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds / 60)
    }

    /// Whether a proof made at `self` is acceptable at `now`.
    #[must_use]
    pub const fn is_near(self, now: Self) -> bool {
        self.0.abs_diff(now.0) <= Self::TOLERANCE_MINUTES
    }

    /// The day in which this minute lies.
    #[must_use]
    pub const fn day(self) -> ExpiryDay {
        ExpiryDay((self.0 / (24 * 60)) as u32)
    }
}

/// Days since the Unix epoch: the day after which a mailbox may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct ExpiryDay(pub u32);

impl ExpiryDay {
    /// The day this many days later.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }
}
