//! Opening: new mailboxes get a slot, known ones a later expiry, expired ones start empty.

use super::hot::{Hot, HotMailbox};
use super::rows;
use super::{Days, Entry, Head, Open, Opening, Quotas, Refused, StoreResult, Totals};
use rusqlite::{Connection, TransactionBehavior};
use twiza_protocol::MailboxAddress;

/// Octets of an expired mailbox up to which whoever opens it again waits for them to be deleted.
const BYTES_DELETED_AT_ONCE: u64 = 256 << 10;

pub(super) struct Opened {
    pub(super) results: Vec<Result<Opening, Refused>>,
    pub(super) totals: Totals,
}

pub(super) fn open_batch(
    connection: &mut Connection,
    hot: &mut Hot,
    opens: &[Open],
    days: Days,
    quotas: &Quotas,
    mut totals: Totals,
) -> StoreResult<Opened> {
    let before = totals;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(opens.len());
    for asked in opens {
        hot.forget(&asked.address);
        results.push(open(&transaction, asked, days, quotas, &mut totals)?);
    }
    if totals != before {
        rows::update_totals(&transaction, totals)?;
    }
    transaction.commit()?;
    Ok(Opened { results, totals })
}

fn open(
    connection: &Connection,
    asked: &Open,
    days: Days,
    quotas: &Quotas,
    totals: &mut Totals,
) -> StoreResult<Result<Opening, Refused>> {
    let address = &asked.address;
    let (known, expired) = match HotMailbox::load(connection, address)? {
        Some(known) if known.expires < days.today => (None, Some(known)),
        known => (known, None),
    };
    if let Some(mut known) = known {
        if known.expires < days.expires {
            known.age(connection, days.expires)?;
        }
        return Ok(Ok(Opening { is_new: false, head: known.mailbox.head, expires: known.expires }));
    }
    if expired.is_none() && totals.mailboxes >= quotas.mailboxes_max {
        return Ok(Err(Refused::RelayFull));
    }
    match asked.entry {
        Entry::Free => {}
        Entry::IfThere => return Ok(Err(Refused::RightRequired)),
        Entry::Token(mark) if rows::spend(connection, &mark)? => {}
        Entry::Token(_) => return Ok(Err(Refused::TokenSpent)),
    }
    match expired.map(|expired| expired.mailbox) {
        // The sweep deletes a large one, in steps: nobody is to wait for that.
        Some(mailbox) if mailbox.frame_bytes > BYTES_DELETED_AT_ONCE => rows::detach_mailbox(connection, mailbox.slot)?,
        Some(mailbox) => {
            let (_, bytes) = rows::delete_frames(connection, mailbox.slot, u64::MAX)?;
            rows::delete_mailbox(connection, mailbox.slot)?;
            totals.frame_bytes = totals.frame_bytes.saturating_sub(bytes);
            totals.mailboxes = totals.mailboxes.saturating_sub(1);
        }
        None => {}
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
