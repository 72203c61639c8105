//! How the mailboxes ended that one has left in this life, and up to where one has told the others.

use crate::ClientError;
use crate::store::alliances::Place;
use crate::store::corrupt;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::epoch::Branch;
use twiza_protocol::Chain;

/// Notes how a mailbox ended. What stood there before was another history.
pub(crate) async fn set(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    end: &Chain,
) -> Result<(), ClientError> {
    sqlx::query("insert into mailbox_end (alliance, epoch, branch, chain) values (?, ?, ?, ?) on conflict do update set chain = excluded.chain")
        .bind(alliance)
        .bind(place.epoch.cast_signed())
        .bind(i64::from(place.branch.0))
        .bind(&end.as_bytes()[..])
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a mailbox ends otherwise than one has told: one tells it again.
pub(crate) async fn rewrite(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    end: &Chain,
) -> Result<(), ClientError> {
    if at(connection, alliance, place.epoch, place.branch).await? == Some(*end) {
        return Ok(());
    }
    set(connection, alliance, place, end).await?;
    tell_again_from(connection, alliance, place.epoch).await
}

async fn tell_again_from(connection: &mut SqliteConnection, alliance: i64, epoch: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set vouched = min(vouched, ?) where id = ?");
    query.bind(epoch.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// The ends of mailboxes before a place, from an epoch on, in the order in which they were left.
pub(crate) async fn before(
    connection: &mut SqliteConnection,
    alliance: i64,
    since: u64,
    place: &Place,
) -> Result<Vec<Chain>, ClientError> {
    let query = sqlx::query(
        "select epoch, chain from mailbox_end where alliance = ?1 and epoch >= ?2 and (epoch, branch) < (?3, ?4)
         order by epoch, branch",
    )
    .bind(alliance)
    .bind(since.cast_signed())
    .bind(place.epoch.cast_signed())
    .bind(i64::from(place.branch.0));
    let chain = |row: &sqlx::sqlite::SqliteRow| {
        let octets = row.get::<Vec<u8>, _>("chain").try_into();
        octets.map(Chain::from_bytes).map_err(|_| corrupt("mailbox_end", "chain", row.get("epoch")))
    };
    query.fetch_all(connection).await?.iter().map(chain).collect()
}

/// Whether one has left a mailbox by another end than this.
pub(crate) async fn is_another(
    connection: &mut SqliteConnection,
    alliance: i64,
    (epoch, branch): (u64, Branch),
    end: &Chain,
) -> Result<bool, ClientError> {
    Ok(at(connection, alliance, epoch, branch).await?.is_some_and(|left| left != *end))
}

/// How a mailbox ended that one has left.
async fn at(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    branch: Branch,
) -> Result<Option<Chain>, ClientError> {
    let query = sqlx::query_scalar("select chain from mailbox_end where alliance = ? and epoch = ? and branch = ?");
    let query = query.bind(alliance).bind(epoch.cast_signed()).bind(i64::from(branch.0));
    let found: Option<Vec<u8>> = query.fetch_optional(connection).await?;
    let convert = |octets: Vec<u8>| octets.try_into().map(Chain::from_bytes);
    found.map(|octets| convert(octets).map_err(|_| corrupt("mailbox_end", "chain", epoch.cast_signed()))).transpose()
}

/// The first epoch whose end is known, if any is.
pub(crate) async fn first(connection: &mut SqliteConnection, alliance: i64) -> Result<Option<u64>, ClientError> {
    let query = sqlx::query_scalar::<_, Option<i64>>("select min(epoch) from mailbox_end where alliance = ?");
    Ok(query.bind(alliance).fetch_one(connection).await?.map(i64::cast_unsigned))
}

/// One goes back to this place: the ends from there on are undone.
pub(crate) async fn forget_from(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
) -> Result<(), ClientError> {
    sqlx::query("delete from mailbox_end where alliance = ?1 and (epoch, branch) >= (?2, ?3)")
        .bind(alliance)
        .bind(place.epoch.cast_signed())
        .bind(i64::from(place.branch.0))
        .execute(&mut *connection)
        .await?;
    tell_again_from(connection, alliance, place.epoch).await
}

/// Begins a life in this epoch: nothing before it is known, or vouched for.
pub(crate) async fn begin(connection: &mut SqliteConnection, alliance: i64, epoch: u64) -> Result<(), ClientError> {
    sqlx::query("delete from mailbox_end where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    set_vouched(connection, alliance, epoch).await
}

/// The epoch in which one spoke last.
pub(crate) async fn vouched(connection: &mut SqliteConnection, alliance: i64) -> Result<u64, ClientError> {
    let query = sqlx::query_scalar::<_, i64>("select vouched from alliance where id = ?");
    Ok(query.bind(alliance).fetch_one(connection).await?.cast_unsigned())
}

/// One's own message was read back in this epoch: everybody there knows what one says of the past.
pub(crate) async fn set_vouched(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set vouched = ? where id = ?");
    query.bind(epoch.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}
