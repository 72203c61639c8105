//! What reading the current mailbox needs to remember: the running hash at each place, and parts of payloads.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::SqliteConnection;
use twiza_protocol::{Chain, FrameDigest, Sequence};

pub(crate) async fn note_chain(
    connection: &mut SqliteConnection,
    alliance: i64,
    sequence: Sequence,
    chain: &Chain,
) -> Result<(), ClientError> {
    sqlx::query("insert into transcript (alliance, sequence, chain) values (?, ?, ?)")
        .bind(alliance)
        .bind(sequence.0.cast_signed())
        .bind(&chain.as_bytes()[..])
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn chain_at(
    connection: &mut SqliteConnection,
    alliance: i64,
    sequence: Sequence,
) -> Result<Option<Chain>, ClientError> {
    let query = sqlx::query_scalar("select chain from transcript where alliance = ? and sequence = ?");
    let octets: Option<Vec<u8>> =
        query.bind(alliance).bind(sequence.0.cast_signed()).fetch_optional(connection).await?;
    let place = sequence.0.cast_signed();
    octets
        .map(|octets| octets.try_into().map(Chain::from_bytes).map_err(|_| corrupt("transcript", "chain", place)))
        .transpose()
}

/// Keeps a part of a payload until its last frame comes. Beyond `bytes_max` octets of them, the oldest are dropped.
pub(crate) async fn keep_part(
    connection: &mut SqliteConnection,
    alliance: i64,
    sequence: Sequence,
    digest: &FrameDigest,
    frame: &[u8],
    bytes_max: usize,
) -> Result<(), ClientError> {
    // A relay that repeats a frame gains nothing by it.
    sqlx::query("insert into part (alliance, sequence, digest, frame) values (?, ?, ?, ?) on conflict do nothing")
        .bind(alliance)
        .bind(sequence.0.cast_signed())
        .bind(&digest.as_bytes()[..])
        .bind(frame)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "delete from part where alliance = ?1 and sequence <= (
             select max(sequence) from (
                 select sequence, sum(length(frame)) over (order by sequence desc) as bytes
                 from part where alliance = ?1
             ) where bytes > ?2
         )",
    )
    .bind(alliance)
    .bind(i64::try_from(bytes_max).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

/// A part, if it is there. It stays: any member can name it as a part of something else, and must not take it away from
/// the payload it belongs to.
pub(crate) async fn part(
    connection: &mut SqliteConnection,
    alliance: i64,
    digest: &FrameDigest,
) -> Result<Option<Vec<u8>>, ClientError> {
    let query = sqlx::query_scalar("select frame from part where alliance = ? and digest = ?");
    Ok(query.bind(alliance).bind(&digest.as_bytes()[..]).fetch_optional(connection).await?)
}

/// Forgets everything of the mailbox that is left behind.
pub(crate) async fn leave_mailbox(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from part where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    sqlx::query("delete from transcript where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}
