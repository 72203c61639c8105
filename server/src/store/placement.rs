//! Where each append of a batch goes: the rules of a mailbox, without a database.
//!
//! A backend loads the mailboxes and the known digests of a batch, asks [`Placement`] append by append, and writes
//! what it decided, all in one transaction. So every database has the same rules.

use super::{Append, Appended, Head, Quotas, Refused};
use std::collections::HashMap;
use twiza_protocol::{FrameDigest, Limits, MailboxAddress};

/// A mailbox as the database has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mailbox {
    pub(super) slot: i64,
    pub(super) head: Head,
    pub(super) frame_bytes: u64,
}

/// The state of a batch while it is decided.
pub(super) struct Placement<'a> {
    quotas: &'a Quotas,
    relay_bytes: u64,
    mailboxes: HashMap<MailboxAddress, Mailbox>,
    known: HashMap<(i64, FrameDigest), Head>,
}

/// An append's decided place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) slot: i64,
    pub(super) appended: Appended,
}

impl<'a> Placement<'a> {
    pub(super) fn new(quotas: &'a Quotas, relay_bytes: u64) -> Self {
        Self { quotas, relay_bytes, mailboxes: HashMap::new(), known: HashMap::new() }
    }

    /// Tells of a mailbox that exists and has not expired.
    pub(super) fn add_mailbox(&mut self, address: MailboxAddress, mailbox: Mailbox) {
        self.mailboxes.insert(address, mailbox);
    }

    /// The slot of a mailbox that was told of.
    pub(super) fn slot(&self, address: &MailboxAddress) -> Option<i64> {
        self.mailboxes.get(address).map(|mailbox| mailbox.slot)
    }

    /// Tells of a frame that is there already.
    pub(super) fn add_known(&mut self, slot: i64, digest: FrameDigest, first: Head) {
        self.known.insert((slot, digest), first);
    }

    /// The mailboxes as the batch leaves them.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = (&MailboxAddress, &Mailbox)> {
        self.mailboxes.iter()
    }

    /// Octets of frames on the relay, as the batch leaves them.
    pub(super) const fn relay_bytes(&self) -> u64 {
        self.relay_bytes
    }

    /// Decides one append. A repeat comes first: it is answered alike by a closed or a full mailbox.
    pub(super) fn place(&mut self, append: &Append) -> Result<Placed, Refused> {
        let mailbox = self.mailboxes.get_mut(&append.address).ok_or(Refused::MailboxUnknown)?;
        let slot = mailbox.slot;
        if let Some(first) = self.known.get(&(slot, append.digest)) {
            let same = first.closed == append.closing;
            let repeat = Placed { slot, appended: Appended { is_new: false, head: *first } };
            return if same { Ok(repeat) } else { Err(Refused::FrameConflict) };
        }
        if mailbox.head.closed {
            return Err(Refused::MailboxClosed);
        }
        let length = append.octets.len() as u64;
        check_quota(mailbox, self.quotas, length, append.closing)?;
        check_relay_quota(self.relay_bytes, self.quotas, length, append.closing)?;
        let sequence = mailbox.head.sequence.next();
        let chain = mailbox.head.chain.append(sequence, append.closing, &append.digest);
        mailbox.head = Head { sequence, chain, closed: append.closing };
        mailbox.frame_bytes += length;
        self.relay_bytes += length;
        self.known.insert((slot, append.digest), mailbox.head);
        Ok(Placed { slot, appended: Appended { is_new: true, head: mailbox.head } })
    }
}

/// The last octets are kept for closing frames: whoever fills a relay does not keep others from closing a mailbox,
/// and so from removing a member.
const fn check_relay_quota(relay_bytes: u64, quotas: &Quotas, length: u64, closing: bool) -> Result<(), Refused> {
    let reserve = if closing { 0 } else { quotas.relay_closing_reserve_bytes };
    let bytes_max = quotas.relay_bytes_max.saturating_sub(reserve);
    if relay_bytes.saturating_add(length) <= bytes_max { Ok(()) } else { Err(Refused::RelayFull) }
}

/// The last place and the last octets are kept for a closing frame, so that a full mailbox can still be closed.
fn check_quota(mailbox: &Mailbox, quotas: &Quotas, length: u64, closing: bool) -> Result<(), Refused> {
    let frames_ceiling = quotas.frames_per_mailbox_max.min(Limits::FRAMES_PER_MAILBOX_CEILING);
    let (frames_max, bytes_max) = if closing {
        (frames_ceiling, quotas.mailbox_bytes_max)
    } else {
        (frames_ceiling.saturating_sub(1), quotas.mailbox_bytes_max.saturating_sub(quotas.closing_reserve_bytes))
    };
    let fits = mailbox.head.sequence.0 < frames_max && mailbox.frame_bytes.saturating_add(length) <= bytes_max;
    if fits { Ok(()) } else { Err(Refused::MailboxFull) }
}
