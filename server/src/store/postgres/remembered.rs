//! Mailboxes as this node's last writes left them, so that the next batch is written without being read first.
//!
//! A guess, and no more: the write takes nothing that has changed since (see `append_write.sql`), and nobody is refused
//! for what is only remembered.

use super::append::{Before, Loaded};
use super::{Append, Days, Quotas};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use twiza_protocol::MailboxAddress;

/// How long it is believed how full the relay is: other nodes write, too.
const BELIEVED: Duration = Duration::from_secs(1);

/// The share of the relay's octets that has to be free for that.
const FREE_SHARE: u64 = 8;

/// Mailboxes that are kept: some 200 octets each.
const MAILBOXES_MAX: usize = 8192;

#[derive(Debug, Default)]
pub(super) struct Remembered {
    mailboxes: HashMap<MailboxAddress, Before>,
    /// Octets of frames on the relay.
    relay_bytes: u64,
    /// When the database told of those.
    told: Option<Instant>,
}

impl Remembered {
    /// What a batch needs to be decided, where all of it is remembered.
    pub(super) fn of(&self, batch: &[&Append], days: Days, quotas: &Quotas) -> Option<Loaded> {
        let free = quotas.relay_bytes_max.saturating_sub(self.relay_bytes);
        if self.told?.elapsed() > BELIEVED || free < quotas.relay_bytes_max / FREE_SHARE {
            return None;
        }
        let mailbox = |append: &&Append| {
            let mailbox = self.mailboxes.get(&append.address).filter(|mailbox| mailbox.expires >= days.today)?;
            Some((append.address, *mailbox))
        };
        let mailboxes = batch.iter().map(mailbox).collect::<Option<_>>()?;
        Some(Loaded { relay_bytes: Some(self.relay_bytes), mailboxes, known: Vec::new() })
    }

    /// The database told how full the relay is.
    pub(super) fn told(&mut self, relay_bytes: u64) {
        (self.relay_bytes, self.told) = (relay_bytes, Some(Instant::now()));
    }

    /// So many octets were written.
    pub(super) const fn wrote(&mut self, bytes: u64) {
        self.relay_bytes = self.relay_bytes.saturating_add(bytes);
    }

    /// How a mailbox was left. A closed one is written no more.
    pub(super) fn keep(&mut self, address: MailboxAddress, left: Before) {
        if left.mailbox.head.closed {
            return self.forget(&address);
        }
        if self.mailboxes.len() >= MAILBOXES_MAX {
            self.mailboxes.clear();
        }
        self.mailboxes.insert(address, left);
    }

    /// A mailbox was not as it was remembered.
    pub(super) fn forget(&mut self, address: &MailboxAddress) {
        self.mailboxes.remove(address);
    }
}
