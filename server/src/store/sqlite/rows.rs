//! How rows and keys become the store's types, and back.

use super::{Head, Mailbox, StoreError, StoreResult};
pub(super) use crate::store::frame_id::{frame_id, integer, last_frame_id, random_slot, sequence_of};
use rusqlite::{Connection, Row, params};
use twiza_protocol::{Chain, ExpiryDay, MailboxAddress, Sequence};

pub(super) fn octets<const N: usize>(row: &Row<'_>, column: &'static str) -> StoreResult<[u8; N]> {
    let stored = row.get_ref(column)?.as_blob().map_err(|_| StoreError::Damaged(column))?;
    stored.try_into().map_err(|_| StoreError::Damaged(column))
}

pub(super) fn count(row: &Row<'_>, column: &'static str) -> StoreResult<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| StoreError::Damaged(column))
}

/// A mailbox's head, from a row with its columns.
pub(super) fn head(row: &Row<'_>) -> StoreResult<Head> {
    let sequence = Sequence(count(row, "last_sequence")?);
    Ok(Head { sequence, chain: Chain::from_bytes(octets(row, "chain")?), closed: row.get("closed")? })
}

/// A mailbox and its expiry day, whether that has passed or not.
pub(super) fn load_mailbox(
    connection: &Connection,
    address: &MailboxAddress,
) -> StoreResult<Option<(Mailbox, ExpiryDay)>> {
    let mut statement = connection.prepare_cached(
        "select slot, last_sequence, chain, closed, frame_bytes, expires_day from mailbox where address = ?",
    )?;
    let mut rows = statement.query([address.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mailbox = Mailbox { slot: row.get("slot")?, head: head(row)?, frame_bytes: count(row, "frame_bytes")? };
    Ok(Some((mailbox, ExpiryDay(row.get("expires_day")?))))
}

/// The head that the frame with this digest left, where it is there.
pub(super) fn load_known(connection: &Connection, slot: i64, digest: &[u8; 32]) -> StoreResult<Option<Head>> {
    let mut statement =
        connection.prepare_cached("select id, chain, closing from frame where slot = ? and digest = ?")?;
    let mut rows = statement.query(params![slot, digest])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let chain = Chain::from_bytes(octets(row, "chain")?);
    Ok(Some(Head { sequence: sequence_of(row.get("id")?), chain, closed: row.get("closing")? }))
}

/// Writes a mailbox that is there already. Its expiry day never moves back.
pub(super) fn update_mailbox(connection: &Connection, mailbox: &Mailbox, expires: ExpiryDay) -> StoreResult<()> {
    let Mailbox { slot, head, frame_bytes } = mailbox;
    let updated = connection
        .prepare_cached(
            "update mailbox set last_sequence = ?2, chain = ?3, closed = ?4, frame_bytes = ?5,
             expires_day = max(expires_day, ?6) where slot = ?1",
        )?
        .execute(params![
            slot,
            integer(head.sequence.0),
            head.chain.as_bytes(),
            head.closed,
            integer(*frame_bytes),
            expires.0
        ])?;
    if updated == 1 { Ok(()) } else { Err(StoreError::Damaged("a mailbox that was just read is gone")) }
}

/// Writes a mailbox without frames. `false` where its slot is taken.
pub(super) fn insert_mailbox(
    connection: &Connection,
    slot: i64,
    address: &MailboxAddress,
    expires: ExpiryDay,
) -> StoreResult<bool> {
    let inserted = connection
        .prepare_cached(
            "insert into mailbox (slot, address, last_sequence, chain, closed, frame_bytes, expires_day)
             values (?1, ?2, 0, ?3, 0, 0, ?4) on conflict (slot) do nothing",
        )?
        .execute(params![slot, address.as_bytes(), Head::start(address).chain.as_bytes(), expires.0])?;
    Ok(inserted == 1)
}

/// Deletes a mailbox with all its frames.
pub(super) fn delete_mailbox(connection: &Connection, slot: i64) -> StoreResult<()> {
    connection
        .prepare_cached("delete from frame where id between ? and ?")?
        .execute([frame_id(slot, Sequence::START), last_frame_id(slot)])?;
    connection.prepare_cached("delete from mailbox where slot = ?")?.execute([slot])?;
    Ok(())
}
