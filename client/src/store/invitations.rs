//! Invitations that this profile has given.

use crate::ClientError;
use crate::store::corrupt;
use serde::Serialize;
use sqlx::{Row, SqliteConnection};
use twiza_protocol::ExpiryDay;

/// How far an invitation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationStatus {
    /// Nobody has asked yet.
    Open,
    /// Somebody asks.
    Requested,
    /// Somebody was let in.
    Admitted,
    /// Somebody was turned away.
    Declined,
    /// Nobody asked in time.
    Expired,
}

impl InvitationStatus {
    const ALL: [Self; 5] = [Self::Open, Self::Requested, Self::Admitted, Self::Declined, Self::Expired];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Requested => "requested",
            Self::Admitted => "admitted",
            Self::Declined => "declined",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct InvitationRow {
    pub(crate) id: i64,
    pub(crate) alliance: i64,
    pub(crate) link: String,
    pub(crate) role: u8,
    pub(crate) expires: ExpiryDay,
    pub(crate) status: InvitationStatus,
    pub(crate) request: Option<Vec<u8>>,
}

pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    alliance: i64,
    link: &str,
    role: u8,
    expires: ExpiryDay,
) -> Result<i64, ClientError> {
    let done = sqlx::query("insert into invitation (alliance, link, role, expires) values (?, ?, ?, ?)")
        .bind(alliance)
        .bind(link)
        .bind(i64::from(role))
        .bind(i64::from(expires.0))
        .execute(connection)
        .await?;
    Ok(done.last_insert_rowid())
}

pub(crate) async fn of_alliance(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Vec<InvitationRow>, ClientError> {
    let query = sqlx::query("select * from invitation where alliance = ? order by id").bind(alliance);
    query.fetch_all(connection).await?.iter().map(convert).collect()
}

/// Whether this profile made an invitation.
pub(crate) async fn is_own(connection: &mut SqliteConnection, link: &str) -> Result<bool, ClientError> {
    let found = sqlx::query("select 1 from invitation where link = ?").bind(link).fetch_optional(connection).await?;
    Ok(found.is_some())
}

pub(crate) async fn get(connection: &mut SqliteConnection, id: i64) -> Result<Option<InvitationRow>, ClientError> {
    let row = sqlx::query("select * from invitation where id = ?").bind(id).fetch_optional(connection).await?;
    row.as_ref().map(convert).transpose()
}

pub(crate) async fn set_request(connection: &mut SqliteConnection, id: i64, request: &[u8]) -> Result<(), ClientError> {
    let query = sqlx::query("update invitation set status = 'requested', request = ? where id = ? and status = 'open'");
    query.bind(request).bind(id).execute(connection).await?;
    Ok(())
}

/// Notes the end of an invitation; its secret is forgotten.
pub(crate) async fn end(
    connection: &mut SqliteConnection,
    id: i64,
    status: InvitationStatus,
) -> Result<(), ClientError> {
    let query = sqlx::query("update invitation set status = ?, request = null, link = '' where id = ?");
    query.bind(status.as_str()).bind(id).execute(connection).await?;
    Ok(())
}

fn convert(row: &sqlx::sqlite::SqliteRow) -> Result<InvitationRow, ClientError> {
    let id: i64 = row.get("id");
    let status: String = row.get("status");
    Ok(InvitationRow {
        id,
        alliance: row.get("alliance"),
        link: row.get("link"),
        role: u8::try_from(row.get::<i64, _>("role")).map_err(|_| corrupt("invitation", "role", id))?,
        expires: ExpiryDay(
            u32::try_from(row.get::<i64, _>("expires")).map_err(|_| corrupt("invitation", "expires", id))?,
        ),
        status: InvitationStatus::ALL
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or_else(|| corrupt("invitation", "status", id))?,
        request: row.get("request"),
    })
}
