//! Invitations: a relay, a secret and the inviter's fingerprint, as a link.
//!
//! ```text
//! link       = "twiza:join:" || base64url(encoded || SHA-256("twiza invitation v1\0" || encoded)[0..4])
//! encoded    = struct { uint8 version = 1; opaque relay<V>; opaque secret[16]; opaque inviter[32]; uint32 expires; }
//! seed, key  = HKDF-SHA256(secret, info = label || relay key)              (RFC 5869)
//! ```
//!
//! The secret leads to a short-lived **rendezvous mailbox**: the joiner leaves an encrypted key package there, the
//! inviter its answer. The first request in the mailbox is the one that counts: a second joiner sees it, and so does
//! the real joiner if somebody else was faster. Whoever has a copy of the link can write there, so answers are by the
//! inviter's hand: a Welcome is signed within MLS, and
//!
//! ```text
//! decline = identity (32) || Ed25519(identity, "twiza decline v1\0" || rendezvous address (32))
//! ```

use crate::epoch::Branch;
use crate::identity::{Identity, IdentityKey};
use crate::seal::FrameKey;
use crate::{CryptoError, Random, wire};
use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::{ExpiryDay, MailboxKey, RelayAddress};
use zeroize::Zeroizing;

const DECLINE_LABEL: &[u8] = b"twiza decline v1\0";

/// What an invitation link starts with.
pub const LINK_PREFIX: &str = "twiza:join:";

const VERSION: u8 = 1;
const CHECKSUM_LABEL: &[u8] = b"twiza invitation v1\0";

/// An invitation. Whoever has it can ask to join once, until it expires.
pub struct Invitation {
    /// Where the rendezvous mailbox is.
    pub relay: RelayAddress,
    /// The inviter's fingerprint: only its Welcome is accepted.
    pub inviter: [u8; 32],
    /// The last day on which it is good.
    pub expires: ExpiryDay,
    secret: Zeroizing<[u8; 16]>,
}

/// A text that is no invitation. The user's fault: copy it again, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// It does not start with `twiza:join:`.
    #[error("an invitation starts with twiza:join:")]
    Prefix,
    /// The checksum does not fit: a character is missing or mistyped.
    #[error("the invitation is incomplete or mistyped")]
    Damaged,
    /// It is of a later version.
    #[error("the invitation is of a later version of Twiza")]
    Version,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    version: u8,
    relay: VLBytes,
    secret: [u8; 16],
    inviter: [u8; 32],
    expires: u32,
}

/// The keys of a rendezvous mailbox.
#[derive(Debug)]
pub struct Rendezvous {
    /// Opens the mailbox.
    pub mailbox: MailboxKey,
    /// Seals and opens its frames.
    pub frame: FrameKey,
}

impl Invitation {
    /// A new invitation.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] where no randomness can be had.
    pub fn new(
        relay: RelayAddress,
        inviter: [u8; 32],
        expires: ExpiryDay,
        random: &Random,
    ) -> Result<Self, CryptoError> {
        Ok(Self { relay, inviter, expires, secret: Zeroizing::new(random.array()?) })
    }

    /// The link.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn to_link(&self) -> Result<Zeroizing<String>, CryptoError> {
        let mut octets = Zeroizing::new(wire::encode(&Encoded {
            version: VERSION,
            relay: self.relay.to_string().into_bytes().into(),
            secret: *self.secret,
            inviter: self.inviter,
            expires: self.expires.0,
        })?);
        let checksum = checksum(&octets);
        octets.extend_from_slice(&checksum);
        Ok(Zeroizing::new(format!("{LINK_PREFIX}{}", BASE64URL_NOPAD.encode(&octets))))
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`InvitationError`] says what is wrong with it.
    pub fn from_link(link: &str) -> Result<Self, InvitationError> {
        let text = link.trim().strip_prefix(LINK_PREFIX).ok_or(InvitationError::Prefix)?;
        let octets = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvitationError::Damaged)?;
        let octets = Zeroizing::new(octets);
        let (encoded, found) = octets.split_last_chunk::<4>().ok_or(InvitationError::Damaged)?;
        if checksum(encoded) != *found {
            return Err(InvitationError::Damaged);
        }
        if encoded.first() != Some(&VERSION) {
            return Err(InvitationError::Version);
        }
        let parsed: Encoded = wire::decode(encoded, "invitation").map_err(|_| InvitationError::Damaged)?;
        let relay = std::str::from_utf8(parsed.relay.as_ref()).ok().and_then(|text| text.parse().ok());
        Ok(Self {
            relay: relay.ok_or(InvitationError::Damaged)?,
            inviter: parsed.inviter,
            expires: ExpiryDay(parsed.expires),
            secret: Zeroizing::new(parsed.secret),
        })
    }

    /// The inviter's answer that nobody will be let in.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn decline(&self, inviter: &IdentityKey) -> Result<Vec<u8>, CryptoError> {
        let signature = inviter.sign(&self.declined()?);
        Ok([&inviter.identity().as_bytes()[..], &signature].concat())
    }

    /// Checks that it was the inviter who declined.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where it was somebody else.
    pub fn verify_decline(&self, answer: &[u8]) -> Result<(), CryptoError> {
        const UNVERIFIED: CryptoError = CryptoError::Unverified("a decline");
        let (identity, signature) = answer.split_first_chunk().ok_or(UNVERIFIED)?;
        let (identity, signature) = (Identity::from_bytes(*identity), signature.try_into().map_err(|_| UNVERIFIED)?);
        if identity.fingerprint() != self.inviter {
            return Err(UNVERIFIED);
        }
        identity.verify(&self.declined()?, signature)
    }

    fn declined(&self) -> Result<Vec<u8>, CryptoError> {
        Ok([DECLINE_LABEL, self.rendezvous()?.mailbox.address().as_bytes()].concat())
    }

    /// The keys of its rendezvous mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn rendezvous(&self) -> Result<Rendezvous, CryptoError> {
        let expand = |label: &[u8]| -> Result<Zeroizing<[u8; 32]>, CryptoError> {
            let mut output = Zeroizing::new([0; 32]);
            let info = [label, self.relay.key().as_bytes()].concat();
            Hkdf::<Sha256>::new(None, &*self.secret)
                .expand(&info, &mut *output)
                .map_err(|_| CryptoError::Bug("HKDF length"))?;
            Ok(output)
        };
        let mailbox = MailboxKey::from_seed(&*expand(b"twiza rendezvous mailbox v1\0")?);
        let key = expand(b"twiza rendezvous frame v1\0")?;
        Ok(Rendezvous { frame: FrameKey::new(&key, mailbox.address(), Branch::default()), mailbox })
    }
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { relay: _, inviter: _, expires, secret: _ } = self;
        write!(f, "Invitation(expires {expires:?}, redacted)")
    }
}

fn checksum(encoded: &[u8]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new().chain_update(CHECKSUM_LABEL).chain_update(encoded).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
