//! Reading. Each operation is one transaction, so that it sees one moment.

use super::rows;
use super::{Head, Page, StoreError, StoreResult};
use crate::store::StoredFrame;
use bytes::Bytes;
use rusqlite::{Connection, Row, params};
use twiza_protocol::{ExpiryDay, FrameSize, MailboxAddress, Sequence};

pub(super) fn head(connection: &Connection, address: &MailboxAddress, today: ExpiryDay) -> StoreResult<Option<Head>> {
    let moment = connection.unchecked_transaction()?;
    match rows::load_mailbox(&moment, address)? {
        Some((row, expires)) if expires >= today => rows::head(&moment, &row).map(Some),
        _ => Ok(None),
    }
}

pub(super) fn page(
    connection: &Connection,
    address: &MailboxAddress,
    after: Sequence,
    bytes_max: u64,
    today: ExpiryDay,
) -> StoreResult<Option<Page>> {
    let moment = connection.unchecked_transaction()?;
    let Some((row, _)) = rows::load_mailbox(&moment, address)?.filter(|(_, expires)| *expires >= today) else {
        return Ok(None);
    };
    let mut statement = moment
        .prepare_cached("select id, closing, octets from frame where id > ?1 and id <= ?2 order by id limit ?3")?;
    let mut found = statement.query(params![
        rows::frame_id(row.slot, after),
        rows::last_frame_id(row.slot),
        rows::integer(bytes_max / FrameSize::Kib1.bytes() as u64 + 1)
    ])?;
    let mut frames: Vec<StoredFrame> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.next()? {
        let frame = frame(row)?;
        bytes += frame.octets.len() as u64;
        if bytes > bytes_max && !frames.is_empty() {
            break;
        }
        frames.push(frame);
    }
    let head = rows::head(&moment, &row)?;
    let reached = frames.last().is_none_or(|last| last.sequence == head.sequence);
    Ok(Some(Page { frames, head: reached.then_some(head) }))
}

fn frame(row: &Row<'_>) -> StoreResult<StoredFrame> {
    let octets = row.get_ref("octets")?.as_blob().map_err(|_| StoreError::Damaged("frame.octets"))?;
    let octets = Bytes::copy_from_slice(octets);
    Ok(StoredFrame { sequence: rows::sequence_of(row.get("id")?), closing: row.get("closing")?, octets })
}

pub(super) fn expiries(connection: &Connection) -> StoreResult<Option<(ExpiryDay, ExpiryDay)>> {
    // Two statements: each is one look into the index.
    let day = |statement| -> StoreResult<Option<ExpiryDay>> {
        Ok(connection.prepare_cached(statement)?.query_row([], |row| row.get::<_, Option<u32>>(0))?.map(ExpiryDay))
    };
    let (first, last) = (day("select min(expires_day) from mailbox")?, day("select max(expires_day) from mailbox")?);
    Ok(first.zip(last))
}

pub(super) fn check(connection: &Connection) -> StoreResult<()> {
    connection.prepare_cached("select 1 from mailbox limit 1")?.exists([])?;
    Ok(())
}
