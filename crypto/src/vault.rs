//! The vault: a store's random key, wrapped under a passphrase.
//!
//! ```text
//! struct { uint8 version = 1; uint32 memory_kib; uint32 passes; uint32 lanes; opaque salt[16];
//!          opaque nonce[24]; opaque wrapped[48]; } Vault
//! wrapped = XChaCha20-Poly1305(Argon2id(passphrase, salt), nonce, key, ad = all fields before nonce)
//! ```
//!
//! Argon2id by RFC 9106, its second recommended choice (section 4): 64 MiB, 3 passes, 4 lanes.

use crate::{CryptoError, Random, wire};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// Most memory that a vault file may ask for, in KiB: a damaged file must not take the machine down.
const MEMORY_KIB_MAX: u32 = 4 << 20;
const PASSES_MAX: u32 = 64;

/// What a guess of the passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct VaultCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for VaultCost {
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

/// The key of an encrypted store. Wiped from memory when dropped.
pub struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    /// The octets, for the database.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("StoreKey(redacted)")
    }
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Vault {
    version: u8,
    cost: VaultCost,
    salt: [u8; 16],
    nonce: [u8; 24],
    wrapped: [u8; 48],
}

impl Vault {
    fn associated_data(&self) -> Result<Vec<u8>, CryptoError> {
        Ok([vec![self.version], wire::encode(&self.cost)?, self.salt.to_vec()].concat())
    }
}

/// The cipher under a passphrase: Argon2id at this cost, which comes from a file and is bounded.
///
/// # Errors
/// [`CryptoError::Malformed`] for a cost that no file of ours has.
pub(crate) fn passphrase_cipher(
    passphrase: &str,
    cost: VaultCost,
    salt: &[u8; 16],
) -> Result<XChaCha20Poly1305, CryptoError> {
    let VaultCost { memory_kib, passes, lanes } = cost;
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX {
        return Err(CryptoError::Malformed("vault"));
    }
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| CryptoError::Malformed("vault"))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| CryptoError::Bug("Argon2id failed"))?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

/// Makes a store key and the vault file that keeps it.
///
/// # Errors
/// [`CryptoError::Entropy`] where no randomness can be had.
pub fn create(passphrase: &str, cost: VaultCost, random: &Random) -> Result<(Vec<u8>, StoreKey), CryptoError> {
    let key = StoreKey(Zeroizing::new(random.array()?));
    let mut vault = Vault { version: VERSION, cost, salt: random.array()?, nonce: random.array()?, wrapped: [0; 48] };
    let aad = vault.associated_data()?;
    let payload = Payload { msg: &*key.0, aad: &aad };
    let wrapped =
        passphrase_cipher(passphrase, vault.cost, &vault.salt)?.encrypt(XNonce::from_slice(&vault.nonce), payload);
    let wrapped = wrapped.map_err(|_| CryptoError::Bug("sealing failed"))?;
    vault.wrapped = wrapped.try_into().map_err(|_| CryptoError::Bug("a wrapped key of another length"))?;
    Ok((wire::encode(&vault)?, key))
}

/// Opens a vault file.
///
/// # Errors
/// [`CryptoError::Unverified`] for a wrong passphrase (or a file that was tampered with: the two look alike);
/// [`CryptoError::Malformed`] for a file that is no vault.
pub fn open(vault: &[u8], passphrase: &str) -> Result<StoreKey, CryptoError> {
    let vault: Vault = wire::decode(vault, "vault")?;
    if vault.version != VERSION {
        return Err(CryptoError::Malformed("vault"));
    }
    let aad = vault.associated_data()?;
    let payload = Payload { msg: &vault.wrapped, aad: &aad };
    let opened =
        passphrase_cipher(passphrase, vault.cost, &vault.salt)?.decrypt(XNonce::from_slice(&vault.nonce), payload);
    let opened = Zeroizing::new(opened.map_err(|_| CryptoError::Unverified("the passphrase"))?);
    let key = opened.as_slice().try_into().map_err(|_| CryptoError::Malformed("vault"))?;
    Ok(StoreKey(Zeroizing::new(key)))
}
