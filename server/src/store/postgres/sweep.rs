//! Deleting what has expired, in steps that are short enough for nobody to wait. Any number of nodes may do it at once.

use super::{Node, StoreError, StoreResult, in_time, rows};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use tokio::time::timeout;
use twiza_protocol::{ExpiryDay, Sequence};

/// Mailboxes that are gone in one step.
const MAILBOXES_PER_STEP: u64 = 256;

/// Frames deleted in one step: at most 64 MiB, usually far less.
const FRAMES_PER_STEP: u64 = 64;

/// How long a vacuum may take, before the way to the database counts as lost.
const VACUUM_TIME_MAX: Duration = Duration::from_secs(3600);

pub(super) async fn sweep(connection: &mut PgConnection, today: ExpiryDay, node: &Node) -> StoreResult<u64> {
    let mut swept = 0;
    loop {
        let step = in_time(delete_mailboxes(connection, today, node)).await?;
        swept += step;
        if step < MAILBOXES_PER_STEP {
            break;
        }
    }
    let mut deleted = 0;
    while let Some(frames) = in_time(delete_frames(connection)).await? {
        deleted += frames;
    }
    if swept + deleted > 0 {
        timeout(VACUUM_TIME_MAX, vacuum(connection)).await.map_err(|late| StoreError::Away(late.into()))??;
    }
    Ok(swept)
}

async fn delete_mailboxes(connection: &mut PgConnection, today: ExpiryDay, node: &Node) -> StoreResult<u64> {
    let deleted: i64 = sqlx::query_scalar(include_str!("sweep.sql"))
        .bind(i64::from(today.0))
        .bind(rows::integer(MAILBOXES_PER_STEP))
        .bind(node.part)
        .fetch_one(connection)
        .await?;
    Ok(deleted.unsigned_abs())
}

/// Deletes some frames of a mailbox that is gone; `None` where there is none, or other nodes see to them.
async fn delete_frames(connection: &mut PgConnection) -> StoreResult<Option<u64>> {
    let mut transaction = connection.begin().await?;
    let slot: Option<i64> = sqlx::query_scalar("select slot from departed limit 1 for update skip locked")
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(slot) = slot else { return Ok(None) };
    let statement = "delete from frame where id in
        (select id from frame where id > $1 and id <= $2 order by id limit $3)";
    let deleted = sqlx::query(statement)
        .bind(rows::frame_id(slot, Sequence::START))
        .bind(rows::last_frame_id(slot))
        .bind(rows::integer(FRAMES_PER_STEP))
        .execute(&mut *transaction)
        .await?
        .rows_affected();
    if deleted < FRAMES_PER_STEP {
        sqlx::query("delete from departed where slot = $1").bind(slot).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(Some(deleted))
}

/// Gives the space of what was deleted to what comes next, which overwrites it.
async fn vacuum(connection: &mut PgConnection) -> StoreResult<()> {
    for statement in ["vacuum (skip_locked) frame", "vacuum (skip_locked) mailbox", "vacuum (skip_locked) departed"] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}
