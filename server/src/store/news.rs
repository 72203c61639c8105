//! What other relays on the same store do, as far as this one has to know: that a mailbox has more frames.

use sha2::{Digest, Sha256};
use twiza_protocol::{MailboxAddress, Sequence};

/// What another relay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It stored frames.
    Stored(Stored),
    /// Something may have been missed: whoever watches anything has to look.
    Missed,
}

/// A mailbox has these frames since just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Which mailbox.
    pub mailbox: MailboxTag,
    /// Its last place before.
    pub after: Sequence,
    /// Its last place now.
    pub last: Sequence,
}

/// A mailbox by a number that tells its address only to those who have the address. Two of one number are as hard to
/// make as 2^96 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MailboxTag([u8; 12]);

impl MailboxTag {
    /// The number of the mailbox with this address.
    #[must_use]
    pub fn of(address: &MailboxAddress) -> Self {
        let hash = Sha256::new().chain_update(b"twiza news v1\0").chain_update(address.as_bytes()).finalize();
        let mut tag = [0; 12];
        tag.copy_from_slice(&hash[..12]);
        Self(tag)
    }

    /// A number that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 12]) -> Self {
        Self(octets)
    }

    /// Its octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}
