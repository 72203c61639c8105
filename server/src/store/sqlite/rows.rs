//! How rows and keys become the store's types, and back.

use super::{Head, Mailbox, StoreError, StoreResult, Totals};
pub(super) use crate::store::frame_id::{frame_id, integer, last_frame_id, random_slot, sequence_of};
use rusqlite::{Connection, Row, params};
use twiza_protocol::{Chain, ExpiryDay, FrameDigest, MailboxAddress, Sequence, TokenMark};

/// Octets of a digest that `known` keeps. The frame has all of them.
const DIGEST_START_BYTES: usize = 8;

pub(super) fn octets<const N: usize>(row: &Row<'_>, column: &'static str) -> StoreResult<[u8; N]> {
    let stored = row.get_ref(column)?.as_blob().map_err(|_| StoreError::Damaged(column))?;
    stored.try_into().map_err(|_| StoreError::Damaged(column))
}

pub(super) fn count(row: &Row<'_>, column: &'static str) -> StoreResult<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| StoreError::Damaged(column))
}

/// A mailbox as its row has it, which is without its tail, and its expiry day, whether that has passed or not.
pub(super) fn load_mailbox(
    connection: &Connection,
    address: &MailboxAddress,
) -> StoreResult<Option<(Mailbox, ExpiryDay)>> {
    let mut statement = connection.prepare_cached(
        "select slot, last_sequence, chain, closed, frame_bytes, expires_day from mailbox where address = ?",
    )?;
    let mut rows = statement.query([address.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let head = Head {
        sequence: Sequence(count(row, "last_sequence")?),
        chain: Chain::from_bytes(octets(row, "chain")?),
        closed: row.get("closed")?,
    };
    let mailbox = Mailbox { slot: row.get("slot")?, head, frame_bytes: count(row, "frame_bytes")? };
    Ok(Some((mailbox, ExpiryDay(row.get("expires_day")?))))
}

/// The head of a mailbox, of which `row` is what its row has.
pub(super) fn head(connection: &Connection, row: &Mailbox) -> StoreResult<Head> {
    let mut statement = connection
        .prepare_cached("select id, chain, closing from frame where id > ? and id <= ? order by id desc limit 1")?;
    let mut rows = statement.query([frame_id(row.slot, row.head.sequence), last_frame_id(row.slot)])?;
    rows.next()?.map_or(Ok(row.head), head_after)
}

/// The head that the frame in this row left.
pub(super) fn head_after(row: &Row<'_>) -> StoreResult<Head> {
    let chain = Chain::from_bytes(octets(row, "chain")?);
    Ok(Head { sequence: sequence_of(row.get("id")?), chain, closed: row.get("closing")? })
}

/// The head that the frame with this digest left, where `known` has it.
pub(super) fn load_known(connection: &Connection, slot: i64, digest: &FrameDigest) -> StoreResult<Option<Head>> {
    let mut statement = connection.prepare_cached(
        "select id, chain, closing from known join frame on frame.id = (?1 << 24) + known.sequence
         where slot = ?1 and digest_start = ?2 and digest = ?3",
    )?;
    let mut rows = statement.query(params![slot, digest_start(digest), digest.as_bytes()])?;
    rows.next()?.map(head_after).transpose()
}

/// Makes a frame's digest known.
pub(super) fn insert_known(
    connection: &Connection,
    slot: i64,
    digest: &FrameDigest,
    sequence: Sequence,
) -> StoreResult<()> {
    connection
        .prepare_cached("insert into known (slot, digest_start, sequence) values (?, ?, ?)")?
        .execute(params![slot, digest_start(digest), integer(sequence.0)])?;
    Ok(())
}

fn digest_start(digest: &FrameDigest) -> &[u8] {
    &digest.as_bytes()[..DIGEST_START_BYTES]
}

/// Writes where a mailbox stands.
pub(super) fn update_mailbox(connection: &Connection, mailbox: &Mailbox) -> StoreResult<()> {
    let Mailbox { slot, head, frame_bytes } = mailbox;
    let updated = connection
        .prepare_cached(
            "update mailbox set last_sequence = ?2, chain = ?3, closed = ?4, frame_bytes = ?5 where slot = ?1",
        )?
        .execute(params![slot, integer(head.sequence.0), head.chain.as_bytes(), head.closed, integer(*frame_bytes)])?;
    expect_one(updated)
}

/// Moves a mailbox's expiry day. It never moves back.
pub(super) fn update_expiry(connection: &Connection, slot: i64, expires: ExpiryDay) -> StoreResult<()> {
    let updated = connection
        .prepare_cached("update mailbox set expires_day = max(expires_day, ?2) where slot = ?1")?
        .execute(params![slot, expires.0])?;
    expect_one(updated)
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

/// Gives an expired mailbox an address that nobody has, so that another can have its own.
pub(super) fn detach_mailbox(connection: &Connection, slot: i64) -> StoreResult<()> {
    let updated =
        connection.prepare_cached("update mailbox set address = randomblob(32) where slot = ?")?.execute([slot])?;
    expect_one(updated)
}

/// Deletes at most so many frames of a mailbox, the first ones, and tells how many there were and their octets.
pub(super) fn delete_frames(connection: &Connection, slot: i64, frames_max: u64) -> StoreResult<(u64, u64)> {
    let mut statement = connection.prepare_cached(
        "delete from frame where id in (select id from frame where id between ? and ? order by id limit ?)
         returning length(octets) as length",
    )?;
    let mut rows = statement.query((frame_id(slot, Sequence::START), last_frame_id(slot), integer(frames_max)))?;
    let (mut frames, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        frames += 1;
        bytes += count(row, "length")?;
    }
    Ok((frames, bytes))
}

/// Deletes a mailbox whose frames are deleted.
pub(super) fn delete_mailbox(connection: &Connection, slot: i64) -> StoreResult<()> {
    connection.prepare_cached("delete from known where slot = ?")?.execute([slot])?;
    connection.prepare_cached("delete from mailbox where slot = ?")?.execute([slot])?;
    Ok(())
}

/// Spends a token. Tells whether it was not spent before.
pub(super) fn spend(connection: &Connection, mark: &TokenMark) -> StoreResult<bool> {
    let mut statement =
        connection.prepare_cached("insert into spent_token (mark) values (?) on conflict do nothing")?;
    Ok(statement.execute([mark.as_bytes().as_slice()])? == 1)
}

/// How much there is.
pub(super) fn load_totals(connection: &Connection) -> StoreResult<Totals> {
    let mut statement = connection.prepare_cached("select mailboxes, frame_bytes from total")?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or(StoreError::Damaged("no row of totals"))?;
    Ok(Totals { mailboxes: count(row, "mailboxes")?, frame_bytes: count(row, "frame_bytes")? })
}

/// Writes how much there is.
pub(super) fn update_totals(connection: &Connection, totals: Totals) -> StoreResult<()> {
    let updated = connection
        .prepare_cached("update total set mailboxes = ?, frame_bytes = ?")?
        .execute([integer(totals.mailboxes), integer(totals.frame_bytes)])?;
    expect_one(updated)
}

fn expect_one(updated: usize) -> StoreResult<()> {
    if updated == 1 { Ok(()) } else { Err(StoreError::Damaged("a row that was just read is gone")) }
}
