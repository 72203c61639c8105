//! Deleting what has expired, in steps that are short enough for appends to come in between.

use super::rows;
use super::{StoreResult, Totals};
use rusqlite::{Connection, TransactionBehavior};
use twiza_protocol::{ExpiryDay, MailboxAddress};

/// Frames deleted in one step: at most 64 MiB, usually far less.
pub(super) const FRAMES_PER_STEP: u64 = 64;

pub(super) enum Step {
    /// Frames were deleted; their mailbox has more, and is nobody's any more.
    Partial(MailboxAddress, Totals),
    /// A mailbox is gone.
    Deleted(MailboxAddress, Totals),
    /// Nothing is left to delete.
    Done,
}

pub(super) fn step(connection: &mut Connection, today: ExpiryDay, mut totals: Totals) -> StoreResult<Step> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((address, slot)) = expired(&transaction, today)? else { return Ok(Step::Done) };
    let (frames, bytes) = rows::delete_frames(&transaction, slot, FRAMES_PER_STEP)?;
    totals.frame_bytes = totals.frame_bytes.saturating_sub(bytes);
    let step = if frames == FRAMES_PER_STEP {
        // Whatever the clock says later, nobody finds it without its first frames.
        rows::detach_mailbox(&transaction, slot)?;
        Step::Partial(address, totals)
    } else {
        rows::delete_mailbox(&transaction, slot)?;
        totals.mailboxes = totals.mailboxes.saturating_sub(1);
        Step::Deleted(address, totals)
    };
    rows::update_totals(&transaction, totals)?;
    transaction.commit()?;
    Ok(step)
}

fn expired(connection: &Connection, today: ExpiryDay) -> StoreResult<Option<(MailboxAddress, i64)>> {
    let mut statement = connection.prepare_cached("select address, slot from mailbox where expires_day < ? limit 1")?;
    let mut rows = statement.query([today.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((MailboxAddress::from_bytes(rows::octets(row, "address")?), row.get("slot")?)))
}
