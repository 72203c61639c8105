//! A frame's key in every database: its mailbox's slot, then its place.
//!
//! ```text
//! 63                     24 23              0
//! │ slot, random (39 bits) │ sequence       │
//! ```

use super::{StoreError, StoreResult};
use twiza_protocol::{Limits, Sequence};

const SEQUENCE_BITS: u32 = 24;

/// A count for a database; the limits keep every count far below the ceiling.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn frame_id(slot: i64, sequence: Sequence) -> i64 {
    (slot << SEQUENCE_BITS) | integer(sequence.0.min(Limits::FRAMES_PER_MAILBOX_CEILING))
}

/// The largest key that a frame of this mailbox can have; `frame_id(slot, Sequence::START)` is below all of them.
pub(super) fn last_frame_id(slot: i64) -> i64 {
    frame_id(slot, Sequence(Limits::FRAMES_PER_MAILBOX_CEILING))
}

pub(super) fn sequence_of(id: i64) -> Sequence {
    Sequence(id as u64 & Limits::FRAMES_PER_MAILBOX_CEILING)
}

/// A slot that tells nothing.
pub(super) fn random_slot() -> StoreResult<i64> {
    let random = getrandom::u64().map_err(StoreError::Randomness)?;
    Ok(integer(random >> (64 - (63 - SEQUENCE_BITS))))
}
