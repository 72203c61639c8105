//! Appending: load what the batch touches, decide, write, commit.

use super::rows::{self, KnownRow};
use super::{Append, Appended, Days, Refused, StoreError, StoreResult};
use crate::store::placement::Placement;
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};
use std::collections::HashSet;
use twiza_protocol::{Limits, MailboxAddress};

pub(super) struct Batch {
    pub(super) results: Vec<Result<Appended, Refused>>,
    pub(super) relay_bytes: u64,
}

struct NewFrame<'a> {
    id: i64,
    appended: Appended,
    append: &'a Append,
}

pub(super) async fn append_batch(
    connection: &mut SqliteConnection,
    appends: &[Append],
    days: Days,
    limits: &Limits,
    relay_bytes: u64,
) -> StoreResult<Batch> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let mut placement = Placement::new(limits, relay_bytes);
    let aging = load(&mut transaction, appends, days, &mut placement).await?;

    let mut frames = Vec::new();
    let mut touched = HashSet::new();
    let mut results = Vec::with_capacity(appends.len());
    for append in appends {
        let placed = placement.place(append);
        if let Ok(placed) = &placed {
            if placed.appended.is_new {
                let id = rows::frame_id(placed.slot, placed.appended.head.sequence);
                frames.push(NewFrame { id, appended: placed.appended, append });
            }
            if placed.appended.is_new || aging.contains(&append.address) {
                touched.insert(append.address);
            }
        }
        results.push(placed.map(|placed| placed.appended));
    }
    let batch = Batch { results, relay_bytes: placement.relay_bytes() };
    if touched.is_empty() {
        transaction.rollback().await?;
        return Ok(batch);
    }
    let mailboxes: Vec<_> = placement
        .mailboxes()
        .filter(|(address, _)| touched.contains(*address))
        .map(|(address, mailbox)| (*address, *mailbox))
        .collect();
    let written = async {
        insert_frames(&mut transaction, &frames).await?;
        rows::save_mailboxes(&mut transaction, &mailboxes, days.expires).await?;
        Ok(transaction.commit().await?)
    }
    .await;
    match written {
        // Only an expiry day was to move: the repeat is answered all the same.
        Err(StoreError::Full) if frames.is_empty() => Ok(batch),
        Err(error) => Err(error),
        Ok(()) => Ok(batch),
    }
}

/// Loads mailboxes and known digests; gives the addresses whose expiry is to move.
async fn load(
    connection: &mut SqliteConnection,
    appends: &[Append],
    days: Days,
    placement: &mut Placement<'_>,
) -> StoreResult<HashSet<MailboxAddress>> {
    let addresses: HashSet<_> = appends.iter().map(|append| append.address).collect();
    let addresses: Vec<_> = addresses.into_iter().collect();
    let mut aging = HashSet::new();
    for row in rows::load_mailboxes(connection, &addresses).await? {
        if row.expires_day < i64::from(days.today.0) {
            continue;
        }
        let address = row.address()?;
        if row.expires_day < i64::from(days.expires.0) {
            aging.insert(address);
        }
        placement.add_mailbox(address, row.mailbox()?);
    }
    for row in load_known(connection, appends).await? {
        let (slot, digest, first) = row.known()?;
        placement.add_known(slot, digest, first);
    }
    Ok(aging)
}

/// The frames of the batch that are there already. Address and digest pairs travel as one value.
async fn load_known(connection: &mut SqliteConnection, appends: &[Append]) -> StoreResult<Vec<KnownRow>> {
    let pairs: Vec<u8> =
        appends.iter().flat_map(|append| [*append.address.as_bytes(), *append.digest.as_bytes()]).flatten().collect();
    let rows = sqlx::query_as(
        "with recursive item (place) as (select 0 union all select place + 1 from item where place + 1 < ?2)
         select distinct frame.id, frame.digest, frame.chain, frame.closing
         from item
         cross join mailbox on mailbox.address = substr(?1, 1 + 64 * place, 32)
         cross join frame on frame.slot = mailbox.slot and frame.digest = substr(?1, 33 + 64 * place, 32)
         where ?2 > 0",
    )
    .bind(pairs)
    .bind(rows::integer(appends.len() as u64))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn insert_frames(connection: &mut SqliteConnection, frames: &[NewFrame<'_>]) -> StoreResult<()> {
    for rows in rows::statements(frames) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into frame (id, digest, chain, closing, octets) ");
        query.push_values(rows, |mut row, frame| {
            row.push_bind(frame.id)
                .push_bind(frame.append.digest.as_bytes().to_vec())
                .push_bind(frame.appended.head.chain.as_bytes().to_vec())
                .push_bind(i64::from(frame.append.closing))
                .push_bind(frame.append.octets.to_vec());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
