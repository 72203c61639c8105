//! The private state of groups, entry by entry.

use crate::ClientError;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::{GroupState, StateChanges};

pub(crate) async fn load(connection: &mut SqliteConnection, alliance: i64) -> Result<GroupState, ClientError> {
    let query = sqlx::query("select key, value from group_entry where alliance = ?").bind(alliance);
    let rows = query.fetch_all(connection).await?;
    Ok(GroupState::from_entries(rows.iter().map(|row| (row.get("key"), row.get("value")))))
}

pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    alliance: i64,
    changes: &StateChanges,
) -> Result<(), ClientError> {
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
    Ok(())
}

pub(crate) async fn delete(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from group_entry where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}
