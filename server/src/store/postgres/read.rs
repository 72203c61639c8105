//! Reading. Each operation is one statement, so that it sees one moment.

use super::{Head, Page, StoreResult, Totals, rows};
use crate::store::StoredFrame;
use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use twiza_protocol::{ExpiryDay, FrameSize, Limits, MailboxAddress, Sequence};

pub(super) async fn head(
    connection: &mut PgConnection,
    address: MailboxAddress,
    today: ExpiryDay,
) -> StoreResult<Option<Head>> {
    let statement = "select last_sequence, chain, closed from mailbox where address = $1 and expires_day >= $2";
    let row = sqlx::query(statement).bind(&address.as_bytes()[..]).bind(i64::from(today.0));
    row.fetch_optional(connection).await?.as_ref().map(rows::head).transpose()
}

pub(super) async fn page(
    connection: &mut PgConnection,
    address: MailboxAddress,
    after: Sequence,
    bytes_max: u64,
    today: ExpiryDay,
) -> StoreResult<Option<Page>> {
    let found = sqlx::query(include_str!("page.sql"))
        .bind(&address.as_bytes()[..])
        .bind(rows::integer(after.0.min(Limits::FRAMES_PER_MAILBOX_CEILING)))
        .bind(i64::from(today.0))
        .bind(rows::integer(bytes_max / FrameSize::Kib1.bytes() as u64 + 1))
        .bind(rows::integer(bytes_max))
        .fetch_all(connection)
        .await?;
    let Some(first) = found.first() else { return Ok(None) };
    let head = rows::head(first)?;
    let mut frames = Vec::with_capacity(found.len());
    for row in &found {
        frames.extend(frame(row)?);
    }
    let reached = frames.last().is_none_or(|last| last.sequence == head.sequence);
    Ok(Some(Page { frames, head: reached.then_some(head) }))
}

/// Absent where the mailbox has no frame after the place.
fn frame(row: &PgRow) -> StoreResult<Option<StoredFrame>> {
    let Some(id) = row.try_get("id")? else { return Ok(None) };
    let octets = Bytes::copy_from_slice(row.try_get("octets")?);
    Ok(Some(StoredFrame { sequence: rows::sequence_of(id), closing: row.try_get("closing")?, octets }))
}

pub(super) async fn totals(connection: &mut PgConnection) -> StoreResult<Totals> {
    let sums = "select sum(mailboxes)::bigint as mailboxes, sum(frame_bytes)::bigint as frame_bytes from total";
    let row = sqlx::query(sums).fetch_one(connection).await?;
    Ok(Totals { mailboxes: rows::count(&row, "mailboxes")?, frame_bytes: rows::count(&row, "frame_bytes")? })
}

pub(super) async fn expiries(connection: &mut PgConnection) -> StoreResult<Option<(ExpiryDay, ExpiryDay)>> {
    let both = "select min(expires_day) as first, max(expires_day) as last from mailbox";
    let row = sqlx::query(both).fetch_one(connection).await?;
    if row.try_get::<Option<i64>, _>("first")?.is_none() {
        return Ok(None);
    }
    Ok(Some((rows::day(&row, "first")?, rows::day(&row, "last")?)))
}

pub(super) async fn check(connection: &mut PgConnection) -> StoreResult<()> {
    sqlx::query("select from mailbox limit 1").execute(connection).await?;
    Ok(())
}
