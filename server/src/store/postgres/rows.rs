//! How rows become the store's types.

use super::{Head, StoreError, StoreResult};
pub(super) use crate::store::frame_id::{frame_id, integer, last_frame_id, random_slot, sequence_of};
use sqlx::Row;
use sqlx::postgres::PgRow;
use twiza_protocol::{Chain, ExpiryDay, Sequence};

pub(super) fn octets<const N: usize>(row: &PgRow, column: &'static str) -> StoreResult<[u8; N]> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| StoreError::Damaged(column))
}

pub(super) fn count(row: &PgRow, column: &'static str) -> StoreResult<u64> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Damaged(column))
}

pub(super) fn day(row: &PgRow, column: &'static str) -> StoreResult<ExpiryDay> {
    u32::try_from(row.try_get::<i64, _>(column)?).map(ExpiryDay).map_err(|_| StoreError::Damaged(column))
}

/// A mailbox's head, from a row with its columns.
pub(super) fn head(row: &PgRow) -> StoreResult<Head> {
    let sequence = Sequence(count(row, "last_sequence")?);
    Ok(Head { sequence, chain: Chain::from_bytes(octets(row, "chain")?), closed: row.try_get("closed")? })
}
