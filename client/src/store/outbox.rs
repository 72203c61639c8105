//! The outbox: intents, and the frames that were sealed for them.

use crate::ClientError;
use crate::store::corrupt;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use twiza_crypto::Obstacle;
use twiza_protocol::{Frame, FrameDigest, MailboxKey};

/// What somebody wants. Stays the same through every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "snake_case")]
pub(crate) enum Want {
    /// Say something.
    Send { id: [u8; 16], sent: u64, text: String },
    /// Let people in: numbers of invitations.
    Add { invitations: Vec<i64> },
    /// Say something that is no text: the kind and octets of a message's body. What a client says by itself (`unasked`)
    /// is not said where somebody was faster.
    Say { id: [u8; 16], sent: u64, kind: u8, body: Vec<u8>, unasked: bool },
    /// Commit a motion that has its approvals: its number.
    Enact { motion: i64 },
    /// Set other rules, in their encoding.
    SetRules { rules: Vec<u8> },
    /// Show the relay another grant from the next epoch on, or none, in the place of the one with this digest.
    SetGrant { replaced: [u8; 32], grant: Option<String> },
    /// Remove somebody.
    Remove { identity: [u8; 32] },
    /// Give somebody another role.
    SetRole { identity: [u8; 32], role: u8 },
    /// New keys for oneself.
    Rotate { cause: RotateCause },
    /// Leave.
    Leave,
    /// Let people in again who ask with these signed requests.
    Readmit { requests: Vec<Vec<u8>> },
}

impl Want {
    /// The grant, or none, that it gives an alliance.
    fn grant(self) -> Option<Option<String>> {
        if let Self::SetGrant { grant, .. } = self { Some(grant) } else { None }
    }

    /// Whether it is something to say.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Say { .. })
    }

    /// Whether it takes a commit.
    pub(crate) fn is_commit(&self) -> bool {
        !matches!(self, Self::Send { .. } | Self::Say { .. } | Self::Leave)
    }
}

/// Why keys are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RotateCause {
    /// The user asked.
    User,
    /// One has just joined.
    Joined,
    /// The keys are old.
    Age,
    /// Somebody wants to leave, and a commit must carry it out.
    Departure,
    /// The mailbox is full: the next epoch has another.
    Full,
    /// One's recovery mailbox takes nothing any more: the new leaf names another.
    Recovery,
    /// Somebody claims that nobody organises the alliance, and one does.
    Objection,
}

/// How far an intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntentState {
    Queued,
    Sealed,
    Done,
    Failed,
}

#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: i64,
    pub(crate) want: Want,
    pub(crate) state: IntentState,
    pub(crate) failure: Option<Obstacle>,
}

impl Intent {
    /// Whether a commit is on its way. One that brings a grant may wait for an issuer for days, and what else has to be
    /// committed must not wait with it.
    pub(crate) fn commits_soon(&self) -> bool {
        let may_wait = matches!(self.want, Want::SetGrant { .. } | Want::Enact { .. });
        self.want.is_commit() && (!may_wait || self.state == IntentState::Sealed)
    }
}

/// A sealed frame that waits for the relay's receipt.
#[derive(Debug)]
pub(crate) struct Posting {
    pub(crate) id: i64,
    pub(crate) mailbox: MailboxKey,
    pub(crate) frame: Vec<u8>,
    pub(crate) closing: bool,
    pub(crate) acknowledged: bool,
}

pub(crate) async fn add_intent(
    connection: &mut SqliteConnection,
    alliance: i64,
    want: &Want,
) -> Result<i64, ClientError> {
    let body = serde_json::to_string(want).map_err(|error| ClientError::Store(error.to_string()))?;
    let query = sqlx::query("insert into intent (alliance, body) values (?, ?)").bind(alliance).bind(body);
    Ok(query.execute(connection).await?.last_insert_rowid())
}

/// Intents that are neither done nor failed, oldest first.
pub(crate) async fn open_intents(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<Intent>, ClientError> {
    let query = sqlx::query("select * from intent where alliance = ? and state in ('queued', 'sealed') order by id");
    query.bind(alliance).fetch_all(connection).await?.iter().map(convert).collect()
}

/// The grants, or none, that an alliance is to be given by wishes that wait: the latest first.
pub(crate) async fn wanted_grants(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Vec<Option<String>>, ClientError> {
    let open = open_intents(connection, alliance).await?.into_iter().rev();
    Ok(open.filter_map(|intent| intent.want.grant()).collect())
}

/// Whether a wish for a grant waits for a later one, which counts first.
pub(crate) async fn has_later_grant(
    connection: &mut SqliteConnection,
    alliance: i64,
    intent: &Intent,
) -> Result<bool, ClientError> {
    let gives_one = |intent: &Intent| matches!(intent.want, Want::SetGrant { .. });
    if !gives_one(intent) {
        return Ok(false);
    }
    let open = open_intents(connection, alliance).await?;
    Ok(open.iter().any(|later| later.id > intent.id && gives_one(later)))
}

/// The newest wish of one's own that gave an alliance this grant.
pub(crate) async fn gave_grant(
    connection: &mut SqliteConnection,
    alliance: i64,
    grant: Option<&str>,
) -> Result<Option<i64>, ClientError> {
    let query = sqlx::query(
        "select * from intent
         where alliance = ? and state = 'done' and json_extract(body, '$.want') = 'set_grant' order by id desc",
    );
    for row in query.bind(alliance).fetch_all(connection).await? {
        let Intent { id, want, .. } = convert(&row)?;
        if want.grant().is_some_and(|given| given.as_deref() == grant) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

pub(crate) async fn intent(connection: &mut SqliteConnection, id: i64) -> Result<Option<Intent>, ClientError> {
    let row = sqlx::query("select * from intent where id = ?").bind(id).fetch_optional(connection).await?;
    row.as_ref().map(convert).transpose()
}

fn convert(row: &sqlx::sqlite::SqliteRow) -> Result<Intent, ClientError> {
    let id: i64 = row.get("id");
    let state = match row.get::<String, _>("state").as_str() {
        "queued" => IntentState::Queued,
        "sealed" => IntentState::Sealed,
        "done" => IntentState::Done,
        "failed" => IntentState::Failed,
        _ => return Err(corrupt("intent", "state", id)),
    };
    let want = serde_json::from_str(row.get("body")).map_err(|_| corrupt("intent", "body", id))?;
    let failure: Option<&str> = row.get("failure");
    let failure = failure.map(|code| Obstacle::with_code(code).ok_or_else(|| corrupt("intent", "failure", id)));
    Ok(Intent { id, want, state, failure: failure.transpose()? })
}

/// Notes what was sealed for an intent.
pub(crate) async fn seal_intent(
    connection: &mut SqliteConnection,
    alliance: i64,
    intent: i64,
    mailbox: &MailboxKey,
    frames: &[Frame],
    closing: bool,
    welcome: Option<&[u8]>,
) -> Result<(), ClientError> {
    sqlx::query("update intent set state = 'sealed', welcome = ? where id = ?")
        .bind(welcome)
        .bind(intent)
        .execute(&mut *connection)
        .await?;
    add_postings(connection, alliance, Some(intent), mailbox, frames, closing).await
}

/// Queues frames for a mailbox; with `closing`, the last of them closes it.
pub(crate) async fn add_postings(
    connection: &mut SqliteConnection,
    alliance: i64,
    intent: Option<i64>,
    mailbox: &MailboxKey,
    frames: &[Frame],
    closing: bool,
) -> Result<(), ClientError> {
    for (index, frame) in frames.iter().enumerate() {
        sqlx::query(
            "insert into posting (alliance, intent, mailbox_seed, frame, digest, closing) values (?, ?, ?, ?, ?, ?)",
        )
        .bind(alliance)
        .bind(intent)
        .bind(&mailbox.expose_seed()[..])
        .bind(frame.as_bytes())
        .bind(&frame.digest().as_bytes()[..])
        .bind(closing && index + 1 == frames.len())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Frames of an intent without a receipt, oldest first.
pub(crate) async fn waiting(
    connection: &mut SqliteConnection,
    alliance: i64,
    intent: i64,
) -> Result<Vec<Posting>, ClientError> {
    let query = sqlx::query("select * from posting where alliance = ? and intent = ? and acknowledged = 0 order by id");
    query.bind(alliance).bind(intent).fetch_all(connection).await?.iter().map(posting).collect()
}

/// Frames that belong to no intent, but to a rendezvous: with a receipt or without, oldest first.
pub(crate) async fn of_no_intent(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Vec<Posting>, ClientError> {
    let query = sqlx::query("select * from posting where alliance = ? and intent is null order by id");
    query.bind(alliance).fetch_all(connection).await?.iter().map(posting).collect()
}

fn posting(row: &sqlx::sqlite::SqliteRow) -> Result<Posting, ClientError> {
    let id = row.get("id");
    let seed: [u8; 32] =
        row.get::<Vec<u8>, _>("mailbox_seed").try_into().map_err(|_| corrupt("posting", "mailbox_seed", id))?;
    Ok(Posting {
        id,
        mailbox: MailboxKey::from_seed(&seed),
        frame: row.get("frame"),
        closing: row.get("closing"),
        acknowledged: row.get("acknowledged"),
    })
}

/// Notes a receipt. The frame stays until it was read back.
pub(crate) async fn acknowledge(connection: &mut SqliteConnection, posting: &Posting) -> Result<(), ClientError> {
    let query = sqlx::query("update posting set acknowledged = 1 where id = ?");
    query.bind(posting.id).execute(connection).await?;
    Ok(())
}

/// A rendezvous is over: what was left there has no further use.
pub(crate) async fn forget_rendezvous(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    let query = sqlx::query("delete from posting where alliance = ? and intent is null");
    query.bind(alliance).execute(connection).await?;
    Ok(())
}

/// Frames of intents that have a receipt and were not read back yet.
pub(crate) async fn unread(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<i64>, ClientError> {
    let query = "select id from posting where alliance = ? and intent is not null and acknowledged = 1";
    Ok(sqlx::query_scalar(query).bind(alliance).fetch_all(connection).await?)
}

/// The relay has not kept what it gave a receipt for: it is sent again. Whether there was such a frame.
pub(crate) async fn take_receipts_back(connection: &mut SqliteConnection, frames: &[i64]) -> Result<bool, ClientError> {
    let mut found = 0;
    for id in frames {
        let query = sqlx::query("update posting set acknowledged = 0 where id = ? and acknowledged = 1").bind(id);
        found += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(found > 0)
}

/// Whether a commit is sealed and not decided yet. There is at most one: the group holds one pending commit.
pub(crate) async fn has_sealed_commit(connection: &mut SqliteConnection, alliance: i64) -> Result<bool, ClientError> {
    let open = open_intents(connection, alliance).await?;
    Ok(open.iter().any(|intent| intent.want.is_commit() && intent.state == IntentState::Sealed))
}

/// Drops a frame that no mailbox will take any more.
pub(crate) async fn drop_posting(connection: &mut SqliteConnection, id: i64) -> Result<(), ClientError> {
    sqlx::query("delete from posting where id = ?").bind(id).execute(connection).await?;
    Ok(())
}

/// Own frames are given up before they were read back; they may arrive all the same.
async fn give_up_frames(connection: &mut SqliteConnection, of: &str, id: i64) -> Result<(), ClientError> {
    for statement in [
        format!("insert into own_frame select alliance, digest from posting where {of} on conflict do nothing"),
        format!("delete from posting where {of}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether a frame is one's own of this epoch, given up before it was read back.
pub(crate) async fn is_given_up(
    connection: &mut SqliteConnection,
    alliance: i64,
    digest: &FrameDigest,
) -> Result<bool, ClientError> {
    let query = sqlx::query_scalar("select exists (select 1 from own_frame where alliance = ? and digest = ?)");
    Ok(query.bind(alliance).bind(&digest.as_bytes()[..]).fetch_one(connection).await?)
}

/// The epoch is over: what was given up in it can arrive nowhere any more.
pub(crate) async fn forget_given_up(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from own_frame where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}

/// The intent that a frame was sealed for, and whether the frame is the last of it. Once read back, it needs no receipt.
pub(crate) async fn take_frame(
    connection: &mut SqliteConnection,
    alliance: i64,
    digest: &FrameDigest,
) -> Result<Option<(i64, bool)>, ClientError> {
    let query = sqlx::query(
        "select id, intent, id = (select max(id) from posting as other where other.intent = posting.intent) as is_last
         from posting where alliance = ? and digest = ? and intent is not null",
    );
    let row = query.bind(alliance).bind(&digest.as_bytes()[..]).fetch_optional(&mut *connection).await?;
    let Some(row) = row else { return Ok(None) };
    drop_posting(connection, row.get("id")).await?;
    Ok(Some((row.get("intent"), row.get("is_last"))))
}

/// The Welcome that was made with an intent's commit.
pub(crate) async fn welcome(connection: &mut SqliteConnection, intent: i64) -> Result<Option<Vec<u8>>, ClientError> {
    Ok(sqlx::query_scalar("select welcome from intent where id = ?").bind(intent).fetch_one(connection).await?)
}

pub(crate) async fn finish(connection: &mut SqliteConnection, intent: i64) -> Result<(), ClientError> {
    sqlx::query("update intent set state = 'done', welcome = null where id = ?")
        .bind(intent)
        .execute(&mut *connection)
        .await?;
    give_up_frames(connection, "intent = ?", intent).await
}

/// It cannot be carried out, now or later.
pub(crate) async fn fail(connection: &mut SqliteConnection, intent: i64, why: Obstacle) -> Result<(), ClientError> {
    sqlx::query("update intent set state = 'failed', failure = ?, welcome = null where id = ?")
        .bind(why.code())
        .bind(intent)
        .execute(&mut *connection)
        .await?;
    give_up_frames(connection, "intent = ?", intent).await
}

/// What was sent cannot be read by anybody: it is sealed again.
pub(crate) async fn seal_again(connection: &mut SqliteConnection, intent: i64) -> Result<(), ClientError> {
    give_up_frames(connection, "intent = ?", intent).await?;
    let query = sqlx::query("update intent set state = 'queued', welcome = null where id = ?");
    query.bind(intent).execute(connection).await?;
    Ok(())
}

/// The mailbox ended before these were in it: they are sealed again for the next.
pub(crate) async fn requeue(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    give_up_frames(connection, "alliance = ? and intent is not null", alliance).await?;
    sqlx::query("update intent set state = 'queued', welcome = null where alliance = ? and state = 'sealed'")
        .bind(alliance)
        .execute(connection)
        .await?;
    Ok(())
}
