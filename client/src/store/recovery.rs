//! Coming back: one's own recovery mailboxes, what waits for those of others, and how far asking has come.

use crate::ClientError;
use crate::store::corrupt;
use sqlx::{Row, SqliteConnection};
use twiza_crypto::bearings::Bearings;
use twiza_crypto::identity::Identity;
use twiza_crypto::recovery::RecoveryKey;
use twiza_crypto::rejoin::RebootCall;
use twiza_crypto::{GroupState, StateChanges};
use twiza_protocol::{ExpiryDay, Frame, MailboxKey, Sequence};
use zeroize::Zeroizing;

/// One of one's own recovery mailboxes.
pub(crate) struct OwnMailbox {
    pub(crate) key: RecoveryKey,
    pub(crate) cursor: Sequence,
    /// Octets of frames up to there.
    pub(crate) octets: u64,
    pub(crate) spoiled: bool,
    /// Whether a leaf of one's own still names it.
    pub(crate) current: bool,
}

/// A lost place, and how far asking has come.
pub(crate) struct Rejoin {
    pub(crate) bearings: Bearings,
    pub(crate) call: Option<RebootCall>,
    pub(crate) rounds: u32,
    pub(crate) asked_at: u64,
    pub(crate) request: Option<Vec<u8>>,
    pub(crate) mailbox: Option<RecoveryKey>,
}

/// A frame that waits for a recovery mailbox of somebody else.
pub(crate) struct RecoveryPosting {
    pub(crate) id: i64,
    pub(crate) mailbox: MailboxKey,
    pub(crate) frame: Vec<u8>,
}

/// The last reboot of an alliance.
pub(crate) struct Reboot {
    pub(crate) generation: u32,
    pub(crate) caller: Identity,
    pub(crate) origin: Bearings,
    pub(crate) without: Vec<Identity>,
}

/// Notes which recovery mailbox one's leaf names now. Others were named before, and are read until `forgotten_before`.
pub(crate) async fn set_own_mailbox(
    connection: &mut SqliteConnection,
    alliance: i64,
    current: &RecoveryKey,
    today: ExpiryDay,
    keep_days: u32,
) -> Result<(), ClientError> {
    let key = Zeroizing::new(current.expose());
    sqlx::query(
        "insert into recovery_mailbox (alliance, key) values (?, ?) on conflict do update set retired_on = null",
    )
    .bind(alliance)
    .bind(&key[..])
    .execute(&mut *connection)
    .await?;
    retire_mailboxes(connection, alliance, Some(&key), today).await?;
    sqlx::query("delete from recovery_mailbox where alliance = ? and retired_on + ? < ?")
        .bind(alliance)
        .bind(i64::from(keep_days))
        .bind(i64::from(today.0))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that no leaf names these any more, except one.
async fn retire_mailboxes(
    connection: &mut SqliteConnection,
    alliance: i64,
    except: Option<&[u8]>,
    today: ExpiryDay,
) -> Result<(), ClientError> {
    sqlx::query(
        "update recovery_mailbox set retired_on = ? where alliance = ? and key is not ? and retired_on is null",
    )
    .bind(i64::from(today.0))
    .bind(alliance)
    .bind(except)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn own_mailboxes(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Vec<OwnMailbox>, ClientError> {
    let query = sqlx::query("select key, cursor, octets, spoiled, retired_on from recovery_mailbox where alliance = ?");
    let rows = query.bind(alliance).fetch_all(connection).await?;
    let convert = |row: &sqlx::sqlite::SqliteRow| {
        let key = Zeroizing::new(row.get::<Vec<u8>, _>("key"));
        Ok(OwnMailbox {
            key: RecoveryKey::from_bytes(&key)?,
            cursor: Sequence(row.get::<i64, _>("cursor").cast_unsigned()),
            octets: row.get::<i64, _>("octets").cast_unsigned(),
            spoiled: row.get("spoiled"),
            current: row.get::<Option<i64>, _>("retired_on").is_none(),
        })
    };
    rows.iter().map(convert).collect()
}

/// Moves on in one of one's own recovery mailboxes.
pub(crate) async fn set_cursor(
    connection: &mut SqliteConnection,
    alliance: i64,
    key: &RecoveryKey,
    (cursor, octets): (Sequence, u64),
    spoiled: bool,
) -> Result<(), ClientError> {
    let key = Zeroizing::new(key.expose());
    sqlx::query(
        "update recovery_mailbox set cursor = ?, octets = ?, spoiled = max(spoiled, ?) where alliance = ? and key = ?",
    )
    .bind(cursor.0.cast_signed())
    .bind(octets.cast_signed())
    .bind(spoiled)
    .bind(alliance)
    .bind(&key[..])
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes when one looked into one's own recovery mailboxes.
pub(crate) async fn set_read_at(connection: &mut SqliteConnection, alliance: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update alliance set recovery_read_at = ? where id = ?");
    query.bind(now.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// Another life in the alliance begins: its epochs have nothing to do with those of before.
pub(crate) async fn begin_life(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("update alliance set life = life + 1 where id = ?").bind(alliance).execute(connection).await?;
    Ok(())
}

/// Whether another row of this profile takes part in the same alliance.
pub(crate) async fn is_elsewhere(
    connection: &mut SqliteConnection,
    row: i64,
    alliance: &[u8; 32],
) -> Result<bool, ClientError> {
    let query = "select exists (select 1 from alliance where alliance_id = ? and status = 'active' and id != ?)";
    Ok(sqlx::query_scalar(query).bind(&alliance[..]).bind(row).fetch_one(connection).await?)
}

pub(crate) async fn add_postings(
    connection: &mut SqliteConnection,
    alliance: i64,
    mailbox: &MailboxKey,
    frames: &[Frame],
) -> Result<(), ClientError> {
    for frame in frames {
        sqlx::query("insert into recovery_posting (alliance, mailbox_seed, frame) values (?, ?, ?)")
            .bind(alliance)
            .bind(&mailbox.expose_seed()[..])
            .bind(frame.as_bytes())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(crate) async fn postings(
    connection: &mut SqliteConnection,
    alliance: i64,
) -> Result<Vec<RecoveryPosting>, ClientError> {
    let query = sqlx::query("select id, mailbox_seed, frame from recovery_posting where alliance = ? order by id");
    let rows = query.bind(alliance).fetch_all(connection).await?;
    let convert = |row: &sqlx::sqlite::SqliteRow| {
        let id = row.get("id");
        let seed: [u8; 32] = row
            .get::<Vec<u8>, _>("mailbox_seed")
            .try_into()
            .map_err(|_| corrupt("recovery_posting", "mailbox_seed", id))?;
        Ok(RecoveryPosting { id, mailbox: MailboxKey::from_seed(&seed), frame: row.get("frame") })
    };
    rows.iter().map(convert).collect()
}

pub(crate) async fn drop_posting(connection: &mut SqliteConnection, id: i64) -> Result<(), ClientError> {
    sqlx::query("delete from recovery_posting where id = ?").bind(id).execute(connection).await?;
    Ok(())
}

/// Forgets what waits: it belongs to a request that is not asked any more.
pub(crate) async fn drop_postings(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    sqlx::query("delete from recovery_posting where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}

/// A place is lost: asking begins anew, with these bearings.
pub(crate) async fn begin_rejoin(
    connection: &mut SqliteConnection,
    alliance: i64,
    bearings: &Bearings,
    call: Option<&[u8]>,
) -> Result<(), ClientError> {
    end_rejoin(connection, alliance).await?;
    sqlx::query("insert into rejoin (alliance, bearings, call) values (?, ?, ?)")
        .bind(alliance)
        .bind(bearings.encode()?)
        .bind(call)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nothing is asked any more.
pub(crate) async fn end_rejoin(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    drop_postings(connection, alliance).await?;
    sqlx::query("delete from rejoin_entry where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    sqlx::query("delete from rejoin where alliance = ?").bind(alliance).execute(connection).await?;
    Ok(())
}

pub(crate) async fn rejoin(connection: &mut SqliteConnection, alliance: i64) -> Result<Option<Rejoin>, ClientError> {
    let query = sqlx::query("select * from rejoin where alliance = ?").bind(alliance);
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let mailbox: Option<Vec<u8>> = row.get("mailbox");
    let call: Option<Vec<u8>> = row.get("call");
    Ok(Some(Rejoin {
        bearings: Bearings::decode(row.get("bearings"))?,
        call: call.map(|call| RebootCall::verify(&call)).transpose()?,
        rounds: row.get("rounds"),
        asked_at: row.get::<i64, _>("asked_at").cast_unsigned(),
        request: row.get("request"),
        mailbox: mailbox.map(|key| RecoveryKey::from_bytes(&Zeroizing::new(key))).transpose()?,
    }))
}

/// Another request, with private keys of its own, in place of the one before.
pub(crate) async fn set_request(
    connection: &mut SqliteConnection,
    alliance: i64,
    request: &[u8],
    mailbox: &RecoveryKey,
    keys: &StateChanges,
) -> Result<(), ClientError> {
    let key = Zeroizing::new(mailbox.expose());
    let query = sqlx::query("update rejoin set request = ?, mailbox = ? where alliance = ?");
    query.bind(request).bind(&key[..]).bind(alliance).execute(&mut *connection).await?;
    sqlx::query("delete from rejoin_entry where alliance = ?").bind(alliance).execute(&mut *connection).await?;
    for (key, value) in &keys.put {
        sqlx::query("insert into rejoin_entry (alliance, key, value) values (?, ?, ?)")
            .bind(alliance)
            .bind(key)
            .bind(value)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The private keys behind the request.
pub(crate) async fn request_keys(connection: &mut SqliteConnection, alliance: i64) -> Result<GroupState, ClientError> {
    let query = sqlx::query("select key, value from rejoin_entry where alliance = ?").bind(alliance);
    let rows = query.fetch_all(connection).await?;
    Ok(GroupState::from_entries(rows.iter().map(|row| (row.get("key"), row.get("value")))))
}

/// Notes that everybody was asked once more.
pub(crate) async fn set_asked(connection: &mut SqliteConnection, alliance: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update rejoin set rounds = rounds + 1, asked_at = ? where alliance = ?");
    query.bind(now.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// Notes a leaf that was let in again.
pub(crate) async fn spend_leaf(
    connection: &mut SqliteConnection,
    alliance: i64,
    leaf_key: &[u8],
    identity: &Identity,
    today: ExpiryDay,
) -> Result<(), ClientError> {
    sqlx::query(
        "insert into spent_leaf (alliance, leaf_key, identity, day) values (?, ?, ?, ?) on conflict do nothing",
    )
    .bind(alliance)
    .bind(leaf_key)
    .bind(&identity.as_bytes()[..])
    .bind(i64::from(today.0))
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a leaf was let in before.
pub(crate) async fn is_spent(
    connection: &mut SqliteConnection,
    alliance: i64,
    leaf_key: &[u8],
) -> Result<bool, ClientError> {
    let query = "select exists (select 1 from spent_leaf where alliance = ? and leaf_key = ?)";
    Ok(sqlx::query_scalar(query).bind(alliance).bind(leaf_key).fetch_one(connection).await?)
}

/// How often somebody was let in again on a day.
pub(crate) async fn returns_on(
    connection: &mut SqliteConnection,
    alliance: i64,
    identity: &Identity,
    day: ExpiryDay,
) -> Result<u32, ClientError> {
    let query = sqlx::query_scalar("select count(*) from spent_leaf where alliance = ? and identity = ? and day = ?");
    let query = query.bind(alliance).bind(&identity.as_bytes()[..]).bind(i64::from(day.0));
    Ok(query.fetch_one(connection).await?)
}

pub(crate) async fn set_reboot(
    connection: &mut SqliteConnection,
    alliance: i64,
    call: &RebootCall,
    origin: &Bearings,
) -> Result<(), ClientError> {
    let without: Vec<u8> = call.without.iter().flat_map(|identity| *identity.as_bytes()).collect();
    sqlx::query("insert or replace into reboot (alliance, generation, caller, origin, without) values (?, ?, ?, ?, ?)")
        .bind(alliance)
        .bind(call.generation)
        .bind(&call.caller.as_bytes()[..])
        .bind(origin.encode()?)
        .bind(without)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn reboot(connection: &mut SqliteConnection, alliance: i64) -> Result<Option<Reboot>, ClientError> {
    let query = sqlx::query("select * from reboot where alliance = ?").bind(alliance);
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let caller: Vec<u8> = row.get("caller");
    let caller = caller.try_into().map_err(|_| corrupt("reboot", "caller", alliance))?;
    let without: Vec<u8> = row.get("without");
    let (without, _) = without.as_chunks::<32>();
    Ok(Some(Reboot {
        generation: row.get("generation"),
        caller: Identity::from_bytes(caller),
        origin: Bearings::decode(row.get("origin"))?,
        without: without.iter().copied().map(Identity::from_bytes).collect(),
    }))
}

/// Notes that everybody was called once more.
pub(crate) async fn set_called(connection: &mut SqliteConnection, alliance: i64, now: u64) -> Result<(), ClientError> {
    let query = sqlx::query("update reboot set rounds = rounds + 1, called_at = ? where alliance = ?");
    query.bind(now.cast_signed()).bind(alliance).execute(connection).await?;
    Ok(())
}

/// Notes whose invalid commit has spoiled a branch.
pub(crate) async fn note_culprit(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
    identity: &Identity,
) -> Result<(), ClientError> {
    sqlx::query("insert into culprit (alliance, epoch, identity) values (?, ?, ?) on conflict do nothing")
        .bind(alliance)
        .bind(epoch.cast_signed())
        .bind(&identity.as_bytes()[..])
        .execute(connection)
        .await?;
    Ok(())
}

/// Whose invalid commits have spoiled branches of an epoch.
pub(crate) async fn culprits(
    connection: &mut SqliteConnection,
    alliance: i64,
    epoch: u64,
) -> Result<Vec<Identity>, ClientError> {
    let query = sqlx::query_scalar("select identity from culprit where alliance = ? and epoch = ?");
    let found: Vec<Vec<u8>> = query.bind(alliance).bind(epoch.cast_signed()).fetch_all(connection).await?;
    let convert = |octets: Vec<u8>| octets.try_into().map_err(|_| corrupt("culprit", "identity", alliance));
    found.into_iter().map(|octets| convert(octets).map(Identity::from_bytes)).collect()
}

/// When those who are awaited were called last, in seconds since the Unix epoch, unless that was often enough.
pub(crate) async fn last_call(
    connection: &mut SqliteConnection,
    alliance: i64,
    rounds_max: u32,
) -> Result<Option<u64>, ClientError> {
    let query = sqlx::query_scalar("select called_at from reboot where alliance = ? and rounds < ?");
    let called: Option<i64> = query.bind(alliance).bind(rounds_max).fetch_optional(connection).await?;
    Ok(called.map(i64::cast_unsigned))
}

/// Asking begins anew, with fresh keys.
pub(crate) async fn ask_anew(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    let query = sqlx::query("update rejoin set rounds = 0, asked_at = 0 where alliance = ?").bind(alliance);
    query.execute(connection).await?;
    Ok(())
}

/// Puts the private keys behind the request in the place of the group's state.
pub(crate) async fn take_request_keys(connection: &mut SqliteConnection, alliance: i64) -> Result<(), ClientError> {
    let copy = "insert into group_entry select alliance, key, value from rejoin_entry where alliance = ?";
    sqlx::query(copy).bind(alliance).execute(connection).await?;
    Ok(())
}
