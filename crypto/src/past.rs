//! How mailboxes ended, in one hash: what a member vouches for beyond the mailbox that it speaks in.
//!
//! ```text
//! past = SHA-256("twiza past v1\0" || chain || chain || …)     one running hash for each mailbox, in their order
//! ```
//!
//! A running hash is bound to its mailbox's address, so no two lists of mailboxes give the same octets.

use sha2::{Digest, Sha256};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use twiza_protocol::Chain;

const LABEL: &[u8] = b"twiza past v1\0";

/// A hash over the ends of consecutive mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Past([u8; 32]);

impl Past {
    /// That of mailboxes which ended with these running hashes, in the order in which they were left.
    pub fn of(ends: impl IntoIterator<Item = Chain>) -> Self {
        let start = Sha256::new().chain_update(LABEL);
        Self(ends.into_iter().fold(start, |hash, end| hash.chain_update(end.as_bytes())).finalize().into())
    }
}
