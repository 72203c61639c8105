//! Reading. Each operation is one statement, so that it sees one moment.

use super::rows;
use super::{Head, Page, StoreResult, Totals};
use crate::store::StoredFrame;
use futures_util::TryStreamExt;
use sqlx::{FromRow, SqlitePool};
use twiza_protocol::{Chain, ExpiryDay, FrameSize, Limits, MailboxAddress, Sequence};

#[derive(Debug, FromRow)]
struct HeadRow {
    last_sequence: i64,
    chain: Vec<u8>,
    closed: bool,
}

impl HeadRow {
    fn head(&self) -> StoreResult<Head> {
        let chain = Chain::from_bytes(rows::octets(&self.chain, "mailbox.chain")?);
        Ok(Head { sequence: Sequence(rows::count(self.last_sequence)?), chain, closed: self.closed })
    }
}

#[derive(Debug, FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    mailbox: HeadRow,
    /// Absent, like the next two, where the mailbox has no frame after the place.
    id: Option<i64>,
    closing: Option<bool>,
    octets: Option<Vec<u8>>,
}

pub(super) async fn head(readers: &SqlitePool, address: MailboxAddress, today: ExpiryDay) -> StoreResult<Option<Head>> {
    let row: Option<HeadRow> =
        sqlx::query_as("select last_sequence, chain, closed from mailbox where address = ? and expires_day >= ?")
            .bind(address.as_bytes().to_vec())
            .bind(i64::from(today.0))
            .fetch_optional(readers)
            .await?;
    row.map(|row| row.head()).transpose()
}

pub(super) async fn page(
    readers: &SqlitePool,
    address: MailboxAddress,
    after: Sequence,
    bytes_max: u64,
    today: ExpiryDay,
) -> StoreResult<Option<Page>> {
    let mut rows = sqlx::query_as::<_, PageRow>(
        "select last_sequence, mailbox.chain, closed, frame.id, frame.closing, frame.octets
         from mailbox left join frame
         on frame.id > (mailbox.slot << 24) + ?2 and frame.id <= (mailbox.slot << 24) + mailbox.last_sequence
         where address = ?1 and expires_day >= ?3
         order by frame.id limit ?4",
    )
    .bind(address.as_bytes().to_vec())
    .bind(rows::integer(after.0.min(Limits::FRAMES_PER_MAILBOX_CEILING)))
    .bind(i64::from(today.0))
    .bind(rows::integer(bytes_max / FrameSize::Kib1.bytes() as u64 + 1))
    .fetch(readers);

    let mut head = None;
    let mut frames = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        head = Some(row.mailbox.head()?);
        let (Some(id), Some(closing), Some(octets)) = (row.id, row.closing, row.octets) else { break };
        bytes += octets.len() as u64;
        if bytes > bytes_max && !frames.is_empty() {
            break;
        }
        frames.push(StoredFrame { sequence: rows::sequence_of(id), closing, octets: octets.into() });
    }
    let Some(head) = head else { return Ok(None) };
    let reached = frames.last().is_none_or(|last| last.sequence == head.sequence);
    Ok(Some(Page { frames, head: reached.then_some(head) }))
}

pub(super) async fn totals(readers: &SqlitePool) -> StoreResult<Totals> {
    let (mailboxes, frame_bytes): (i64, i64) =
        sqlx::query_as("select count(*), coalesce(sum(frame_bytes), 0) from mailbox").fetch_one(readers).await?;
    Ok(Totals { mailboxes: rows::count(mailboxes)?, frame_bytes: rows::count(frame_bytes)? })
}

pub(super) async fn check(readers: &SqlitePool) -> StoreResult<()> {
    sqlx::query("select 1 from mailbox limit 1").fetch_optional(readers).await?;
    Ok(())
}
