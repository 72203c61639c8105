//! The private state of groups, entry by entry. Whoever changes it changes the alliance's version.

use crate::ClientError;
use crate::store::alliances;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::{GroupState, StateChanges};

pub(crate) async fn load(connection: &mut SqliteConnection, alliance: i64) -> Result<GroupState, ClientError> {
    let query = sqlx::query("select key, value from group_entry where alliance = ?").bind(alliance);
    let rows = query.fetch_all(connection).await?;
    Ok(GroupState::from_entries(rows.iter().map(|row| (row.get("key"), row.get("value")))))
}

/// Whether there is a group.
pub(crate) async fn is_stored(connection: &mut SqliteConnection, alliance: i64) -> Result<bool, ClientError> {
    let query = sqlx::query_scalar("select exists (select * from group_entry where alliance = ?)");
    Ok(query.bind(alliance).fetch_one(connection).await?)
}

pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    alliance: i64,
    changes: &StateChanges,
) -> Result<(), ClientError> {
    if changes.put.is_empty() && changes.deleted.is_empty() {
        return Ok(());
    }
    for (key, value) in &changes.put {
        sqlx::query("insert into group_entry (alliance, key, value) values (?, ?, ?) on conflict do update set value = excluded.value")
            .bind(alliance)
            .bind(key)
            .bind(value)
            .execute(&mut *connection)
            .await?;
    }
    for key in &changes.deleted {
        let query = sqlx::query("delete from group_entry where alliance = ? and key = ?");
        query.bind(alliance).bind(key).execute(&mut *connection).await?;
    }
    alliances::touch(connection, alliance).await
}

pub(crate) async fn delete(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from group_entry where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    alliances::touch(connection, alliance).await
}
