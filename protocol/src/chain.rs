//! The running hash of a mailbox.

use crate::encoding::base64url_text;
use crate::{FrameDigest, MailboxAddress, Sequence};
use sha2::{Digest, Sha256};

/// A hash over every frame of a mailbox up to one place, in order. Two parties with the same chain at the same place
/// have seen the same history.
///
/// ```text
/// chain(0) = SHA-256("twiza chain v1\0" || address)
/// chain(n) = SHA-256("twiza chain v1\0" || chain(n-1) || u64(n) || u8(closing) || SHA-256(frame n))
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain([u8; 32]);

base64url_text!(Chain, 32);

const LABEL: &[u8] = b"twiza chain v1\0";

impl Chain {
    /// The chain of a mailbox without frames.
    #[must_use]
    pub fn start(address: &MailboxAddress) -> Self {
        Self(Sha256::new().chain_update(LABEL).chain_update(address.as_bytes()).finalize().into())
    }

    /// The chain after one more frame.
    #[must_use]
    pub fn append(&self, sequence: Sequence, closing: bool, digest: &FrameDigest) -> Self {
        let hash = Sha256::new()
            .chain_update(LABEL)
            .chain_update(self.0)
            .chain_update(sequence.0.to_be_bytes())
            .chain_update([u8::from(closing)])
            .chain_update(digest.as_bytes());
        Self(hash.finalize().into())
    }

    /// A chain value that was computed before, from storage or the wire.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
