//! Who was in an epoch, kept after it: enough to tell who vouched for what, and nothing that opens a message.
//!
//! A member that has gone on to the next epoch has dropped the secrets of the last (RFC 9420, section 9.2), but still
//! has to judge who says what about it: a rival commit that a rolled-back relay took, or a member's report.

use crate::alliance::Role;
use crate::content::AuthorSeal;
use crate::credential::Person;
use crate::identity::Identity;
use crate::name::Name;
use crate::{CryptoError, wire};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use twiza_protocol::MailboxAddress;

const COMMIT_LABEL: &[u8] = b"twiza commit v1\0";

/// A member of that epoch.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct RosterEntry {
    /// Its leaf (RFC 9420, section 4.1).
    pub leaf_index: u32,
    /// Its leaf's signature key.
    pub signature_key: [u8; 32],
    /// Who.
    pub identity: Identity,
    /// Called how.
    pub name: Name,
    /// For which organisation.
    pub organisation: Name,
    /// Could do what.
    pub role: Role,
}

impl RosterEntry {
    /// Who it was.
    #[must_use]
    pub fn person(&self) -> Person {
        Person { identity: self.identity, name: self.name.clone(), organisation: self.organisation.clone() }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64], what: &'static str) -> Result<(), CryptoError> {
        VerifyingKey::from_bytes(&self.signature_key)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .map_err(|_| CryptoError::Unverified(what))
    }
}

/// Everybody in one epoch, by leaf.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct Roster {
    /// In the order of the tree.
    pub entries: Vec<RosterEntry>,
}

impl Roster {
    /// The member at a leaf.
    #[must_use]
    pub fn at(&self, leaf_index: u32) -> Option<&RosterEntry> {
        self.entries.iter().find(|entry| entry.leaf_index == leaf_index)
    }

    /// Who vouched for a commit by its leaf key.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where nobody did.
    pub fn verify_author(
        &self,
        address: &MailboxAddress,
        commit: &[u8],
        seal: &AuthorSeal,
    ) -> Result<&RosterEntry, CryptoError> {
        const WHAT: &str = "a commit's author";
        let entry = self.at(seal.leaf_index).ok_or(CryptoError::Unverified(WHAT))?;
        entry.verify(&sealed_by_author(address, commit, &seal.removes), &seal.signature, WHAT)?;
        Ok(entry)
    }

    /// The octets, for a store.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        wire::encode(self)
    }

    /// Reads a roster.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        wire::decode(octets, "roster")
    }
}

/// What a commit's author signs: the mailbox, the commit, and whom it says to remove.
pub(crate) fn sealed_by_author(address: &MailboxAddress, commit: &[u8], removes: &[u32]) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(commit).into();
    let mut message = [COMMIT_LABEL, address.as_bytes(), &digest].concat();
    message.extend(removes.iter().flat_map(|leaf| leaf.to_be_bytes()));
    message
}
