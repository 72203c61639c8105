//! Appending, beside other nodes that do the same: read, decide, and write where nothing has changed meanwhile.
//!
//! ```text
//! remembered, or load (one moment) ─▶ decide ─▶ write and notify (one transaction) ─▶ raced mailboxes: again
//! ```
//!
//! No lock outlives a statement, so a node that dies, or whose network does, keeps nobody waiting.

use super::listener::encode;
use super::remembered::Remembered;
use super::{Append, Appended, Days, Head, Node, Quotas, Refused, StoreError, StoreResult, rows};
use crate::store::news::{MailboxTag, Stored};
use crate::store::placement::{Mailbox, Placed, Placement};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::{HashMap, HashSet};
use twiza_protocol::{Chain, ExpiryDay, MailboxAddress};

/// Each round, somebody gets on with each mailbox; so many in vain are a fault and no bad luck.
pub(super) const ROUNDS_MAX: usize = 64;

type Verdict = Result<Appended, Refused>;

pub(super) async fn append_batch(
    connection: &mut PgConnection,
    appends: &[Append],
    days: Days,
    quotas: &Quotas,
    node: &Node,
    remembered: &mut Remembered,
) -> StoreResult<Vec<Verdict>> {
    let mut verdicts = vec![Err(Refused::MailboxUnknown); appends.len()];
    let mut waiting: Vec<usize> = (0..appends.len()).collect();
    for _ in 0..ROUNDS_MAX {
        let batch: Vec<_> = waiting.iter().map(|index| &appends[*index]).collect();
        let guessed = remembered.of(&batch, days, quotas).map(|loaded| Decided::new(&batch, loaded, days, quotas));
        let decided = match guessed.filter(Decided::takes_all) {
            Some(decided) => decided,
            None => {
                let loaded = load(connection, &batch, days).await?;
                if let Some(relay_bytes) = loaded.relay_bytes {
                    remembered.told(relay_bytes);
                }
                Decided::new(&batch, loaded, days, quotas)
            }
        };
        let moved = write(connection, &decided, days, node).await?;
        decided.remember(&moved, remembered);
        let raced = |append: &Append| decided.raced(&append.address, &moved);
        for ((index, append), verdict) in waiting.iter().zip(&batch).zip(&decided.verdicts) {
            if !raced(append) {
                verdicts[*index] = *verdict;
            }
        }
        waiting.retain(|index| raced(&appends[*index]));
        if waiting.is_empty() {
            return Ok(verdicts);
        }
    }
    Err(StoreError::Away("other nodes were always faster".into()))
}

/// What is known before deciding.
#[derive(Default)]
pub(super) struct Loaded {
    /// Octets of frames on the relay. Told with mailboxes: `None` where there are none of those.
    pub(super) relay_bytes: Option<u64>,
    pub(super) mailboxes: HashMap<MailboxAddress, Before>,
    pub(super) known: Vec<(i64, usize, Head)>,
}

/// A mailbox before a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) mailbox: Mailbox,
    pub(super) expires: ExpiryDay,
}

async fn load(connection: &mut PgConnection, batch: &[&Append], days: Days) -> StoreResult<Loaded> {
    let addresses: Vec<&[u8]> = batch.iter().map(|append| &append.address.as_bytes()[..]).collect();
    let digests: Vec<&[u8]> = batch.iter().map(|append| &append.digest.as_bytes()[..]).collect();
    let found = sqlx::query(include_str!("append_load.sql"))
        .bind(addresses)
        .bind(digests)
        .bind(i64::from(days.today.0))
        .fetch_all(connection)
        .await?;
    let mut loaded = Loaded::default();
    for row in &found {
        let nth = usize::try_from(rows::count(row, "nth")?).map_err(|_| StoreError::Damaged("nth"))?;
        let append = batch.get(nth.wrapping_sub(1)).ok_or(StoreError::Damaged("nth"))?;
        let slot = row.try_get("slot")?;
        let mailbox = Mailbox { slot, head: rows::head(row)?, frame_bytes: rows::count(row, "frame_bytes")? };
        loaded.mailboxes.insert(append.address, Before { mailbox, expires: rows::day(row, "expires_day")? });
        loaded.relay_bytes = Some(u64::try_from(row.try_get::<i64, _>("relay_bytes")?).unwrap_or_default());
        if let Some(first) = known(row)? {
            loaded.known.push((slot, nth - 1, first));
        }
    }
    Ok(loaded)
}

fn known(row: &PgRow) -> StoreResult<Option<Head>> {
    let Some(id) = row.try_get("known_id")? else { return Ok(None) };
    let chain = Chain::from_bytes(rows::octets(row, "known_chain")?);
    Ok(Some(Head { sequence: rows::sequence_of(id), chain, closed: row.try_get("known_closing")? }))
}

/// A decided batch.
struct Decided<'a> {
    verdicts: Vec<Verdict>,
    frames: Vec<(&'a Append, Placed)>,
    /// Mailboxes to write: how they were, and how they are to be.
    touched: HashMap<MailboxAddress, (Head, Before)>,
}

impl<'a> Decided<'a> {
    fn new(batch: &[&'a Append], loaded: Loaded, days: Days, quotas: &Quotas) -> Self {
        let Loaded { relay_bytes, mailboxes, known } = loaded;
        debug_assert!(days.today <= days.expires);
        let mut placement = Placement::new(quotas, relay_bytes.unwrap_or_default());
        for (address, before) in &mailboxes {
            placement.add_mailbox(*address, before.mailbox);
        }
        for (slot, nth, first) in known {
            placement.add_known(slot, batch[nth].digest, first);
        }
        let mut frames = Vec::with_capacity(batch.len());
        let mut touching = HashSet::new();
        let mut decide = |append: &'a Append| {
            let placed = placement.place(append)?;
            if placed.appended.is_new {
                frames.push((append, placed));
            }
            if placed.appended.is_new || mailboxes[&append.address].expires < days.expires {
                touching.insert(append.address);
            }
            Ok(placed.appended)
        };
        let verdicts = batch.iter().map(|append| decide(append)).collect();
        let after = placement.mailboxes().filter(|(address, _)| touching.contains(*address));
        let touched = after.map(|(address, after)| {
            let Before { mailbox, expires } = mailboxes[address];
            (*address, (mailbox.head, Before { mailbox: *after, expires: expires.max(days.expires) }))
        });
        Self { verdicts, frames, touched: touched.collect() }
    }

    /// Whether nothing is refused.
    fn takes_all(&self) -> bool {
        self.verdicts.iter().all(Result::is_ok)
    }

    /// How the mailboxes are now that were written.
    fn remember(&self, moved: &HashSet<i64>, remembered: &mut Remembered) {
        for (address, (_, after)) in &self.touched {
            if moved.contains(&after.mailbox.slot) {
                remembered.keep(*address, *after);
            } else {
                remembered.forget(address);
            }
        }
        let written = self.frames.iter().filter(|(_, placed)| moved.contains(&placed.slot));
        remembered.wrote(written.map(|(append, _)| append.octets.len() as u64).sum());
    }

    fn raced(&self, address: &MailboxAddress, moved: &HashSet<i64>) -> bool {
        self.touched.get(address).is_some_and(|(_, after)| !moved.contains(&after.mailbox.slot))
    }

    /// What other nodes are told: of mailboxes with new frames, that there are some.
    fn news(&self, node: &Node) -> Vec<String> {
        let grown = self.touched.iter().filter(|(_, (was, after))| was.sequence != after.mailbox.head.sequence);
        let stored = grown.map(|(address, (was, after))| Stored {
            mailbox: MailboxTag::of(address),
            after: was.sequence,
            last: after.mailbox.head.sequence,
        });
        encode(&node.name, stored)
    }
}

/// Gives the slots of mailboxes that were as they were read.
async fn write(
    connection: &mut PgConnection,
    decided: &Decided<'_>,
    days: Days,
    node: &Node,
) -> StoreResult<HashSet<i64>> {
    if decided.touched.is_empty() {
        return Ok(HashSet::new());
    }
    let addresses = decided.touched.keys();
    let (was, mailboxes): (Vec<Head>, Vec<Mailbox>) =
        decided.touched.values().map(|(was, after)| (*was, after.mailbox)).unzip();
    let heads = || mailboxes.iter().map(|mailbox| &mailbox.head);
    let frames = &decided.frames;
    let moved: Vec<Option<i64>> = sqlx::query_scalar(include_str!("append_write.sql"))
        .bind(addresses.map(|address| &address.as_bytes()[..]).collect::<Vec<_>>())
        .bind(mailboxes.iter().map(|mailbox| mailbox.slot).collect::<Vec<_>>())
        .bind(was.iter().map(|head| rows::integer(head.sequence.0)).collect::<Vec<_>>())
        .bind(heads().map(|head| rows::integer(head.sequence.0)).collect::<Vec<_>>())
        .bind(heads().map(|head| &head.chain.as_bytes()[..]).collect::<Vec<_>>())
        .bind(heads().map(|head| head.closed).collect::<Vec<_>>())
        .bind(mailboxes.iter().map(|mailbox| rows::integer(mailbox.frame_bytes)).collect::<Vec<_>>())
        .bind(frames.iter().map(|(_, placed)| id(placed)).collect::<Vec<_>>())
        .bind(frames.iter().map(|(append, _)| &append.digest.as_bytes()[..]).collect::<Vec<_>>())
        .bind(frames.iter().map(|(_, placed)| &placed.appended.head.chain.as_bytes()[..]).collect::<Vec<_>>())
        .bind(frames.iter().map(|(append, _)| append.closing).collect::<Vec<_>>())
        .bind(frames.iter().map(|(append, _)| &append.octets[..]).collect::<Vec<_>>())
        .bind(i64::from(days.today.0))
        .bind(i64::from(days.expires.0))
        .bind(node.part)
        .bind(decided.news(node))
        .bind(was.iter().map(|head| &head.chain.as_bytes()[..]).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(moved.into_iter().flatten().collect())
}

fn id(placed: &Placed) -> i64 {
    rows::frame_id(placed.slot, placed.appended.head.sequence)
}
