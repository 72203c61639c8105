//! The relay's own key: its name in proofs, its pin in addresses, its signature on receipts.

use crate::encoding::base64url_text;
use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

/// A relay's Ed25519 public key. A self-signed relay's TLS certificate carries this very key, so that one value
/// in an address pins both the connection and the receipts (their signatures cannot be confused: RFC 8446,
/// section 4.4.3, prefixes a TLS signature with 64 spaces, ours start with a label).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RelayKey(pub(crate) [u8; 32]);

base64url_text!(RelayKey, 32);

impl RelayKey {
    /// The key with these octets.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The private half of a [`RelayKey`]. Wiped from memory when dropped.
pub struct RelaySigningKey(SigningKey);

impl RelaySigningKey {
    /// The key with this seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for the relay's key file.
    #[must_use]
    pub fn expose_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> RelayKey {
        RelayKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for RelaySigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("RelaySigningKey(redacted)")
    }
}
