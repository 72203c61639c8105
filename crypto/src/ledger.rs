//! The ledger of spent motions: which cannot be enacted again, and the day up to which the rest have expired.
//!
//! ```text
//! struct { opaque id[16]; uint32 expires; } Spent
//! struct { uint32 day; Spent spent<V>; } Ledger
//! ```
//!
//! The rules read no clock. The day stands still until a commit enacts a motion; that commit may move it forward, but
//! not past the motion's own last day, which its approvers have signed. So nobody alone can make all motions expire.

use crate::motion::{MOTION_DAYS_MAX, Motion, MotionId};
use std::io::{Read, Write};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};

/// Spent motions that are remembered. Each is forgotten once its last day is over.
pub const SPENT_MAX: usize = 512;

/// Days by which one commit moves the ledger's day at most: enough for its first step, and so few that nobody comes to
/// the end of the days.
pub const DAY_STEP_MAX: u32 = 65_535;

/// A motion that was enacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Spent {
    /// Which.
    pub id: MotionId,
    /// Its last day.
    pub expires: u32,
}

/// Why a motion cannot be enacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LedgerError {
    /// It was enacted before.
    Spent,
    /// Its last day is over, or too far away.
    Expired,
    /// The day would go backwards or too far.
    Day,
    /// Too many are remembered.
    Full,
}

/// What is remembered of motions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Days since the Unix epoch; 0 before the first motion.
    pub day: u32,
    /// Enacted motions that have not expired by that day; sorted.
    pub spent: Vec<Spent>,
}

impl Ledger {
    /// Whether a motion was enacted before.
    #[must_use]
    pub fn has_spent(&self, id: &MotionId) -> bool {
        self.spent.binary_search_by_key(id, |spent| spent.id).is_ok()
    }

    /// The day that an honest commit of a motion moves the ledger to: today, by the clock of whoever commits.
    #[must_use]
    pub fn day_for(&self, today: u32, motion: &Motion) -> u32 {
        let full = self.spent.iter().filter(|spent| spent.expires >= today).count() >= SPENT_MAX;
        let day = if full { motion.expires } else { today };
        day.clamp(self.day, self.day.max(motion.expires))
    }

    /// The ledger after a motion was enacted on a day.
    pub(crate) fn spending(&self, motion: &Motion, day: u32) -> Result<Self, LedgerError> {
        let Motion { id, expires, .. } = *motion;
        if self.has_spent(&id) {
            return Err(LedgerError::Spent);
        }
        if day < self.day || day - self.day > DAY_STEP_MAX {
            return Err(LedgerError::Day);
        }
        if expires < day || expires - day > MOTION_DAYS_MAX {
            return Err(LedgerError::Expired);
        }
        let mut spent: Vec<_> = self.spent.iter().filter(|spent| spent.expires >= day).copied().collect();
        let place = spent.partition_point(|other| other.id < id);
        spent.insert(place, Spent { id, expires });
        if spent.len() <= SPENT_MAX { Ok(Self { day, spent }) } else { Err(LedgerError::Full) }
    }

    fn is_sound(&self) -> bool {
        self.spent.is_sorted_by(|a, b| a.id < b.id)
            && self.spent.len() <= SPENT_MAX
            && self.spent.iter().all(|spent| spent.expires >= self.day)
    }
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedLedger {
    day: u32,
    spent: Vec<Spent>,
}

impl From<&Ledger> for EncodedLedger {
    fn from(ledger: &Ledger) -> Self {
        Self { day: ledger.day, spent: ledger.spent.clone() }
    }
}

impl tls_codec::Size for Ledger {
    fn tls_serialized_len(&self) -> usize {
        EncodedLedger::from(self).tls_serialized_len()
    }
}

impl tls_codec::Serialize for Ledger {
    fn tls_serialize<W: Write>(&self, writer: &mut W) -> Result<usize, tls_codec::Error> {
        EncodedLedger::from(self).tls_serialize(writer)
    }
}

impl tls_codec::Deserialize for Ledger {
    fn tls_deserialize<R: Read>(bytes: &mut R) -> Result<Self, tls_codec::Error> {
        let EncodedLedger { day, spent } = EncodedLedger::tls_deserialize(bytes)?;
        let ledger = Self { day, spent };
        if ledger.is_sound() { Ok(ledger) } else { Err(tls_codec::Error::DecodingError("not a ledger".to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::motion::Action;

    fn motion(id: u16, expires: u32) -> Motion {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&id.to_be_bytes());
        Motion { id: MotionId::from_bytes(octets), expires, action: Action::Claim(Identity::from_bytes([1; 32])) }
    }

    #[test]
    fn a_motion_is_spent_once_and_forgotten_when_it_has_expired_anyway() {
        let first = motion(1, 20_010);
        let ledger = Ledger::default().spending(&first, 20_000).expect("the first");
        assert_eq!(ledger.spending(&first, 20_001), Err(LedgerError::Spent));
        let later = ledger.spending(&motion(2, 20_030), 20_011).expect("another");
        assert!(!later.has_spent(&first.id), "it need not be remembered");
        assert_eq!(later.spending(&first, 20_011), Err(LedgerError::Expired), "because it has expired");
    }

    #[test]
    fn days_go_forward_and_not_past_what_was_signed() {
        let ledger = Ledger { day: 20_000, spent: Vec::new() };
        assert_eq!(ledger.spending(&motion(1, 20_010), 19_999), Err(LedgerError::Day));
        assert_eq!(ledger.spending(&motion(1, 20_010), 20_011), Err(LedgerError::Expired));
        assert_eq!(ledger.spending(&motion(1, 20_061), 20_000), Err(LedgerError::Expired), "good for too long");
        assert_eq!(ledger.spending(&motion(1, u32::MAX), u32::MAX), Err(LedgerError::Day));
    }

    #[test]
    fn a_full_ledger_is_emptied_by_the_next_motion() {
        let mut ledger = Ledger::default();
        for id in 0..512 {
            ledger = ledger.spending(&motion(id, 20_060), 20_000).expect("room");
        }
        assert_eq!(ledger.spending(&motion(600, 20_050), 20_000), Err(LedgerError::Full));
        // Its honest author waits for nobody: the motion's own last day is after that of all others.
        let next = motion(600, 20_061);
        let day = ledger.day_for(20_001, &next);
        assert_eq!(ledger.spending(&next, day).expect("room again").spent.len(), 1);
    }
}
