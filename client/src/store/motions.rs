//! Motions and their approvals, and what succession needs to know.

use crate::ClientError;
use crate::store::corrupt;
use crate::store::history::ShownPerson;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::credential::Person;
use twiza_crypto::identity::Identity;
use twiza_crypto::motion::{Action, Approval, Motion, MotionId};

/// Open motions of one member in one alliance; further ones are not kept, so that nobody fills others' disks.
const OPEN_OF_ONE_MAX: i64 = 100;

/// What became of a motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionState {
    /// It can be approved and enacted.
    Open,
    /// Its proposer has taken it back.
    Withdrawn,
    /// It was enacted.
    Enacted,
    /// What it asks for is done already, or cannot be done any more.
    Void,
}

impl MotionState {
    const ALL: [Self; 4] = [Self::Open, Self::Withdrawn, Self::Enacted, Self::Void];

    /// The state as it is stored and shown to scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Withdrawn => "withdrawn",
            Self::Enacted => "enacted",
            Self::Void => "void",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct MotionRow {
    pub(crate) id: i64,
    pub(crate) motion: Motion,
    pub(crate) proposer: Identity,
    pub(crate) shown_proposer: ShownPerson,
    pub(crate) state: MotionState,
}

/// Keeps a motion that was read, once. `None` where it is known, or its proposer has too many open.
pub(crate) async fn add(
    connection: &mut SqliteConnection,
    alliance: i64,
    motion: &Motion,
    proposer: &Person,
) -> Result<Option<i64>, ClientError> {
    let count =
        sqlx::query_scalar("select count(*) from motion where alliance = ? and proposer = ? and state = 'open'");
    let open: i64 = count.bind(alliance).bind(&proposer.identity.as_bytes()[..]).fetch_one(&mut *connection).await?;
    if open >= OPEN_OF_ONE_MAX {
        return Ok(None);
    }
    let added = sqlx::query(
        "insert into motion (alliance, motion_id, motion, proposer, proposer_name, proposer_organisation)
         values (?, ?, ?, ?, ?, ?) on conflict do nothing",
    )
    .bind(alliance)
    .bind(&motion.id.as_bytes()[..])
    .bind(motion.encode()?)
    .bind(&proposer.identity.as_bytes()[..])
    .bind(proposer.name.as_str())
    .bind(proposer.organisation.as_str())
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 0 { Ok(None) } else { super::last_row(connection).await.map(Some) }
}

pub(crate) async fn all(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<MotionRow>, ClientError> {
    let query = sqlx::query("select * from motion where alliance = ? order by id");
    query.bind(alliance).fetch_all(connection).await?.iter().map(convert).collect()
}

pub(crate) async fn open(connection: &mut SqliteConnection, alliance: i64) -> Result<Vec<MotionRow>, ClientError> {
    let query = sqlx::query("select * from motion where alliance = ? and state = 'open' order by id");
    query.bind(alliance).fetch_all(connection).await?.iter().map(convert).collect()
}

/// Whether somebody has asked for this already.
pub(crate) async fn is_open(
    connection: &mut SqliteConnection,
    alliance: i64,
    action: &Action,
) -> Result<bool, ClientError> {
    Ok(open(connection, alliance).await?.iter().any(|row| row.motion.action == *action))
}

pub(crate) async fn get(
    connection: &mut SqliteConnection,
    alliance: i64,
    id: i64,
) -> Result<Option<MotionRow>, ClientError> {
    let query = sqlx::query("select * from motion where alliance = ? and id = ?").bind(alliance).bind(id);
    query.fetch_optional(connection).await?.as_ref().map(convert).transpose()
}

pub(crate) async fn find(
    connection: &mut SqliteConnection,
    alliance: i64,
    id: &MotionId,
) -> Result<Option<MotionRow>, ClientError> {
    let query = sqlx::query("select * from motion where alliance = ? and motion_id = ?").bind(alliance);
    query.bind(&id.as_bytes()[..]).fetch_optional(connection).await?.as_ref().map(convert).transpose()
}

pub(crate) async fn set_state(
    connection: &mut SqliteConnection,
    id: i64,
    state: MotionState,
) -> Result<(), ClientError> {
    let query = sqlx::query("update motion set state = ? where id = ?").bind(state.as_str()).bind(id);
    query.execute(connection).await?;
    Ok(())
}

/// Keeps an approval that was verified. Whether it is new.
pub(crate) async fn approve(
    connection: &mut SqliteConnection,
    motion: i64,
    approval: &Approval,
) -> Result<bool, ClientError> {
    let query =
        sqlx::query("insert into approval (motion, identity, signature) values (?, ?, ?) on conflict do nothing");
    let query = query.bind(motion).bind(&approval.by.as_bytes()[..]).bind(&approval.signature[..]);
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

/// Whether there was such an approval.
pub(crate) async fn take_back(
    connection: &mut SqliteConnection,
    motion: i64,
    by: &Identity,
) -> Result<bool, ClientError> {
    let query = sqlx::query("delete from approval where motion = ? and identity = ?");
    Ok(query.bind(motion).bind(&by.as_bytes()[..]).execute(connection).await?.rows_affected() > 0)
}

/// Keeps an approval of a motion that was not read yet; those before a day are forgotten.
pub(crate) async fn approve_early(
    connection: &mut SqliteConnection,
    alliance: i64,
    motion: &MotionId,
    approval: &Approval,
    (today, forget_before): (u32, u32),
) -> Result<(), ClientError> {
    let query = sqlx::query("delete from early_approval where alliance = ? and day < ?").bind(alliance);
    query.bind(i64::from(forget_before)).execute(&mut *connection).await?;
    sqlx::query(
        "insert into early_approval (alliance, motion_id, identity, signature, day) select ?1, ?2, ?3, ?4, ?5
         where (select count(*) from early_approval where alliance = ?1 and identity = ?3) < ?6 on conflict do nothing",
    )
    .bind(alliance)
    .bind(&motion.as_bytes()[..])
    .bind(&approval.by.as_bytes()[..])
    .bind(&approval.signature[..])
    .bind(i64::from(today))
    .bind(OPEN_OF_ONE_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes out the approvals of a motion that were read before it: all, or one member's.
pub(crate) async fn take_early(
    connection: &mut SqliteConnection,
    alliance: i64,
    motion: &MotionId,
    of: Option<&Identity>,
) -> Result<Vec<Approval>, ClientError> {
    let query = sqlx::query(
        "delete from early_approval where alliance = ?1 and motion_id = ?2 and identity = coalesce(?3, identity)
         returning identity, signature",
    );
    let query = query.bind(alliance).bind(&motion.as_bytes()[..]).bind(of.map(|identity| identity.as_bytes().to_vec()));
    let mut found: Vec<Approval> =
        query.fetch_all(connection).await?.iter().map(|row| approval(row, alliance)).collect::<Result<_, _>>()?;
    found.sort_by_key(|approval| approval.by);
    Ok(found)
}

fn approval(row: &SqliteRow, of: i64) -> Result<Approval, ClientError> {
    let by = row.get::<Vec<u8>, _>("identity").try_into().map_err(|_| corrupt("approval", "identity", of))?;
    let signature = row.get::<Vec<u8>, _>("signature");
    let signature = signature.try_into().map_err(|_| corrupt("approval", "signature", of))?;
    Ok(Approval { by: Identity::from_bytes(by), signature })
}

pub(crate) async fn approvals(connection: &mut SqliteConnection, motion: i64) -> Result<Vec<Approval>, ClientError> {
    let query = sqlx::query("select identity, signature from approval where motion = ? order by identity");
    query.bind(motion).fetch_all(connection).await?.iter().map(|row| approval(row, motion)).collect()
}

fn convert(row: &SqliteRow) -> Result<MotionRow, ClientError> {
    let id: i64 = row.get("id");
    let state: String = row.get("state");
    let state = MotionState::ALL.into_iter().find(|known| known.as_str() == state);
    let proposer: Vec<u8> = row.get("proposer");
    let motion: Vec<u8> = row.get("motion");
    Ok(MotionRow {
        id,
        motion: Motion::decode(&motion).map_err(|_| corrupt("motion", "motion", id))?,
        proposer: Identity::from_bytes(proposer.try_into().map_err(|_| corrupt("motion", "proposer", id))?),
        shown_proposer: ShownPerson { name: row.get("proposer_name"), organisation: row.get("proposer_organisation") },
        state: state.ok_or_else(|| corrupt("motion", "state", id))?,
    })
}

/// The days that succession counts from, by this client's own clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SuccessionRow {
    /// When anything of an organiser was last read.
    pub(crate) heard_on: u32,
    /// When the claim that stands was first seen.
    pub(crate) claimed_on: u32,
    /// Which claim that is.
    pub(crate) claim: Option<MotionId>,
}

/// Notes that an organiser was heard of today.
pub(crate) async fn heard(connection: &mut SqliteConnection, alliance: i64, today: u32) -> Result<(), ClientError> {
    let query = sqlx::query(
        "insert into succession (alliance, heard_on) values (?1, ?2)
         on conflict do update set heard_on = max(heard_on, ?2)",
    );
    query.bind(alliance).bind(i64::from(today)).execute(connection).await?;
    Ok(())
}

/// Notes which claim stands since today, if it is another than before.
pub(crate) async fn note_claim(
    connection: &mut SqliteConnection,
    alliance: i64,
    claim: Option<MotionId>,
    today: u32,
) -> Result<(), ClientError> {
    let query = sqlx::query("update succession set claimed_on = ?, claim = ? where alliance = ? and claim is not ?");
    let octets = claim.map(|claim| claim.as_bytes().to_vec());
    query.bind(i64::from(today)).bind(&octets).bind(alliance).bind(&octets).execute(connection).await?;
    Ok(())
}

pub(crate) async fn succession(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Option<SuccessionRow>, ClientError> {
    let row = sqlx::query("select * from succession where alliance = ?").bind(alliance);
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let day = |column| u32::try_from(row.get::<i64, _>(column)).map_err(|_| corrupt("succession", column, alliance));
    let claim: Option<Vec<u8>> = row.get("claim");
    let claim = claim.map(|octets| octets.try_into().map(MotionId::from_bytes)).transpose();
    Ok(Some(SuccessionRow {
        heard_on: day("heard_on")?,
        claimed_on: day("claimed_on")?,
        claim: claim.map_err(|_: Vec<u8>| corrupt("succession", "claim", alliance))?,
    }))
}
