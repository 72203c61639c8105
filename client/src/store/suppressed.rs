//! How often in a row one's own rotation of keys was refused.

use crate::ClientError;
use sqlx::SqliteConnection;

/// Counts one more, and gives the count.
pub(crate) async fn count(connection: &mut SqliteConnection, alliance: i64) -> Result<i64, ClientError> {
    let query = "insert into suppressed (alliance, times) values (?, 1)
                 on conflict (alliance) do update set times = times + 1 returning times";
    Ok(sqlx::query_scalar(query).bind(alliance).fetch_one(connection).await?)
}

/// A commit of one's own was taken: the count begins anew.
pub(crate) async fn forget(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from suppressed where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}
