//! What can go wrong in this crate.

use crate::EntropyError;
use crate::judge::Refusal;
use thiserror::Error;

/// An error, sorted by who is at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A peer's octets do not decode. The peer's fault; drop them.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A peer's octets decode, but do not verify or do not decrypt. The peer's fault, or octets for another key.
    #[error("{0} does not verify")]
    Unverified(&'static str),
    /// A public key of another length than the suite's. The peer's fault (see `docs/threat-model.md`).
    #[error("a public key has the wrong length")]
    KeyLength,
    /// A commit against the alliance's rules. Its author's fault; the group goes on without it.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The caller asked for what the state does not allow. The caller's fault; the text says what.
    #[error("{0}")]
    NotPossible(&'static str),
    /// The caller's input is larger than the limit, both in octets.
    #[error("{found} octets are more than the limit of {limit}")]
    TooLarge {
        /// Octets found.
        found: usize,
        /// Octets allowed.
        limit: usize,
    },
    /// MLS refused, with its own words.
    #[error("MLS: {0}")]
    Mls(String),
    /// The random generator failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A fault of ours.
    #[error("a bug in Twiza: {0}")]
    Bug(&'static str),
}

impl CryptoError {
    pub(crate) fn mls(error: impl std::fmt::Display) -> Self {
        Self::Mls(error.to_string())
    }
}
