//! Appending: load what the batch touches, decide, write, commit.

use super::rows;
use super::{Append, Appended, Days, Quotas, Refused, StoreError, StoreResult};
use crate::store::placement::{Placed, Placement};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::HashSet;
use twiza_protocol::MailboxAddress;

pub(super) struct Batch {
    pub(super) results: Vec<Result<Appended, Refused>>,
    pub(super) relay_bytes: u64,
}

pub(super) fn append_batch(
    connection: &mut Connection,
    appends: &[Append],
    days: Days,
    quotas: &Quotas,
    relay_bytes: u64,
) -> StoreResult<Batch> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut placement = Placement::new(quotas, relay_bytes);
    let aging = load(&transaction, appends, days, &mut placement)?;

    let mut frames = Vec::with_capacity(appends.len());
    let mut touched = HashSet::new();
    let mut results = Vec::with_capacity(appends.len());
    for append in appends {
        let placed = placement.place(append);
        if let Ok(placed) = &placed {
            if placed.appended.is_new || aging.contains(&append.address) {
                touched.insert(append.address);
            }
            if placed.appended.is_new {
                frames.push((append, *placed));
            }
        }
        results.push(placed.map(|placed| placed.appended));
    }
    let batch = Batch { results, relay_bytes: placement.relay_bytes() };
    if touched.is_empty() {
        return Ok(batch);
    }
    match write(transaction, &frames, &touched, &placement, days) {
        // Only an expiry day was to move: the repeat is answered all the same.
        Err(StoreError::Full) if frames.is_empty() => Ok(batch),
        Err(error) => Err(error),
        Ok(()) => Ok(batch),
    }
}

/// Loads mailboxes and known digests; gives the addresses whose expiry is to move.
fn load(
    transaction: &Transaction<'_>,
    appends: &[Append],
    days: Days,
    placement: &mut Placement<'_>,
) -> StoreResult<HashSet<MailboxAddress>> {
    let mut aging = HashSet::new();
    for append in appends {
        let slot = match placement.slot(&append.address) {
            Some(slot) => slot,
            None => match rows::load_mailbox(transaction, &append.address)? {
                Some((mailbox, expires)) if expires >= days.today => {
                    placement.add_mailbox(append.address, mailbox);
                    if expires < days.expires {
                        aging.insert(append.address);
                    }
                    mailbox.slot
                }
                _ => continue,
            },
        };
        if let Some(first) = rows::load_known(transaction, slot, append.digest.as_bytes())? {
            placement.add_known(slot, append.digest, first);
        }
    }
    Ok(aging)
}

fn write(
    transaction: Transaction<'_>,
    frames: &[(&Append, Placed)],
    touched: &HashSet<MailboxAddress>,
    placement: &Placement<'_>,
    days: Days,
) -> StoreResult<()> {
    insert_frames(&transaction, frames)?;
    for (_, mailbox) in placement.mailboxes().filter(|(address, _)| touched.contains(*address)) {
        rows::update_mailbox(&transaction, mailbox, days.expires)?;
    }
    Ok(transaction.commit()?)
}

fn insert_frames(transaction: &Transaction<'_>, frames: &[(&Append, Placed)]) -> StoreResult<()> {
    let mut insert = transaction
        .prepare_cached("insert into frame (id, digest, chain, closing, octets) values (?1, ?2, ?3, ?4, ?5)")?;
    for (append, Placed { slot, appended }) in frames {
        insert.execute(params![
            rows::frame_id(*slot, appended.head.sequence),
            append.digest.as_bytes(),
            appended.head.chain.as_bytes(),
            append.closing,
            &append.octets[..]
        ])?;
    }
    Ok(())
}
