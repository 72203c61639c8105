//! Reading. Each operation is one statement, so that it sees one moment.

use super::rows;
use super::{Head, Page, StoreError, StoreResult, Totals};
use crate::store::StoredFrame;
use bytes::Bytes;
use rusqlite::{Connection, Row, params};
use twiza_protocol::{ExpiryDay, FrameSize, Limits, MailboxAddress, Sequence};

pub(super) fn head(connection: &Connection, address: &MailboxAddress, today: ExpiryDay) -> StoreResult<Option<Head>> {
    let mut statement = connection
        .prepare_cached("select last_sequence, chain, closed from mailbox where address = ? and expires_day >= ?")?;
    let mut rows = statement.query(params![address.as_bytes(), today.0])?;
    rows.next()?.map(rows::head).transpose()
}

pub(super) fn page(
    connection: &Connection,
    address: &MailboxAddress,
    after: Sequence,
    bytes_max: u64,
    today: ExpiryDay,
) -> StoreResult<Option<Page>> {
    let mut statement = connection.prepare_cached(
        "select last_sequence, mailbox.chain as chain, closed, frame.id as id, closing, octets
         from mailbox left join frame
         on frame.id > (mailbox.slot << 24) + ?2 and frame.id <= (mailbox.slot << 24) + mailbox.last_sequence
         where address = ?1 and expires_day >= ?3
         order by frame.id limit ?4",
    )?;
    let mut rows = statement.query(params![
        address.as_bytes(),
        rows::integer(after.0.min(Limits::FRAMES_PER_MAILBOX_CEILING)),
        today.0,
        rows::integer(bytes_max / FrameSize::Kib1.bytes() as u64 + 1)
    ])?;
    let mut head = None;
    let mut frames = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        head = Some(rows::head(row)?);
        // Absent where the mailbox has no frame after the place.
        let Some(frame) = frame(row)? else { break };
        bytes += frame.octets.len() as u64;
        if bytes > bytes_max && !frames.is_empty() {
            break;
        }
        frames.push(frame);
    }
    let Some(head) = head else { return Ok(None) };
    let reached = frames.last().is_none_or(|last| last.sequence == head.sequence);
    Ok(Some(Page { frames, head: reached.then_some(head) }))
}

fn frame(row: &Row<'_>) -> StoreResult<Option<StoredFrame>> {
    let Some(id) = row.get("id")? else { return Ok(None) };
    let octets = row.get_ref("octets")?.as_blob().map_err(|_| StoreError::Damaged("frame.octets"))?;
    let octets = Bytes::copy_from_slice(octets);
    Ok(Some(StoredFrame { sequence: rows::sequence_of(id), closing: row.get("closing")?, octets }))
}

pub(super) fn totals(connection: &Connection) -> StoreResult<Totals> {
    let sums = "select count(*) as mailboxes, coalesce(sum(frame_bytes), 0) as frame_bytes from mailbox";
    connection.query_row_and_then(sums, [], |row| {
        Ok(Totals { mailboxes: rows::count(row, "mailboxes")?, frame_bytes: rows::count(row, "frame_bytes")? })
    })
}

pub(super) fn check(connection: &Connection) -> StoreResult<()> {
    connection.prepare_cached("select 1 from mailbox limit 1")?.exists([])?;
    Ok(())
}
