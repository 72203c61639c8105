//! Deleting what has expired, in steps that are short enough for appends to come in between.

use super::StoreResult;
use super::rows;
use sqlx::{Connection, SqliteConnection};
use twiza_protocol::{ExpiryDay, Limits, Sequence};

/// Frames deleted in one step: at most 64 MiB, usually far less.
const FRAMES_PER_STEP: i64 = 64;

pub(super) enum Step {
    /// Frames were deleted; their mailbox has more.
    Partial,
    /// A mailbox is gone, and this many octets with it.
    Deleted {
        /// Octets of frames.
        bytes: u64,
    },
    /// Nothing is left to delete.
    Done,
}

pub(super) async fn step(connection: &mut SqliteConnection, today: ExpiryDay) -> StoreResult<Step> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let expired: Option<(i64, i64)> =
        sqlx::query_as("select slot, frame_bytes from mailbox where expires_day < ? limit 1")
            .bind(i64::from(today.0))
            .fetch_optional(&mut *transaction)
            .await?;
    let Some((slot, bytes)) = expired else {
        transaction.rollback().await?;
        return Ok(Step::Done);
    };
    let deleted = sqlx::query(
        "delete from frame where id in (select id from frame where id between ? and ? order by id limit ?)",
    )
    .bind(rows::frame_id(slot, Sequence::START))
    .bind(rows::frame_id(slot, Sequence(Limits::FRAMES_PER_MAILBOX_CEILING)))
    .bind(FRAMES_PER_STEP)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if deleted == FRAMES_PER_STEP as u64 {
        transaction.commit().await?;
        return Ok(Step::Partial);
    }
    sqlx::query("delete from mailbox where slot = ?").bind(slot).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Step::Deleted { bytes: rows::count(bytes)? })
}

/// Moves the write-ahead log into the database and truncates it: until then it still has what was deleted.
pub(super) async fn checkpoint(connection: &mut SqliteConnection) -> StoreResult<()> {
    let (busy, _, _): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(connection).await?;
    if busy != 0 {
        tracing::warn!("readers kept the log from being truncated; the next sweep tries again");
    }
    Ok(())
}
