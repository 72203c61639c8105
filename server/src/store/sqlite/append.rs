//! Appending: load what the batch touches, decide, write, commit.

use super::hot::Hot;
use super::rows;
use super::{Append, Appended, Days, Quotas, Refused, StoreError, StoreResult, Totals};
use crate::store::placement::{Placed, Placement};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::HashSet;
use twiza_protocol::MailboxAddress;

pub(super) struct Batch {
    pub(super) results: Vec<Result<Appended, Refused>>,
    pub(super) totals: Totals,
}

/// What a batch writes.
struct Writes<'a> {
    /// New frames, in the order of their keys: pages do not tell in which order they came.
    frames: Vec<(&'a Append, Placed)>,
    /// Mailboxes whose expiry day moves.
    aging: HashSet<MailboxAddress>,
}

pub(super) fn append_batch(
    connection: &mut Connection,
    hot: &mut Hot,
    appends: &[Append],
    days: Days,
    quotas: &Quotas,
    totals: Totals,
) -> StoreResult<Batch> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    hot.make_room();
    let mut placement = Placement::new(quotas, totals.frame_bytes);
    let aged = load(&transaction, hot, appends, days, &mut placement)?;
    let placed: Vec<_> = appends.iter().map(|append| placement.place(append)).collect();
    let writes = Writes::of(appends, &placed, &aged);
    let batch = Batch {
        results: placed.into_iter().map(|placed| placed.map(|placed| placed.appended)).collect(),
        totals: Totals { frame_bytes: placement.relay_bytes(), ..totals },
    };
    if writes.aging.is_empty() && writes.frames.is_empty() {
        return Ok(batch);
    }
    let written = writes.write(transaction, hot, &placement, days, batch.totals);
    if written.is_err() {
        hot.forget_all();
    }
    match written {
        // Only an expiry day was to move: the repeat is answered all the same.
        Err(StoreError::Full) if writes.frames.is_empty() => Ok(batch),
        Err(error) => Err(error),
        Ok(()) => Ok(batch),
    }
}

/// Loads mailboxes and known digests; gives the addresses whose expiry is to move.
fn load(
    transaction: &Transaction<'_>,
    hot: &mut Hot,
    appends: &[Append],
    days: Days,
    placement: &mut Placement<'_>,
) -> StoreResult<HashSet<MailboxAddress>> {
    let mut aged = HashSet::new();
    for append in appends {
        let Some(mailbox) = hot.load(transaction, &append.address)? else { continue };
        if mailbox.expires < days.today {
            continue;
        }
        let slot = mailbox.mailbox.slot;
        if placement.slot(&append.address).is_none() {
            placement.add_mailbox(append.address, mailbox.mailbox);
        }
        if mailbox.expires < days.expires {
            aged.insert(append.address);
        }
        if let Some(first) = mailbox.known(transaction, &append.digest)? {
            placement.add_known(slot, append.digest, first);
        }
    }
    Ok(aged)
}

impl<'a> Writes<'a> {
    fn of(appends: &'a [Append], placed: &[Result<Placed, Refused>], aged: &HashSet<MailboxAddress>) -> Self {
        let accepted = || appends.iter().zip(placed).filter_map(|(append, placed)| Some((append, placed.ok()?)));
        let aging = accepted().map(|(append, _)| append.address).filter(|address| aged.contains(address)).collect();
        let mut frames: Vec<_> = accepted().filter(|(_, placed)| placed.appended.is_new).collect();
        frames.sort_unstable_by_key(|(_, placed)| key(placed));
        Self { frames, aging }
    }

    fn write(
        &self,
        transaction: Transaction<'_>,
        hot: &mut Hot,
        placement: &Placement<'_>,
        days: Days,
        totals: Totals,
    ) -> StoreResult<()> {
        self.insert_frames(&transaction)?;
        for (address, mailbox) in placement.mailboxes() {
            let Some(hot) = hot.load(&transaction, address)? else { continue };
            let frames = self.frames_of(mailbox.slot);
            if !frames.is_empty() {
                let heads = frames.iter().map(|(append, placed)| (append.digest, placed.appended.head));
                hot.append(&transaction, heads, *mailbox)?;
            }
            if self.aging.contains(address) {
                hot.age(&transaction, days.expires)?;
            }
        }
        if !self.frames.is_empty() {
            rows::update_totals(&transaction, totals)?;
        }
        Ok(transaction.commit()?)
    }

    fn insert_frames(&self, transaction: &Transaction<'_>) -> StoreResult<()> {
        let mut insert = transaction
            .prepare_cached("insert into frame (id, digest, chain, closing, octets) values (?1, ?2, ?3, ?4, ?5)")?;
        for (append, placed) in &self.frames {
            insert.execute(params![
                key(placed),
                append.digest.as_bytes(),
                placed.appended.head.chain.as_bytes(),
                append.closing,
                &append.octets[..]
            ])?;
        }
        Ok(())
    }

    /// The new frames of one mailbox, in their order.
    fn frames_of(&self, slot: i64) -> &[(&'a Append, Placed)] {
        let first = self.frames.partition_point(|(_, placed)| placed.slot < slot);
        let end = self.frames.partition_point(|(_, placed)| placed.slot <= slot);
        &self.frames[first..end]
    }
}

fn key(placed: &Placed) -> i64 {
    rows::frame_id(placed.slot, placed.appended.head.sequence)
}
