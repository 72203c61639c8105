//! The private key of a mailbox.

use crate::{MailboxAddress, Proof, Request};
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

/// The Ed25519 private key behind a [`MailboxAddress`]. Wiped from memory when dropped.
pub struct MailboxKey(SigningKey);

impl MailboxKey {
    /// The key with this seed (RFC 8032, section 5.1.5). The seed comes from a key schedule or a random generator.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for storage under encryption or for handing to a fellow member inside it.
    #[must_use]
    pub fn expose_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The address that this key opens.
    #[must_use]
    pub fn address(&self) -> MailboxAddress {
        MailboxAddress::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a request.
    #[must_use]
    pub fn prove(&self, request: &Request<'_>) -> Proof {
        let signature = self.0.sign(&request.transcript(&self.address()));
        Proof { time: request.time, signature: signature.to_bytes() }
    }
}

impl std::fmt::Debug for MailboxKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("MailboxKey(redacted)")
    }
}
