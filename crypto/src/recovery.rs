//! The recovery mailbox that every leaf names: where fellow members can leave something for one member alone.
//!
//! A member makes it for one alliance, with its own mailbox key and its own hybrid KEM key, and tells both to fellow
//! members only, in an extension of its leaf. What is put there is sealed to the KEM key (HPKE, RFC 9180), and then into
//! frames like all others, under a key that is HKDF-SHA256 of the mailbox's seed.

use crate::epoch::Branch;
use crate::seal::FrameKey;
use crate::suite::{HYBRID_PUBLIC_KEY_BYTES, RECOVERY_EXTENSION, hpke_config};
use crate::{CryptoError, Random, wire};
use hkdf::Hkdf;
use openmls::prelude::{Extension, Extensions, LeafNode, UnknownExtension};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::HpkeCiphertext;
use sha2::Sha256;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::MailboxKey;
use zeroize::{Zeroize, Zeroizing};

const INFO: &[u8] = b"twiza recovery v1\0";
const FRAME_LABEL: &[u8] = b"twiza recovery frame v1\0";

/// What fellow members know of somebody's recovery mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryMailbox {
    seed: Zeroizing<[u8; 32]>,
    kem_public: Vec<u8>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
pub(crate) struct Encoded {
    seed: [u8; 32],
    kem_public: VLBytes,
}

/// The private half of somebody's own recovery mailbox, for the group's state. Wiped from memory when dropped.
pub struct RecoveryKey(Zeroizing<[u8; 64]>);

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed: _, kem_public: _ } = self;
        f.write_str("Encoded(redacted)")
    }
}

impl RecoveryKey {
    /// A new recovery mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] where no randomness can be had.
    pub fn generate(random: &Random) -> Result<Self, CryptoError> {
        Ok(Self(Zeroizing::new(random.array()?)))
    }

    /// The recovery mailbox with these octets, from an encrypted store.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where they are too few or too many.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, CryptoError> {
        let octets = octets.try_into().map_err(|_| CryptoError::Bug("a recovery key of another length"))?;
        Ok(Self(Zeroizing::new(octets)))
    }

    /// The octets, for an encrypted store.
    #[must_use]
    pub fn expose(&self) -> Vec<u8> {
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

    /// Opens the frames of the mailbox, as everybody can who is told of it.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn frame_key(&self) -> Result<FrameKey, CryptoError> {
        let (mut seed, _) = self.halves()?;
        let key = frame_key(&seed);
        seed.zeroize();
        key
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

    /// Seals the mailbox's frames: whoever is told of the mailbox can, and only its owner reads what [`Self::seal`] put
    /// inside.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn frame_key(&self) -> Result<FrameKey, CryptoError> {
        frame_key(&self.seed)
    }

    pub(crate) fn encoded(&self) -> Encoded {
        Encoded { seed: *self.seed, kem_public: self.kem_public.as_slice().into() }
    }

    pub(crate) fn from_encoded(encoded: Encoded) -> Result<Self, CryptoError> {
        let kem_public: Vec<u8> = encoded.kem_public.into();
        if kem_public.len() != HYBRID_PUBLIC_KEY_BYTES {
            return Err(CryptoError::KeyLength);
        }
        Ok(Self { seed: Zeroizing::new(encoded.seed), kem_public })
    }

    pub(crate) fn extension(&self) -> Result<Extension, CryptoError> {
        Ok(Extension::Unknown(RECOVERY_EXTENSION, UnknownExtension(wire::encode(&self.encoded())?)))
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
        Self::from_encoded(wire::decode(&found.0, "recovery mailbox")?)
    }
}

impl std::fmt::Debug for RecoveryMailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed: _, kem_public: _ } = self;
        f.write_str("RecoveryMailbox(redacted)")
    }
}

fn frame_key(seed: &[u8; 32]) -> Result<FrameKey, CryptoError> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(None, seed).expand(FRAME_LABEL, &mut *key);
    expanded.map_err(|_| CryptoError::Bug("HKDF length"))?;
    Ok(FrameKey::new(&key, MailboxKey::from_seed(seed).address(), Branch::default()))
}
