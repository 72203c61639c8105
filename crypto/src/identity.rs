//! A person's identity: one Ed25519 key for a profile, in all its alliances.

use crate::{CryptoError, Random};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The public identity of a person.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    tls_codec::TlsSerialize,
    tls_codec::TlsDeserialize,
    tls_codec::TlsSize,
)]
pub struct Identity([u8; 32]);

impl Identity {
    /// The identity with this public key.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What an invitation carries and safety words are made of: SHA-256 of the public key under a label.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"twiza identity v1\0").chain_update(self.0).finalize().into()
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), CryptoError> {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .map_err(|_| CryptoError::Unverified("an identity's signature"))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

/// The private half of an [`Identity`]. Wiped from memory when dropped.
pub struct IdentityKey(SigningKey);

impl IdentityKey {
    /// A new identity.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] where no randomness can be had.
    pub fn generate(random: &Random) -> Result<Self, CryptoError> {
        let seed = Zeroizing::new(random.array()?);
        Ok(Self::from_seed(&seed))
    }

    /// The identity with this seed, from an encrypted store.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for an encrypted store.
    #[must_use]
    pub fn expose_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("IdentityKey(redacted)")
    }
}
