//! Deleting what has expired, in steps that are short enough for appends to come in between.

use super::StoreResult;
use super::rows;
use rusqlite::{Connection, TransactionBehavior};
use twiza_protocol::{ExpiryDay, Sequence};

/// Frames deleted in one step: at most 64 MiB, usually far less.
pub(super) const FRAMES_PER_STEP: u64 = 64;

pub(super) enum Step {
    /// Frames were deleted; their mailbox has more.
    Partial {
        /// Octets of frames that were deleted in this step, about.
        bytes: u64,
    },
    /// A mailbox is gone.
    Deleted {
        /// Octets of all the frames that it had.
        bytes: u64,
    },
    /// Nothing is left to delete.
    Done,
}

pub(super) fn step(connection: &mut Connection, today: ExpiryDay) -> StoreResult<Step> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(mailbox) = expired(&transaction, today)? else { return Ok(Step::Done) };
    let Expired { slot, frames, bytes } = mailbox;
    let deleted = transaction
        .prepare_cached(
            "delete from frame where id in (select id from frame where id between ? and ? order by id limit ?)",
        )?
        .execute((rows::frame_id(slot, Sequence::START), rows::last_frame_id(slot), FRAMES_PER_STEP))?;
    let step = if deleted as u64 == FRAMES_PER_STEP {
        Step::Partial { bytes: bytes / frames.max(1) * FRAMES_PER_STEP }
    } else {
        rows::delete_mailbox(&transaction, slot)?;
        Step::Deleted { bytes }
    };
    transaction.commit()?;
    Ok(step)
}

struct Expired {
    slot: i64,
    frames: u64,
    bytes: u64,
}

fn expired(connection: &Connection, today: ExpiryDay) -> StoreResult<Option<Expired>> {
    let mut statement = connection
        .prepare_cached("select slot, last_sequence, frame_bytes from mailbox where expires_day < ? limit 1")?;
    let mut rows = statement.query([today.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (frames, bytes) = (rows::count(row, "last_sequence")?, rows::count(row, "frame_bytes")?);
    Ok(Some(Expired { slot: row.get("slot")?, frames, bytes }))
}
