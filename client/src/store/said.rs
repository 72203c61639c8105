//! What one said that is no text, until the relay may forget it: texts stand in the history, these do not.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::epoch::Branch;
use twiza_protocol::FrameDigest;

/// Something that one said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) id: [u8; 16],
    pub(crate) sent: u64,
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

/// Keeps what was read back from a mailbox, by the last of its frames.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    mailbox: i64,
    digest: &FrameDigest,
    said: &Said,
) -> Result<(), ClientError> {
    sqlx::query("insert into said (mailbox, digest, message, sent, kind, body) values (?, ?, ?, ?, ?, ?)")
        .bind(mailbox)
        .bind(&digest.as_bytes()[..])
        .bind(&said.id[..])
        .bind(said.sent.cast_signed())
        .bind(i64::from(said.kind))
        .bind(&said.body)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes out what stood in a mailbox before it was read anew and was not met since, in its old order.
pub(crate) async fn take_displaced(connection: &mut SqliteConnection, mailbox: i64) -> Result<Vec<Said>, ClientError> {
    let query = sqlx::query_scalar(
        "select said.digest from said join kept_frame using (mailbox, digest)
         where mailbox = ? and met = 0 order by sequence",
    );
    let digests: Vec<Vec<u8>> = query.bind(mailbox).fetch_all(&mut *connection).await?;
    take_all(connection, digests.into_iter().map(|digest| (mailbox, digest))).await
}

/// Takes out everything of a mailbox, which others may have ended without it, and of those after it.
pub(crate) async fn take_from(
    connection: &mut SqliteConnection,
    alliance: i64,
    (epoch, branch): (u64, Branch),
) -> Result<Vec<Said>, ClientError> {
    let query = sqlx::query_as(
        "select mailbox, digest from said join kept_frame using (mailbox, digest) join kept_mailbox on mailbox = id
         where alliance = ? and (epoch, branch) >= (?, ?) order by mailbox, sequence",
    );
    let query = query.bind(alliance).bind(epoch.cast_signed()).bind(i64::from(branch.0));
    let found: Vec<(i64, Vec<u8>)> = query.fetch_all(&mut *connection).await?;
    take_all(connection, found).await
}

async fn take_all(
    connection: &mut SqliteConnection,
    found: impl IntoIterator<Item = (i64, Vec<u8>)>,
) -> Result<Vec<Said>, ClientError> {
    let mut taken = Vec::new();
    for (mailbox, digest) in found {
        let digest = digest.try_into().map_err(|_| corrupt("said", "digest", mailbox))?;
        taken.extend(take(connection, mailbox, &FrameDigest::from_bytes(digest)).await?);
    }
    Ok(taken)
}

/// Takes out what one frame ended, if it was one's own.
pub(crate) async fn take(
    connection: &mut SqliteConnection,
    mailbox: i64,
    digest: &FrameDigest,
) -> Result<Option<Said>, ClientError> {
    let query = sqlx::query("delete from said where mailbox = ? and digest = ? returning message, sent, kind, body");
    let row = query.bind(mailbox).bind(&digest.as_bytes()[..]).fetch_optional(connection).await?;
    let convert = |row: SqliteRow| {
        let id = row.get::<Vec<u8>, _>("message").try_into().map_err(|_| corrupt("said", "message", mailbox))?;
        let kind = u8::try_from(row.get::<i64, _>("kind")).map_err(|_| corrupt("said", "kind", mailbox))?;
        Ok(Said { id, sent: row.get::<i64, _>("sent").cast_unsigned(), kind, body: row.get("body") })
    };
    row.map(convert).transpose()
}
