//! Opening: new mailboxes get a slot, known ones a later expiry, expired ones start empty.

use super::hot::{Hot, HotMailbox};
use super::rows;
use super::{Days, Head, Opening, Quotas, Refused, StoreResult, Totals};
use rusqlite::{Connection, TransactionBehavior};
use twiza_protocol::MailboxAddress;

pub(super) struct Opened {
    pub(super) results: Vec<Result<Opening, Refused>>,
    pub(super) totals: Totals,
}

pub(super) fn open_batch(
    connection: &mut Connection,
    hot: &mut Hot,
    addresses: &[MailboxAddress],
    days: Days,
    quotas: &Quotas,
    mut totals: Totals,
) -> StoreResult<Opened> {
    let before = totals;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(addresses.len());
    for address in addresses {
        hot.forget(address);
        results.push(open(&transaction, address, days, quotas, &mut totals)?);
    }
    if totals != before {
        rows::update_totals(&transaction, totals)?;
    }
    transaction.commit()?;
    Ok(Opened { results, totals })
}

fn open(
    connection: &Connection,
    address: &MailboxAddress,
    days: Days,
    quotas: &Quotas,
    totals: &mut Totals,
) -> StoreResult<Result<Opening, Refused>> {
    let mut known = HotMailbox::load(connection, address)?;
    if let Some(expired) = known.take_if(|known| known.expires < days.today) {
        let slot = expired.mailbox.slot;
        let (_, bytes) = rows::delete_frames(connection, slot, u64::MAX)?;
        rows::delete_mailbox(connection, slot)?;
        totals.frame_bytes = totals.frame_bytes.saturating_sub(bytes);
        totals.mailboxes = totals.mailboxes.saturating_sub(1);
    }
    if let Some(mut known) = known {
        if known.expires < days.expires {
            known.age(connection, days.expires)?;
        }
        return Ok(Ok(Opening { is_new: false, head: known.mailbox.head, expires: known.expires }));
    }
    if totals.mailboxes >= quotas.mailboxes_max {
        return Ok(Err(Refused::RelayFull));
    }
    totals.mailboxes += 1;
    insert(connection, address, days)?;
    Ok(Ok(Opening { is_new: true, head: Head::start(address), expires: days.expires }))
}

/// In a random slot that no mailbox has. One in 2^39 is taken per mailbox: the first draw is nearly always free.
fn insert(connection: &Connection, address: &MailboxAddress, days: Days) -> StoreResult<()> {
    while !rows::insert_mailbox(connection, rows::random_slot()?, address, days.expires)? {}
    Ok(())
}
