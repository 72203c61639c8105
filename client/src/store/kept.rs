//! What is kept of mailboxes for as long as the relay may keep them: their frames, for a relay that loses them, and the
//! keys of the outer seal. No secret of MLS is among it.

use crate::ClientError;
use crate::relay::InboundFrame;
use crate::store::corrupt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::epoch::{Branch, EpochKeys};
use twiza_crypto::roster::Roster;
use twiza_protocol::{FrameDigest, Receipt, Sequence};

/// How a mailbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its closing frame began the next epoch.
    Commit,
    /// Its closing frame was refused: the epoch went on in the next branch.
    Branch,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Branch => "branch",
        }
    }
}

/// A mailbox that was read.
#[derive(Debug)]
pub(crate) struct KeptMailbox {
    pub(crate) id: i64,
    pub(crate) epoch: u64,
    pub(crate) keys: EpochKeys,
    pub(crate) roster: Roster,
    pub(crate) ended: Option<Ended>,
    /// The commit that was followed out of it instead of its closing frame, as others showed it.
    pub(crate) taken_over: Option<Vec<u8>>,
    /// The last day on which the relay must have it; one that it does not know then, it has lost.
    pub(crate) certain: u32,
    /// When it was last looked at, in seconds since the Unix epoch.
    pub(crate) looked: u64,
}

/// One of its frames, where members agreed that it stands.
#[derive(Debug)]
pub(crate) struct KeptFrame {
    pub(crate) sequence: Sequence,
    pub(crate) closing: bool,
    pub(crate) octets: Vec<u8>,
}

impl KeptFrame {
    /// What the relay shows, to be kept.
    pub(crate) fn of(frame: &InboundFrame) -> Self {
        Self { sequence: frame.sequence, closing: frame.closing, octets: frame.octets.clone() }
    }
}

/// Where a frame that is known stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its place when it was first read.
    pub(crate) sequence: Sequence,
    /// Whether it was met since the mailbox was last begun anew.
    pub(crate) met: bool,
}

/// The kept mailbox of these keys, by its number.
pub(crate) async fn find_id(
    connection: &mut SqliteConnection,
    alliance: i64,
    keys: &EpochKeys,
) -> Result<Option<i64>, ClientError> {
    let query = sqlx::query_scalar("select id from kept_mailbox where alliance = ? and mailbox_seed = ?");
    Ok(query.bind(alliance).bind(&keys.mailbox.expose_seed()[..]).fetch_optional(connection).await?)
}

/// Begins to keep a mailbox, up to a day at least.
pub(crate) async fn add(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    keys: &EpochKeys,
    roster: &Roster,
    expires: u32,
) -> Result<i64, ClientError> {
    sqlx::query(
        "insert into kept_mailbox (alliance, epoch, branch, mailbox_seed, frame_key, roster, expires)
         values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(alliance)
    .bind(epoch.cast_signed())
    .bind(i64::from(keys.branch.0))
    .bind(&keys.mailbox.expose_seed()[..])
    .bind(&keys.frame.expose()[..])
    .bind(roster.encode()?)
    .bind(i64::from(expires))
    .execute(&mut *connection)
    .await?;
    super::last_row(connection).await
}

/// The kept mailbox of these keys, if anything of it was read.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    alliance: i64,
    keys: &EpochKeys,
) -> Result<Option<KeptMailbox>, ClientError> {
    let query = sqlx::query("select * from kept_mailbox where alliance = ? and mailbox_seed = ?");
    let row = query.bind(alliance).bind(&keys.mailbox.expose_seed()[..]).fetch_optional(connection).await?;
    row.as_ref().map(convert).transpose()
}

/// Mailboxes that are over and that the relay should still have, the latest first.
pub(crate) async fn past(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<KeptMailbox>, ClientError> {
    let query = sqlx::query("select * from kept_mailbox where alliance = ? and ended is not null order by id desc");
    query.bind(alliance).fetch_all(connection).await?.iter().map(convert).collect()
}

/// A mailbox and the later branches of its epoch, as far as anything of them was read.
pub(crate) async fn from(
    connection: &mut SqliteConnection,
    alliance: i64,
    (epoch, branch): (u64, Branch),
) -> Result<Vec<KeptMailbox>, ClientError> {
    let query =
        sqlx::query("select * from kept_mailbox where alliance = ? and epoch = ? and branch >= ? order by branch");
    let query = query.bind(alliance).bind(epoch.cast_signed()).bind(i64::from(branch.0));
    query.fetch_all(connection).await?.iter().map(convert).collect()
}

pub(crate) async fn add_frame(
    connection: &mut SqliteConnection,
    mailbox: i64,
    frame: &KeptFrame,
    digest: &FrameDigest,
) -> Result<(), ClientError> {
    sqlx::query(
        "insert into kept_frame (mailbox, digest, sequence, closing, frame, met) values (?, ?, ?, ?, ?, 1)
         on conflict do update set sequence = excluded.sequence, met = 1",
    )
    .bind(mailbox)
    .bind(&digest.as_bytes()[..])
    .bind(frame.sequence.0.cast_signed())
    .bind(frame.closing)
    .bind(&frame.octets)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn known(
    connection: &mut SqliteConnection,
    mailbox: i64,
    digest: &FrameDigest,
) -> Result<Option<Known>, ClientError> {
    let query = sqlx::query("select sequence, met from kept_frame where mailbox = ? and digest = ?");
    let row = query.bind(mailbox).bind(&digest.as_bytes()[..]).fetch_optional(connection).await?;
    Ok(row.map(|row| Known { sequence: Sequence(row.get::<i64, _>("sequence").cast_unsigned()), met: row.get("met") }))
}

/// A known frame was met again, at this place.
pub(crate) async fn meet(
    connection: &mut SqliteConnection,
    mailbox: i64,
    digest: &FrameDigest,
    sequence: Sequence,
) -> Result<(), ClientError> {
    sqlx::query("update kept_frame set sequence = ?, met = 1 where mailbox = ? and digest = ?")
        .bind(sequence.0.cast_signed())
        .bind(mailbox)
        .bind(&digest.as_bytes()[..])
        .execute(connection)
        .await?;
    Ok(())
}

/// The mailbox is read anew from its start: which of its frames are still there shows when they are met.
pub(crate) async fn begin_anew(connection: &mut SqliteConnection, mailbox: i64) -> Result<(), ClientError> {
    displace(connection, mailbox).await?;
    sqlx::query("update kept_mailbox set ended = null, receipt = null, taken_over = null where id = ?")
        .bind(mailbox)
        .execute(connection)
        .await?;
    Ok(())
}

/// None of a mailbox's frames is met yet. Goes together with [`super::history::displace`]. Those that were not met since
/// the last time go behind the others, or two of them would have one place.
pub(crate) async fn displace(connection: &mut SqliteConnection, mailbox: i64) -> Result<(), ClientError> {
    sqlx::query("update kept_frame set sequence = sequence + ? where mailbox = ? and met = 0")
        .bind(super::history::BEHIND)
        .bind(mailbox)
        .execute(&mut *connection)
        .await?;
    sqlx::query("update kept_frame set met = 0 where mailbox = ?").bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Frames in their order.
pub(crate) async fn frames(connection: &mut SqliteConnection, mailbox: i64) -> Result<Vec<KeptFrame>, ClientError> {
    let query = sqlx::query("select sequence, closing, frame from kept_frame where mailbox = ? order by sequence");
    let rows = query.bind(mailbox).fetch_all(connection).await?;
    let convert = |row: &SqliteRow| KeptFrame {
        sequence: Sequence(row.get::<i64, _>("sequence").cast_unsigned()),
        closing: row.get("closing"),
        octets: row.get("frame"),
    };
    Ok(rows.iter().map(convert).collect())
}

/// The last frame of a mailbox.
pub(crate) async fn last_frame(
    connection: &mut SqliteConnection,
    mailbox: i64,
) -> Result<Option<Vec<u8>>, ClientError> {
    let query = sqlx::query_scalar("select frame from kept_frame where mailbox = ? order by sequence desc limit 1");
    Ok(query.bind(mailbox).fetch_optional(connection).await?)
}

/// The frame with this digest.
pub(crate) async fn frame(
    connection: &mut SqliteConnection,
    mailbox: i64,
    digest: &FrameDigest,
) -> Result<Option<Vec<u8>>, ClientError> {
    let query = sqlx::query_scalar("select frame from kept_frame where mailbox = ? and digest = ?");
    Ok(query.bind(mailbox).bind(&digest.as_bytes()[..]).fetch_optional(connection).await?)
}

/// Forgets frames that were displaced in a mailbox.
pub(crate) async fn drop_displaced(connection: &mut SqliteConnection, mailbox: i64) -> Result<(), ClientError> {
    sqlx::query("delete from kept_frame where mailbox = ? and met = 0").bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Notes how a mailbox ended, and forgets frames that were displaced in it.
pub(crate) async fn end(connection: &mut SqliteConnection, mailbox: i64, ended: Ended) -> Result<(), ClientError> {
    drop_displaced(connection, mailbox).await?;
    let query = sqlx::query("update kept_mailbox set ended = ? where id = ?");
    query.bind(ended.as_str()).bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Notes the commit that was followed out of a mailbox, as others showed it.
pub(crate) async fn set_taken_over(
    connection: &mut SqliteConnection,
    mailbox: i64,
    rival: &[u8],
) -> Result<(), ClientError> {
    end(connection, mailbox, Ended::Branch).await?;
    let query = sqlx::query("update kept_mailbox set taken_over = ? where id = ?");
    query.bind(rival).bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Notes the relay's word on a mailbox's end.
pub(crate) async fn set_receipt(
    connection: &mut SqliteConnection,
    mailbox: i64,
    receipt: &Receipt,
) -> Result<(), ClientError> {
    let text = serde_json::to_string(receipt).map_err(|error| ClientError::Store(error.to_string()))?;
    let query = sqlx::query("update kept_mailbox set receipt = ? where id = ?");
    query.bind(text).bind(mailbox).execute(connection).await?;
    Ok(())
}

/// The relay's word on a mailbox's end.
pub(crate) async fn receipt(connection: &mut SqliteConnection, mailbox: i64) -> Result<Option<Receipt>, ClientError> {
    let query = sqlx::query_scalar("select receipt from kept_mailbox where id = ?");
    let text: Option<String> = query.bind(mailbox).fetch_one(connection).await?;
    let parse = |text: String| serde_json::from_str(&text).map_err(|_| corrupt("kept_mailbox", "receipt", mailbox));
    text.map(parse).transpose()
}

/// Notes the end that the relay shows instead. Whether that is news.
pub(crate) async fn note_rival(
    connection: &mut SqliteConnection,
    mailbox: i64,
    closing: &FrameDigest,
) -> Result<bool, ClientError> {
    let query = sqlx::query("insert into told_rival (mailbox, digest) values (?, ?) on conflict do nothing");
    let done = query.bind(mailbox).bind(&closing.as_bytes()[..]).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// The relay has a mailbox up to this day at least, by its own word.
pub(crate) async fn set_certain(connection: &mut SqliteConnection, mailbox: i64, day: u32) -> Result<(), ClientError> {
    let query =
        sqlx::query("update kept_mailbox set expires = max(expires, ?1), certain = max(certain, ?1) where id = ?2");
    query.bind(i64::from(day)).bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Notes that a past mailbox was looked at.
pub(crate) async fn set_looked(connection: &mut SqliteConnection, mailbox: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update kept_mailbox set looked = ? where id = ?");
    query.bind(now.cast_signed()).bind(mailbox).execute(connection).await?;
    Ok(())
}

/// Forgets what the relay no longer has either, by its last word on that.
pub(crate) async fn forget_expired(
    connection: &mut SqliteConnection,
    alliance: i64,
    today: u32,
) -> Result<(), ClientError> {
    sqlx::query("delete from kept_mailbox where alliance = ? and ended is not null and expires < ?")
        .bind(alliance)
        .bind(i64::from(today))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "delete from watched_branch where alliance = ?1
         and epoch not in (select epoch from kept_mailbox where alliance = ?1)",
    )
    .bind(alliance)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets everything: what was kept belongs to keys that led nowhere.
pub(crate) async fn forget(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    for statement in [
        "delete from kept_mailbox where alliance = ?",
        "delete from watched_branch where alliance = ?",
        "delete from report where alliance = ?",
    ] {
        sqlx::query(statement).bind(alliance).execute(&mut *connection).await?;
    }
    Ok(())
}

fn convert(row: &SqliteRow) -> Result<KeptMailbox, ClientError> {
    let id = row.get("id");
    let key = |column| -> Result<[u8; 32], ClientError> {
        row.get::<Vec<u8>, _>(column).try_into().map_err(|_| corrupt("kept_mailbox", column, id))
    };
    let ended = match row.get::<Option<&str>, _>("ended") {
        None => None,
        Some("commit") => Some(Ended::Commit),
        Some("branch") => Some(Ended::Branch),
        Some(_) => return Err(corrupt("kept_mailbox", "ended", id)),
    };
    let branch = Branch(u8::try_from(row.get::<i64, _>("branch")).map_err(|_| corrupt("kept_mailbox", "branch", id))?);
    Ok(KeptMailbox {
        id,
        epoch: row.get::<i64, _>("epoch").cast_unsigned(),
        keys: EpochKeys::kept(&key("mailbox_seed")?, &key("frame_key")?, branch),
        roster: Roster::decode(row.get("roster")).map_err(|_| corrupt("kept_mailbox", "roster", id))?,
        ended,
        taken_over: row.get("taken_over"),
        certain: u32::try_from(row.get::<i64, _>("certain")).map_err(|_| corrupt("kept_mailbox", "certain", id))?,
        looked: row.get::<i64, _>("looked").cast_unsigned(),
    })
}
