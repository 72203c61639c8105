//! Reports: a member says, by its leaf key, that a commit's path does not work for it.
//!
//! A commit's author encrypts a path secret to each subtree (RFC 9420, section 7.5) and can make it work for some and
//! fail for others (section 16.12). Who fails says so in the next branch, where those who went on look. An organiser who
//! could follow, and has not read there that most cannot, says that: then those who cannot come back to it. Whichever
//! stands there first decides, for all alike.
//!
//! ```text
//! struct { uint8 version = 1; uint32 leaf_index; opaque commit[32]; opaque signature[64]; } Report
//! signature = Ed25519(leaf key, label || address of the mailbox that the commit closed || commit)
//! label: "twiza report v1\0" for whoever cannot follow it, "twiza followed v1\0" for whoever has
//! ```

use crate::roster::{Roster, RosterEntry};
use crate::{CryptoError, wire};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use twiza_protocol::MailboxAddress;

const VERSION: u8 = 1;
const WHAT: &str = "report";

/// What a member says of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It cannot follow it.
    CannotFollow,
    /// It has followed it.
    Followed,
}

impl Word {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::CannotFollow => b"twiza report v1\0",
            Self::Followed => b"twiza followed v1\0",
        }
    }
}

/// A member's word on a commit.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Report {
    version: u8,
    /// The reporter's leaf.
    pub leaf_index: u32,
    /// SHA-256 of the commit.
    pub commit: [u8; 32],
    signature: [u8; 64],
}

impl Report {
    pub(crate) fn new(leaf_index: u32, commit: [u8; 32], signature: [u8; 64]) -> Self {
        Self { version: VERSION, leaf_index, commit, signature }
    }

    pub(crate) fn signed(word: Word, address: &MailboxAddress, commit: &[u8; 32]) -> Vec<u8> {
        [word.label(), address.as_bytes(), commit].concat()
    }

    /// The octets of the payload.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        wire::encode(self)
    }

    /// Reads a payload. Nothing is verified yet.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        let report: Self = wire::decode(octets, WHAT)?;
        if report.version == VERSION { Ok(report) } else { Err(CryptoError::Malformed(WHAT)) }
    }

    /// Who says that, if it was in that epoch and signed.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`].
    pub fn verify<'a>(
        &self,
        word: Word,
        roster: &'a Roster,
        address: &MailboxAddress,
    ) -> Result<&'a RosterEntry, CryptoError> {
        let entry = roster.at(self.leaf_index).ok_or(CryptoError::Unverified(WHAT))?;
        entry.verify(&Self::signed(word, address, &self.commit), &self.signature, WHAT)?;
        Ok(entry)
    }
}
