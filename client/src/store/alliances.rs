//! Alliances: where each stands, and how far it was read.

use crate::ClientError;
use crate::store::corrupt;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::fmt;
use twiza_crypto::alliance::AllianceId;
use twiza_crypto::epoch::Branch;
use twiza_protocol::{Chain, RelayAddress, Sequence};

/// Whether one takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked to join, and waits for the answer.
    Joining,
    /// A member.
    Active,
    /// Left on one's own wish.
    Left,
    /// Removed by an organiser.
    Removed,
    /// The wish to join was declined.
    Declined,
    /// Somebody else used the invitation first.
    Used,
    /// Invalid commits on every branch: the alliance must be founded anew.
    Stuck,
    /// A member whose keys do not lead to where the others are: asks them for new ones.
    Lost,
}

impl Status {
    const ALL: [Self; 8] =
        [Self::Joining, Self::Active, Self::Left, Self::Removed, Self::Declined, Self::Used, Self::Stuck, Self::Lost];

    /// Whether it is over for this profile: nothing comes any more, and nothing is to be done.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Left | Self::Removed | Self::Declined | Self::Used)
    }

    /// The status as it is stored and shown to scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Active => "active",
            Self::Left => "left",
            Self::Removed => "removed",
            Self::Declined => "declined",
            Self::Used => "used",
            Self::Stuck => "stuck",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One alliance of a profile.
#[derive(Debug, Clone)]
pub(crate) struct AllianceRow {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    pub(crate) status: Status,
    pub(crate) relay: RelayAddress,
    pub(crate) place: Place,
    /// Another random number after every change: one that is rolled back does not come again.
    pub(crate) version: i64,
    pub(crate) rotated_at: u64,
    /// When past mailboxes were last looked at; 0 asks for a look at all of them.
    pub(crate) looked_back: u64,
    /// When somebody's other view of the past last asked for that.
    pub(crate) doubted_at: u64,
    /// When one last looked into one's own recovery mailboxes.
    pub(crate) recovery_read_at: u64,
    pub(crate) opened_on: u32,
    pub(crate) seen: bool,
    pub(crate) invitation: Option<String>,
}

/// How far one has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) epoch: u64,
    pub(crate) branch: Branch,
    pub(crate) cursor: Sequence,
    pub(crate) chain: Option<Chain>,
}

impl Place {
    /// Before everything.
    pub(crate) const START: Self = Self { epoch: 0, branch: Branch(0), cursor: Sequence::START, chain: None };
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    status: Status,
    relay: &RelayAddress,
    invitation: Option<&str>,
) -> Result<i64, ClientError> {
    let done = sqlx::query("insert into alliance (status, relay, invitation) values (?, ?, ?)")
        .bind(status.as_str())
        .bind(relay.to_string())
        .bind(invitation)
        .execute(connection)
        .await?;
    Ok(done.last_insert_rowid())
}

pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<AllianceRow>, ClientError> {
    let rows = sqlx::query("select * from alliance where forgotten = 0 order by id").fetch_all(connection).await?;
    rows.iter().map(convert).collect()
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: i64) -> Result<AllianceRow, ClientError> {
    let row = sqlx::query("select * from alliance where id = ? and forgotten = 0")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    convert(&row.ok_or_else(|| ClientError::UnknownAlliance(id.to_string()))?)
}

/// Erases everything of an alliance but its number.
pub(crate) async fn forget(connection: &mut SqliteConnection, id: i64) -> Result<(), ClientError> {
    // What belongs to it goes with it, in every table.
    sqlx::query("delete from alliance where id = ?").bind(id).execute(&mut *connection).await?;
    sqlx::query("insert into alliance (id, status, relay, forgotten) values (?, 'left', '', 1)")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// The row of the alliance with this identifier that one takes part in.
pub(crate) async fn alive(
    connection: &mut SqliteConnection,
    alliance: &AllianceId,
) -> Result<Option<i64>, ClientError> {
    let query = sqlx::query_scalar("select id from alliance where alliance_id = ? and status = 'active'");
    Ok(query.bind(&alliance.as_bytes()[..]).fetch_optional(connection).await?)
}

/// Notes that a group was entered or founded.
pub(crate) async fn set_active(
    connection: &mut SqliteConnection,
    id: i64,
    alliance: &AllianceId,
    name: &str,
) -> Result<(), ClientError> {
    sqlx::query(
        "update alliance set alliance_id = ?, name = ?, status = 'active', invitation = null, version = random() where id = ?",
    )
    .bind(&alliance.as_bytes()[..])
    .bind(name)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn set_status(connection: &mut SqliteConnection, id: i64, status: Status) -> Result<(), ClientError> {
    sqlx::query("update alliance set status = ?, invitation = null, version = random() where id = ?")
        .bind(status.as_str())
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves on. Goes together with everything that was read up to there.
pub(crate) async fn set_place(connection: &mut SqliteConnection, id: i64, place: &Place) -> Result<(), ClientError> {
    sqlx::query("update alliance set epoch = ?, branch = ?, cursor = ?, chain = ?, version = random() where id = ?")
        .bind(place.epoch.cast_signed())
        .bind(i64::from(place.branch.0))
        .bind(place.cursor.0.cast_signed())
        .bind(place.chain.as_ref().map(|chain| &chain.as_bytes()[..]))
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks the group in memory of every process as stale.
pub(super) async fn touch(connection: &mut SqliteConnection, id: i64) -> Result<(), ClientError> {
    sqlx::query("update alliance set version = random() where id = ?").bind(id).execute(connection).await?;
    Ok(())
}

pub(crate) async fn set_rotated(connection: &mut SqliteConnection, id: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set rotated_at = ? where id = ?");
    query.bind(now.cast_signed()).bind(id).execute(connection).await?;
    Ok(())
}

/// Moves to another mailbox, which nobody may have opened yet.
pub(crate) async fn enter_mailbox(
    connection: &mut SqliteConnection,
    id: i64,
    place: &Place,
) -> Result<(), ClientError> {
    set_place(connection, id, place).await?;
    sqlx::query("update alliance set opened_on = 0, seen = 0 where id = ?").bind(id).execute(connection).await?;
    Ok(())
}

/// Notes that the relay has the present mailbox.
pub(crate) async fn set_seen(connection: &mut SqliteConnection, id: i64) -> Result<(), ClientError> {
    sqlx::query("update alliance set seen = 1 where id = ?").bind(id).execute(connection).await?;
    Ok(())
}

pub(crate) async fn set_opened(connection: &mut SqliteConnection, id: i64, day: u32) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set opened_on = ? where id = ?");
    query.bind(i64::from(day)).bind(id).execute(connection).await?;
    Ok(())
}

fn convert(row: &SqliteRow) -> Result<AllianceRow, ClientError> {
    let id: i64 = row.get("id");
    let status: String = row.get("status");
    let chain: Option<Vec<u8>> = row.get("chain");
    let chain = chain.map(|octets| octets.try_into().map_err(|_| corrupt("alliance", "chain", id))).transpose()?;
    Ok(AllianceRow {
        id,
        name: row.get("name"),
        status: Status::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or_else(|| corrupt("alliance", "status", id))?,
        relay: row.get::<String, _>("relay").parse().map_err(|_| corrupt("alliance", "relay", id))?,
        place: Place {
            epoch: row.get::<i64, _>("epoch").cast_unsigned(),
            branch: Branch(u8::try_from(row.get::<i64, _>("branch")).map_err(|_| corrupt("alliance", "branch", id))?),
            cursor: Sequence(row.get::<i64, _>("cursor").cast_unsigned()),
            chain: chain.map(Chain::from_bytes),
        },
        version: row.get("version"),
        rotated_at: row.get::<i64, _>("rotated_at").cast_unsigned(),
        looked_back: row.get::<i64, _>("looked_back").cast_unsigned(),
        doubted_at: row.get::<i64, _>("doubted_at").cast_unsigned(),
        recovery_read_at: row.get::<i64, _>("recovery_read_at").cast_unsigned(),
        opened_on: u32::try_from(row.get::<i64, _>("opened_on")).map_err(|_| corrupt("alliance", "opened_on", id))?,
        seen: row.get("seen"),
        invitation: row.get("invitation"),
    })
}
