//! What an epoch gives to the outside: its mailbox and its frame key, for one relay and one branch.
//!
//! ```text
//! context      = relay key (32) || u8(branch)
//! mailbox seed = MLS-Exporter("twiza mailbox", context, 32)
//! frame key    = MLS-Exporter("twiza frame",   context, 32)
//! ```
//!
//! (RFC 9420, section 8.5.) Two epochs, two branches or two relays of one alliance share no value that is stored.

use crate::CryptoError;
use crate::seal::{FrameKey, MarkKey};
use twiza_protocol::{MailboxKey, RelayKey};
use zeroize::Zeroizing;

/// Which attempt at ending an epoch this is. Starts at 0; an invalid closing frame leads to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Branch(pub u8);

impl Branch {
    /// Branches that a client follows in one epoch before it gives up.
    pub const COUNT_MAX: u8 = 16;

    /// The next branch, unless the bound is reached.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).filter(|next| *next < Self::COUNT_MAX).map(Self)
    }
}

/// The keys of one epoch's mailbox.
#[derive(Debug)]
pub struct EpochKeys {
    /// Opens the mailbox.
    pub mailbox: MailboxKey,
    /// Seals and opens its frames.
    pub frame: FrameKey,
    /// The branch that they belong to.
    pub branch: Branch,
}

impl EpochKeys {
    /// These keys, marking what they seal.
    pub(crate) fn marking(self, mark: MarkKey) -> Self {
        Self { frame: self.frame.marking(mark), ..self }
    }

    /// Keys that were kept in a store.
    #[must_use]
    pub fn kept(mailbox_seed: &[u8; 32], frame_key: &[u8; 32], branch: Branch) -> Self {
        let mailbox = MailboxKey::from_seed(mailbox_seed);
        let address = mailbox.address();
        Self { mailbox, frame: FrameKey::new(frame_key, address, branch), branch }
    }

    pub(crate) fn export(
        relay: &RelayKey,
        branch: Branch,
        export: impl Fn(&str, &[u8], usize) -> Result<Vec<u8>, CryptoError>,
    ) -> Result<Self, CryptoError> {
        let context = [&relay.as_bytes()[..], &[branch.0]].concat();
        let secret = |label| -> Result<Zeroizing<[u8; 32]>, CryptoError> {
            let octets = Zeroizing::new(export(label, &context, 32)?);
            let array = <[u8; 32]>::try_from(octets.as_slice()).map_err(|_| CryptoError::Bug("exporter length"))?;
            Ok(Zeroizing::new(array))
        };
        let mailbox = MailboxKey::from_seed(&*secret("twiza mailbox")?);
        let address = mailbox.address();
        Ok(Self { mailbox, frame: FrameKey::new(&*secret("twiza frame")?, address, branch), branch })
    }
}
