//! The recovery mailbox that every leaf names: where fellow members can leave something for one member alone.
//!
//! A member makes it for one alliance, with its own mailbox key and its own hybrid KEM key, and tells both to fellow
//! members only, in an extension of its leaf. What is put there is sealed to the KEM key (HPKE, RFC 9180).

use crate::suite::{HYBRID_PUBLIC_KEY_BYTES, RECOVERY_EXTENSION, hpke_config};
use crate::{CryptoError, Random, wire};
use openmls::prelude::{Extension, Extensions, LeafNode, UnknownExtension};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::HpkeCiphertext;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::MailboxKey;
use zeroize::{Zeroize, Zeroizing};

const INFO: &[u8] = b"twiza recovery v1\0";

/// What fellow members know of somebody's recovery mailbox.
pub struct RecoveryMailbox {
    seed: Zeroizing<[u8; 32]>,
    kem_public: Vec<u8>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    seed: [u8; 32],
    kem_public: VLBytes,
}

/// The private half of somebody's own recovery mailbox, for the group's state. Wiped from memory when dropped.
pub struct RecoveryKey(Zeroizing<[u8; 64]>);

impl RecoveryKey {
    /// A new recovery mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] where no randomness can be had.
    pub fn generate(random: &Random) -> Result<Self, CryptoError> {
        Ok(Self(Zeroizing::new(random.array()?)))
    }

    pub(crate) fn from_bytes(octets: &[u8]) -> Result<Self, CryptoError> {
        let octets = octets.try_into().map_err(|_| CryptoError::Bug("a recovery key of another length"))?;
        Ok(Self(Zeroizing::new(octets)))
    }

    pub(crate) fn expose(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn halves(&self) -> Result<([u8; 32], Zeroizing<Vec<u8>>), CryptoError> {
        let (seed, ikm) = self.0.split_first_chunk().ok_or(CryptoError::Bug("a recovery key of another length"))?;
        Ok((*seed, Zeroizing::new(ikm.to_vec())))
    }

    /// The mailbox's key.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn mailbox(&self) -> Result<MailboxKey, CryptoError> {
        let (mut seed, _) = self.halves()?;
        let key = MailboxKey::from_seed(&seed);
        seed.zeroize();
        Ok(key)
    }

    /// What fellow members are told.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn public(&self) -> Result<RecoveryMailbox, CryptoError> {
        let (seed, ikm) = self.halves()?;
        let pair = RustCrypto::default().derive_hpke_keypair(hpke_config(), &ikm).map_err(CryptoError::mls)?;
        Ok(RecoveryMailbox { seed: Zeroizing::new(seed), kem_public: pair.public })
    }

    /// Opens what a fellow member sealed.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] or [`CryptoError::Unverified`].
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let ciphertext: HpkeCiphertext = wire::decode(sealed, "recovery payload")?;
        let (_, ikm) = self.halves()?;
        let crypto = RustCrypto::default();
        let pair = crypto.derive_hpke_keypair(hpke_config(), &ikm).map_err(CryptoError::mls)?;
        crypto
            .hpke_open(hpke_config(), &ciphertext, &pair.private, INFO, &[])
            .map_err(|_| CryptoError::Unverified("a recovery payload"))
    }
}

impl RecoveryMailbox {
    /// The mailbox's key: whoever is told of the mailbox may append to it.
    #[must_use]
    pub fn mailbox(&self) -> MailboxKey {
        MailboxKey::from_seed(&self.seed)
    }

    /// Seals something that only its owner can open.
    ///
    /// # Errors
    /// [`CryptoError::Mls`] where the key is no key.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let sealed = RustCrypto::default().hpke_seal(hpke_config(), &self.kem_public, INFO, &[], plaintext);
        wire::encode(&sealed.map_err(CryptoError::mls)?)
    }

    pub(crate) fn extension(&self) -> Result<Extension, CryptoError> {
        let encoded = Encoded { seed: *self.seed, kem_public: self.kem_public.as_slice().into() };
        Ok(Extension::Unknown(RECOVERY_EXTENSION, UnknownExtension(wire::encode(&encoded)?)))
    }

    /// What a leaf says of its recovery mailbox, which is all that its extensions may say: leaves are of bounded size.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] where it says nothing, or something else, [`CryptoError::KeyLength`] for a key of another length.
    pub(crate) fn of_leaf(extensions: &Extensions<LeafNode>) -> Result<Self, CryptoError> {
        let found = extensions.unknown(RECOVERY_EXTENSION).ok_or(CryptoError::Malformed("recovery mailbox"))?;
        if extensions.iter().count() != 1 {
            return Err(CryptoError::Malformed("leaf extensions"));
        }
        let encoded: Encoded = wire::decode(&found.0, "recovery mailbox")?;
        let kem_public: Vec<u8> = encoded.kem_public.into();
        if kem_public.len() != HYBRID_PUBLIC_KEY_BYTES {
            return Err(CryptoError::KeyLength);
        }
        Ok(Self { seed: Zeroizing::new(encoded.seed), kem_public })
    }
}
