//! How much a store takes.

use twiza_protocol::Limits;

/// The quotas of mailboxes and of the whole relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Frames in one mailbox.
    pub frames_per_mailbox_max: u64,
    /// Octets of frames in one mailbox.
    pub mailbox_bytes_max: u64,
    /// Octets of `mailbox_bytes_max` that only a closing frame may use.
    pub closing_reserve_bytes: u64,
    /// Octets of frames on the whole relay.
    pub relay_bytes_max: u64,
    /// Octets of `relay_bytes_max` that only closing frames may use.
    pub relay_closing_reserve_bytes: u64,
    /// Mailboxes on the whole relay.
    pub mailboxes_max: u64,
}

impl Quotas {
    /// What clients are told, and what is the relay's own affair.
    #[must_use]
    pub const fn new(limits: &Limits, relay_closing_reserve_bytes: u64, mailboxes_max: u64) -> Self {
        Self {
            frames_per_mailbox_max: limits.frames_per_mailbox_max,
            mailbox_bytes_max: limits.mailbox_bytes_max,
            closing_reserve_bytes: limits.closing_reserve_bytes,
            relay_bytes_max: limits.relay_bytes_max,
            relay_closing_reserve_bytes,
            mailboxes_max,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self::new(&Limits::default(), 512 << 20, 1_000_000)
    }
}
