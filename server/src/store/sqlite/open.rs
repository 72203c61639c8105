//! Opening: new mailboxes get a slot, known ones a later expiry, expired ones start empty.

use super::rows;
use super::{Days, Head, Mailbox, Opening, StoreResult};
use sqlx::{Connection, SqliteConnection};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use twiza_protocol::{ExpiryDay, Limits, MailboxAddress, Sequence};

pub(super) struct Opened {
    pub(super) openings: Vec<Opening>,
    pub(super) bytes_deleted: u64,
}

pub(super) async fn open_batch(
    connection: &mut SqliteConnection,
    addresses: &[MailboxAddress],
    days: Days,
) -> StoreResult<Opened> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let mut known = HashMap::new();
    let mut bytes_deleted = 0;
    for row in rows::load_mailboxes(&mut transaction, addresses).await? {
        let mailbox = row.mailbox()?;
        if row.expires_day < i64::from(days.today.0) {
            delete(&mut transaction, mailbox.slot).await?;
            bytes_deleted += mailbox.frame_bytes;
        } else {
            known.insert(row.address()?, (mailbox, row.expires_day));
        }
    }
    let mut openings = Vec::with_capacity(addresses.len());
    let mut written = Vec::new();
    for address in addresses {
        let (is_new, (mailbox, expires_day)) = match known.entry(*address) {
            Entry::Occupied(entry) => (false, *entry.get()),
            Entry::Vacant(entry) => {
                let slot = free_slot(&mut transaction).await?;
                let mailbox = Mailbox { slot, head: Head::start(address), frame_bytes: 0 };
                (true, *entry.insert((mailbox, i64::from(days.expires.0))))
            }
        };
        if is_new || expires_day < i64::from(days.expires.0) {
            written.push((*address, mailbox));
        }
        let expires = ExpiryDay(u32::try_from(expires_day).unwrap_or(u32::MAX)).max(days.expires);
        openings.push(Opening { is_new, head: mailbox.head, expires });
    }
    rows::save_mailboxes(&mut transaction, &written, days.expires).await?;
    transaction.commit().await?;
    Ok(Opened { openings, bytes_deleted })
}

async fn delete(connection: &mut SqliteConnection, slot: i64) -> StoreResult<()> {
    let last = rows::frame_id(slot, Sequence(Limits::FRAMES_PER_MAILBOX_CEILING));
    sqlx::query("delete from frame where id between ? and ?")
        .bind(rows::frame_id(slot, Sequence::START))
        .bind(last)
        .execute(&mut *connection)
        .await?;
    sqlx::query("delete from mailbox where slot = ?").bind(slot).execute(connection).await?;
    Ok(())
}

/// A random slot that no mailbox has. One in 2^39 is taken per mailbox: the first draw is nearly always free.
async fn free_slot(connection: &mut SqliteConnection) -> StoreResult<i64> {
    loop {
        let slot = rows::random_slot()?;
        let taken: Option<i64> = sqlx::query_scalar("select slot from mailbox where slot = ?")
            .bind(slot)
            .fetch_optional(&mut *connection)
            .await?;
        if taken.is_none() {
            return Ok(slot);
        }
    }
}
