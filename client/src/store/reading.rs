//! What reading the current mailbox needs to remember: the running hash at each place, and parts of payloads.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::{Row, SqliteConnection};
use twiza_protocol::{Chain, Sequence};

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

/// Keeps a frame whose payload is not whole yet.
pub(crate) async fn keep_part(
    connection: &mut SqliteConnection,
    alliance: i64,
    sequence: Sequence,
    payload: &[u8; 16],
    frame: &[u8],
) -> Result<(), ClientError> {
    sqlx::query("insert into part (alliance, sequence, payload, frame) values (?, ?, ?, ?)")
        .bind(alliance)
        .bind(sequence.0.cast_signed())
        .bind(&payload[..])
        .bind(frame)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn parts(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<Vec<u8>>, ClientError> {
    let rows = sqlx::query("select frame from part where alliance = ? order by sequence").bind(alliance);
    Ok(rows.fetch_all(connection).await?.iter().map(|row| row.get("frame")).collect())
}

/// Forgets the parts of a payload, once it is whole.
pub(crate) async fn drop_parts(
    connection: &mut SqliteConnection,
    alliance: i64,
    payload: &[u8; 16],
) -> Result<(), ClientError> {
    let query = sqlx::query("delete from part where alliance = ? and payload = ?");
    query.bind(alliance).bind(&payload[..]).execute(connection).await?;
    Ok(())
}

/// Forgets everything of the mailbox that is left behind.
pub(crate) async fn leave_mailbox(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from part where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    sqlx::query("delete from transcript where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}
