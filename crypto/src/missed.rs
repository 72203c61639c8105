//! Frames that stand in a past mailbox and were not there when members went on from it: a rolled-back relay had lost them,
//! and took them again later. Whoever finds them cannot open them any more, and tells their authors, by its leaf key.
//!
//! ```text
//! struct { opaque digest[32]; } FrameDigest
//! struct { uint8 version = 1; uint32 leaf_index; FrameDigest frames<V>; opaque signature[64]; } Missed
//! signature = Ed25519(leaf key, "twiza missed v1\0" || address of that mailbox || digests)
//! ```

use crate::roster::{Roster, RosterEntry};
use crate::{CryptoError, wire};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use twiza_protocol::{FrameDigest, MailboxAddress};

const VERSION: u8 = 1;
const WHAT: &str = "missed frames";
const LABEL: &[u8] = b"twiza missed v1\0";

/// A member's word that others have not read these frames.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Missed {
    version: u8,
    /// The leaf of whoever says so.
    pub leaf_index: u32,
    frames: Vec<[u8; 32]>,
    signature: [u8; 64],
}

impl Missed {
    pub(crate) fn new(
        leaf_index: u32,
        address: &MailboxAddress,
        frames: &[FrameDigest],
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Self {
        let frames: Vec<[u8; 32]> = frames.iter().map(|digest| *digest.as_bytes()).collect();
        let signature = sign(&signed(address, &frames));
        Self { version: VERSION, leaf_index, frames, signature }
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
        let missed: Self = wire::decode(octets, WHAT)?;
        if missed.version == VERSION { Ok(missed) } else { Err(CryptoError::Malformed(WHAT)) }
    }

    /// Who says that of this mailbox, if it was in that epoch and signed; and which frames.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`].
    pub fn verify<'a>(
        &self,
        roster: &'a Roster,
        address: &MailboxAddress,
    ) -> Result<(&'a RosterEntry, impl Iterator<Item = FrameDigest> + '_), CryptoError> {
        let entry = roster.at(self.leaf_index).ok_or(CryptoError::Unverified(WHAT))?;
        entry.verify(&signed(address, &self.frames), &self.signature, WHAT)?;
        Ok((entry, self.frames.iter().map(|digest| FrameDigest::from_bytes(*digest))))
    }
}

fn signed(address: &MailboxAddress, frames: &[[u8; 32]]) -> Vec<u8> {
    [LABEL, address.as_bytes(), &frames.concat()].concat()
}
