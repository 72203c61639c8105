//! The recovery kit: a file, under a passphrase of its own, by which a lost device is replaced.
//!
//! ```text
//! struct { opaque magic[12] = "twiza kit 1\0"; uint32 memory_kib; uint32 passes; uint32 lanes; opaque salt[16];
//!          opaque nonce[24]; opaque sealed<V>; } File
//! sealed = XChaCha20-Poly1305(Argon2id(passphrase, salt), nonce, Kit, ad = all fields before nonce)
//! struct { opaque seed[32]; opaque name<V>; opaque organisation<V>; KitAlliance alliances<V>; } Kit
//! struct { opaque bearings<V>; opaque mailboxes<V>; } KitAlliance      64 octets a mailbox
//! ```
//!
//! It holds who one is and where one's fellow members can be found, and no key that reads anything of an alliance. Whoever
//! has it and its passphrase is that person to everybody: it lies where the device does not.

use crate::bearings::Bearings;
use crate::identity::IdentityKey;
use crate::name::Name;
use crate::recovery::RecoveryKey;
use crate::vault::{VaultCost, passphrase_cipher};
use crate::{CryptoError, Random, wire};
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use zeroize::{Zeroize, Zeroizing};

const MAGIC: [u8; 12] = *b"twiza kit 1\0";
const MAILBOX_BYTES: usize = 64;

/// One alliance in a kit.
pub struct KitAlliance {
    /// Where its members can be found.
    pub bearings: Bearings,
    /// One's own recovery mailboxes in it: a call after a reboot lies there.
    pub mailboxes: Vec<RecoveryKey>,
}

/// What a kit holds.
pub struct Kit {
    /// Who one is.
    pub key: IdentityKey,
    /// The name under which one joins.
    pub name: Name,
    /// The organisation for which one joins.
    pub organisation: Name,
    /// The alliances that one takes part in.
    pub alliances: Vec<KitAlliance>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct File {
    magic: [u8; 12],
    cost: VaultCost,
    salt: [u8; 16],
    nonce: [u8; 24],
    sealed: VLBytes,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    seed: [u8; 32],
    name: Name,
    organisation: Name,
    alliances: Vec<EncodedAlliance>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedAlliance {
    bearings: VLBytes,
    mailboxes: VLBytes,
}

impl std::fmt::Debug for EncodedAlliance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bearings: _, mailboxes: _ } = self;
        f.write_str("EncodedAlliance(redacted)")
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl File {
    fn associated_data(&self) -> Result<Vec<u8>, CryptoError> {
        Ok([self.magic.to_vec(), wire::encode(&self.cost)?, self.salt.to_vec()].concat())
    }
}

impl Kit {
    /// The octets of the file.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] where no randomness can be had.
    pub fn seal(&self, passphrase: &str, cost: VaultCost, random: &Random) -> Result<Vec<u8>, CryptoError> {
        let mut alliances = Vec::with_capacity(self.alliances.len());
        for KitAlliance { bearings, mailboxes } in &self.alliances {
            let mailboxes: Vec<u8> = mailboxes.iter().flat_map(RecoveryKey::expose).collect();
            alliances.push(EncodedAlliance { bearings: bearings.encode()?.into(), mailboxes: mailboxes.into() });
        }
        let encoded = Encoded {
            seed: *self.key.expose_seed(),
            name: self.name.clone(),
            organisation: self.organisation.clone(),
            alliances,
        };
        let plain = Zeroizing::new(wire::encode(&encoded)?);
        let (salt, nonce) = (random.array()?, random.array()?);
        let mut file = File { magic: MAGIC, cost, salt, nonce, sealed: Vec::new().into() };
        let aad = file.associated_data()?;
        let cipher = passphrase_cipher(passphrase, cost, &file.salt)?;
        let sealed = cipher.encrypt(XNonce::from_slice(&file.nonce), Payload { msg: &plain, aad: &aad });
        file.sealed = sealed.map_err(|_| CryptoError::Bug("sealing failed"))?.into();
        wire::encode(&file)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] for a wrong passphrase (or a file that was changed: the two look alike);
    /// [`CryptoError::Malformed`] for a file that is no kit, or not all of one.
    pub fn open(file: &[u8], passphrase: &str) -> Result<Self, CryptoError> {
        const MALFORMED: CryptoError = CryptoError::Malformed("recovery kit");
        let file: File = wire::decode(file, "recovery kit")?;
        if file.magic != MAGIC {
            return Err(MALFORMED);
        }
        let aad = file.associated_data()?;
        let cipher = passphrase_cipher(passphrase, file.cost, &file.salt)?;
        let opened = cipher.decrypt(XNonce::from_slice(&file.nonce), Payload { msg: file.sealed.as_ref(), aad: &aad });
        let opened = Zeroizing::new(opened.map_err(|_| CryptoError::Unverified("the passphrase"))?);
        let encoded: Encoded = wire::decode(&opened, "recovery kit")?;
        let mut alliances = Vec::with_capacity(encoded.alliances.len());
        for alliance in &encoded.alliances {
            let (mailboxes, rest) = alliance.mailboxes.as_ref().as_chunks::<MAILBOX_BYTES>();
            let mailboxes = mailboxes.iter().map(|key| RecoveryKey::from_bytes(key)).collect::<Result<_, _>>()?;
            if !rest.is_empty() {
                return Err(MALFORMED);
            }
            alliances.push(KitAlliance { bearings: Bearings::decode(alliance.bearings.as_ref())?, mailboxes });
        }
        let key = IdentityKey::from_seed(&encoded.seed);
        Ok(Self { key, name: encoded.name.clone(), organisation: encoded.organisation.clone(), alliances })
    }
}
