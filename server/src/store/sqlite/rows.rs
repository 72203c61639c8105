//! How rows and keys become the store's types, and back.

use super::{Head, Mailbox, StoreError, StoreResult};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};
use twiza_protocol::{Chain, ExpiryDay, FrameDigest, Limits, MailboxAddress, Sequence};

const SEQUENCE_BITS: u32 = 24;

/// Rows in one statement, largest first: few different statements, so that each is prepared once.
const ROWS_PER_STATEMENT: [usize; 4] = [64, 16, 4, 1];

#[derive(Debug, FromRow)]
pub(super) struct MailboxRow {
    slot: i64,
    address: Vec<u8>,
    last_sequence: i64,
    chain: Vec<u8>,
    closed: bool,
    frame_bytes: i64,
    pub(super) expires_day: i64,
}

impl MailboxRow {
    pub(super) fn address(&self) -> StoreResult<MailboxAddress> {
        octets(&self.address, "mailbox.address").map(MailboxAddress::from_bytes)
    }

    pub(super) fn mailbox(&self) -> StoreResult<Mailbox> {
        let chain = Chain::from_bytes(octets(&self.chain, "mailbox.chain")?);
        let head = Head { sequence: Sequence(count(self.last_sequence)?), chain, closed: self.closed };
        Ok(Mailbox { slot: self.slot, head, frame_bytes: count(self.frame_bytes)? })
    }
}

#[derive(Debug, FromRow)]
pub(super) struct KnownRow {
    id: i64,
    digest: Vec<u8>,
    chain: Vec<u8>,
    closing: bool,
}

impl KnownRow {
    pub(super) fn known(&self) -> StoreResult<(i64, FrameDigest, Head)> {
        let digest = FrameDigest::from_bytes(octets(&self.digest, "frame.digest")?);
        let chain = Chain::from_bytes(octets(&self.chain, "frame.chain")?);
        let head = Head { sequence: sequence_of(self.id), chain, closed: self.closing };
        Ok((self.id >> SEQUENCE_BITS, digest, head))
    }
}

pub(super) fn octets<const N: usize>(stored: &[u8], place: &'static str) -> StoreResult<[u8; N]> {
    stored.try_into().map_err(|_| StoreError::Damaged(place))
}

pub(super) fn count(stored: i64) -> StoreResult<u64> {
    u64::try_from(stored).map_err(|_| StoreError::Damaged("a negative count"))
}

/// A count for SQLite; the limits keep every count far below the ceiling.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn frame_id(slot: i64, sequence: Sequence) -> i64 {
    (slot << SEQUENCE_BITS) | integer(sequence.0.min(Limits::FRAMES_PER_MAILBOX_CEILING))
}

pub(super) fn sequence_of(id: i64) -> Sequence {
    Sequence(id as u64 & Limits::FRAMES_PER_MAILBOX_CEILING)
}

/// A slot that tells nothing.
pub(super) fn random_slot() -> StoreResult<i64> {
    let random = getrandom::u64().map_err(StoreError::Randomness)?;
    Ok(integer(random >> (64 - (63 - SEQUENCE_BITS))))
}

/// The rows of these mailboxes, in any order, expired ones too. The addresses travel as one value, so that the
/// statement is the same for any number.
pub(super) async fn load_mailboxes(
    connection: &mut SqliteConnection,
    addresses: &[MailboxAddress],
) -> StoreResult<Vec<MailboxRow>> {
    let list: Vec<u8> = addresses.iter().flat_map(|address| *address.as_bytes()).collect();
    let rows = sqlx::query_as(
        "with recursive item (place) as (select 0 union all select place + 1 from item where place + 1 < ?2)
         select distinct slot, address, last_sequence, chain, closed, frame_bytes, expires_day
         from item cross join mailbox on mailbox.address = substr(?1, 1 + 32 * place, 32)
         where ?2 > 0",
    )
    .bind(list)
    .bind(integer(addresses.len() as u64))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Writes mailboxes whole, new or old.
pub(super) async fn save_mailboxes(
    connection: &mut SqliteConnection,
    mailboxes: &[(MailboxAddress, Mailbox)],
    expires: ExpiryDay,
) -> StoreResult<()> {
    for rows in statements(mailboxes) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into mailbox (slot, address, last_sequence, chain, closed, frame_bytes, expires_day) ",
        );
        query.push_values(rows, |mut row, (address, mailbox)| {
            row.push_bind(mailbox.slot)
                .push_bind(address.as_bytes().to_vec())
                .push_bind(integer(mailbox.head.sequence.0))
                .push_bind(mailbox.head.chain.as_bytes().to_vec())
                .push_bind(i64::from(mailbox.head.closed))
                .push_bind(integer(mailbox.frame_bytes))
                .push_bind(i64::from(expires.0));
        });
        query.push(
            " on conflict (slot) do update set last_sequence = excluded.last_sequence, chain = excluded.chain,
             closed = excluded.closed, frame_bytes = excluded.frame_bytes,
             expires_day = max(expires_day, excluded.expires_day)",
        );
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Cuts rows into the sizes that have a prepared statement.
pub(super) fn statements<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = ROWS_PER_STATEMENT.into_iter().find(|size| *size <= rows.len())?;
        let (now, later) = rows.split_at(size);
        rows = later;
        Some(now)
    })
}
