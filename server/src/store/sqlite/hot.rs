//! The mailboxes that were written lately, as the last commit left them, and how far their rows are behind.
//!
//! ```text
//! frames   1 2 3 ……………………… n │ n+1 ………………… head
//!          row's last_sequence ┘  └── tail ──┘
//!          digests in `known`       digests in the frames only
//! ```
//!
//! A row and its digests are other pages than a frame's, and slots are random, so frames of different mailboxes share
//! none of them. Writing them once for many frames costs a commit half as much. Nothing is lost by a crash: what
//! a row lacks, the frames after it tell, and a tail is short enough to be read whenever its mailbox is wanted.
//! A closing frame is never in a tail.

use super::rows;
use super::{Head, Mailbox, StoreResult};
use rusqlite::Connection;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use twiza_protocol::{ExpiryDay, FrameDigest, MailboxAddress, Sequence};

/// Frames after which a mailbox's row is written.
const TAIL_FRAMES_MAX: usize = 16;

/// Mailboxes that are kept: some 2 KiB each at most.
const MAILBOXES_MAX: usize = 8192;

/// One mailbox.
#[derive(Debug)]
pub(super) struct HotMailbox {
    pub(super) mailbox: Mailbox,
    pub(super) expires: ExpiryDay,
    /// What its row has.
    written: Sequence,
    tail: Vec<(FrameDigest, Head)>,
}

/// The mailboxes that were written lately.
#[derive(Debug, Default)]
pub(super) struct Hot(HashMap<MailboxAddress, HotMailbox>);

impl Hot {
    /// Called before a batch: it finds room, however much was kept.
    pub(super) fn make_room(&mut self) {
        if self.0.len() > MAILBOXES_MAX {
            self.0.clear();
        }
    }

    /// A mailbox, expired or not. Within a transaction that has not changed it.
    pub(super) fn load(
        &mut self,
        connection: &Connection,
        address: &MailboxAddress,
    ) -> StoreResult<Option<&mut HotMailbox>> {
        Ok(match self.0.entry(*address) {
            Entry::Occupied(kept) => Some(kept.into_mut()),
            Entry::Vacant(place) => HotMailbox::load(connection, address)?.map(|mailbox| place.insert(mailbox)),
        })
    }

    /// Called where something else than an append changes it.
    pub(super) fn forget(&mut self, address: &MailboxAddress) {
        self.0.remove(address);
    }

    /// Called where a transaction failed that had begun to write.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }
}

impl HotMailbox {
    /// Reads a mailbox, whether it has expired or not.
    pub(super) fn load(connection: &Connection, address: &MailboxAddress) -> StoreResult<Option<Self>> {
        let Some((mut mailbox, expires)) = rows::load_mailbox(connection, address)? else { return Ok(None) };
        let (written, mut tail) = (mailbox.head.sequence, Vec::new());
        let mut statement = connection.prepare_cached(
            "select id, digest, chain, closing, length(octets) as length from frame where id > ? and id <= ?",
        )?;
        let mut rows = statement.query([rows::frame_id(mailbox.slot, written), rows::last_frame_id(mailbox.slot)])?;
        while let Some(row) = rows.next()? {
            mailbox.head = rows::head_after(row)?;
            mailbox.frame_bytes += rows::count(row, "length")?;
            tail.push((FrameDigest::from_bytes(rows::octets(row, "digest")?), mailbox.head));
        }
        Ok(Some(Self { mailbox, expires, written, tail }))
    }

    /// The head that the frame with this digest left, where it is there.
    pub(super) fn known(&self, connection: &Connection, digest: &FrameDigest) -> StoreResult<Option<Head>> {
        match self.tail.iter().find(|(known, _)| known == digest) {
            Some((_, head)) => Ok(Some(*head)),
            None if self.written == Sequence::START => Ok(None),
            None => rows::load_known(connection, self.mailbox.slot, digest),
        }
    }

    /// Takes frames that were inserted, and writes the row and what it lacks where that is due.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        frames: impl Iterator<Item = (FrameDigest, Head)>,
        now: Mailbox,
    ) -> StoreResult<()> {
        self.mailbox = now;
        self.tail.extend(frames);
        if self.tail.len() < TAIL_FRAMES_MAX && !now.head.closed {
            return Ok(());
        }
        for (digest, head) in self.tail.drain(..) {
            rows::insert_known(connection, now.slot, &digest, head.sequence)?;
        }
        if now.head.closed {
            // Nothing follows.
            self.tail.shrink_to_fit();
        }
        self.written = now.head.sequence;
        rows::update_mailbox(connection, &now)
    }

    /// Moves the expiry day.
    pub(super) fn age(&mut self, connection: &Connection, expires: ExpiryDay) -> StoreResult<()> {
        self.expires = self.expires.max(expires);
        rows::update_expiry(connection, self.mailbox.slot, expires)
    }
}
