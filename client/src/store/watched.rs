//! Branches of past epochs in which nobody should go on, and what was read there.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::epoch::{Branch, EpochKeys};

/// A branch that one does not follow.
#[derive(Debug)]
pub(crate) struct WatchedBranch {
    pub(crate) keys: EpochKeys,
}

pub(crate) async fn add(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    keys: &EpochKeys,
) -> Result<(), ClientError> {
    sqlx::query(
        "insert into watched_branch (alliance, epoch, branch, mailbox_seed, frame_key) values (?, ?, ?, ?, ?)
         on conflict do nothing",
    )
    .bind(alliance)
    .bind(epoch.cast_signed())
    .bind(i64::from(keys.branch.0))
    .bind(&keys.mailbox.expose_seed()[..])
    .bind(&keys.frame.expose()[..])
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of one epoch, in their order.
pub(crate) async fn of_epoch(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
) -> Result<Vec<WatchedBranch>, ClientError> {
    let query = sqlx::query("select * from watched_branch where alliance = ? and epoch = ? order by branch");
    query.bind(alliance).bind(epoch.cast_signed()).fetch_all(connection).await?.iter().map(convert).collect()
}

/// Notes that a member cannot follow a commit. Whether that is news.
pub(crate) async fn add_report(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    commit: &[u8; 32],
    leaf_index: u32,
    own: Option<&[u8]>,
) -> Result<bool, ClientError> {
    let query = sqlx::query(
        "insert into report (alliance, epoch, commit_digest, leaf_index, own) values (?, ?, ?, ?, ?)
         on conflict do nothing",
    );
    let query = query.bind(alliance).bind(epoch.cast_signed()).bind(&commit[..]).bind(i64::from(leaf_index)).bind(own);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// Whether a member is known not to follow a commit.
pub(crate) async fn has_report(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    commit: &[u8; 32],
    leaf_index: u32,
) -> Result<bool, ClientError> {
    let query = sqlx::query_scalar(
        "select exists (select 1 from report where alliance = ? and epoch = ? and commit_digest = ? and leaf_index = ?)",
    );
    let query = query.bind(alliance).bind(epoch.cast_signed()).bind(&commit[..]).bind(i64::from(leaf_index));
    Ok(query.fetch_one(connection).await?)
}

/// One's own report of an epoch.
pub(crate) async fn own_report(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
) -> Result<Option<Vec<u8>>, ClientError> {
    let query = sqlx::query_scalar("select own from report where alliance = ? and epoch = ? and own is not null");
    Ok(query.bind(alliance).bind(epoch.cast_signed()).fetch_optional(connection).await?)
}

/// Epochs in which one reported oneself, and has not decided yet.
pub(crate) async fn reported(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<u64>, ClientError> {
    let query = sqlx::query_scalar("select distinct epoch from report where alliance = ? and own is not null");
    let epochs: Vec<i64> = query.bind(alliance).fetch_all(connection).await?;
    Ok(epochs.into_iter().map(i64::cast_unsigned).collect())
}

/// One's own report counts as everybody's from now on: most members say the same, and go on.
pub(crate) async fn withdraw_own_report(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
) -> Result<(), ClientError> {
    let query = sqlx::query("update report set own = null where alliance = ? and epoch = ?");
    query.bind(alliance).bind(epoch.cast_signed()).execute(connection).await?;
    Ok(())
}

/// Notes when past mailboxes were looked at, in seconds since the Unix epoch; 0 asks for a look at all of them.
pub(crate) async fn set_looked_back(
    connection: &mut SqliteConnection,
    alliance: i64,
    now: u64,
) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set looked_back = ? where id = ?");
    query.bind(now.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// Asks for a look at all past mailboxes, since somebody has another view of them.
pub(crate) async fn doubt(connection: &mut SqliteConnection, alliance: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set looked_back = 0, doubted_at = ? where id = ?");
    query.bind(now.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// Notes the end of a look that was due since `last`, unless another was asked for meanwhile.
pub(crate) async fn end_look(
    connection: &mut SqliteConnection,
    alliance: i64,
    last: u64,
    now: u64,
) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set looked_back = ? where id = ? and looked_back = ?");
    query.bind(now.cast_signed()).bind(alliance).bind(last.cast_signed()).execute(connection).await?;
    Ok(())
}

fn convert(row: &SqliteRow) -> Result<WatchedBranch, ClientError> {
    let epoch: i64 = row.get("epoch");
    let key = |column| -> Result<[u8; 32], ClientError> {
        row.get::<Vec<u8>, _>(column).try_into().map_err(|_| corrupt("watched_branch", column, epoch))
    };
    let branch = u8::try_from(row.get::<i64, _>("branch")).map_err(|_| corrupt("watched_branch", "branch", epoch))?;
    Ok(WatchedBranch { keys: EpochKeys::kept(&key("mailbox_seed")?, &key("frame_key")?, Branch(branch)) })
}
