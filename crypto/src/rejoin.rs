//! Notes for one member alone, in its recovery mailbox: asking to come back, being let in again, being called.
//!
//! ```text
//! struct { uint8 version = 1; uint8 kind; opaque body<V>; } Note          sealed by HPKE to the recovery key
//!   kind 1: request   kind 2: an MLS Welcome   kind 3: call
//! struct { opaque body<V>; opaque signature[64]; } Signed
//!   signature = Ed25519(identity key, label || body)
//! struct { opaque alliance[32]; uint32 generation; uint64 epoch; uint32 day; opaque identity[32];
//!          opaque key_package<V>; } Request                label "twiza rejoin request v1\0"
//! struct { opaque alliance[32]; uint32 generation; uint32 day; opaque caller[32]; Identity without<V>;
//!          RecoveryMailbox mailbox; } Call                 label "twiza reboot call v1\0"
//! ```
//!
//! A request is a fresh key package (RFC 9420, section 10) for somebody who has a seat already: whoever has the identity
//! key has the seat. A call is an organiser's word that it has founded the alliance anew, and where to ask to be let in:
//! each member answers with a request, so that no key package is kept for it in advance and none is used twice (RFC 9420,
//! section 16.8). Neither gives anything by itself: who may be let in, the judge decides.

use crate::alliance::AllianceId;
use crate::bearings::Bearings;
use crate::group::join::JoinRequest;
use crate::identity::{Identity, IdentityKey};
use crate::recovery::{self, RecoveryKey, RecoveryMailbox};
use crate::{CryptoError, wire};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::ExpiryDay;

const VERSION: u8 = 1;
const REQUEST_LABEL: &[u8] = b"twiza rejoin request v1\0";
const CALL_LABEL: &[u8] = b"twiza reboot call v1\0";

/// What somebody left in a recovery mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The octets of a [`RejoinRequest`].
    Request(Vec<u8>),
    /// An MLS Welcome.
    Welcome(Vec<u8>),
    /// The octets of a [`RebootCall`].
    Call(Vec<u8>),
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedNote {
    version: u8,
    kind: u8,
    body: VLBytes,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Signed {
    body: VLBytes,
    signature: [u8; 64],
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedRequest {
    alliance: AllianceId,
    generation: u32,
    epoch: u64,
    day: u32,
    identity: Identity,
    key_package: VLBytes,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct EncodedCall {
    alliance: AllianceId,
    generation: u32,
    day: u32,
    caller: Identity,
    without: Vec<Identity>,
    mailbox: recovery::Encoded,
}

impl Note {
    /// Seals it for the owner of a recovery mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Mls`] where the mailbox's key is no key.
    pub fn seal(&self, to: &RecoveryMailbox) -> Result<Vec<u8>, CryptoError> {
        to.seal(&self.encode()?)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let (kind, body) = match self {
            Self::Request(body) => (1, body),
            Self::Welcome(body) => (2, body),
            Self::Call(body) => (3, body),
        };
        wire::encode(&EncodedNote { version: VERSION, kind, body: body.as_slice().into() })
    }

    /// Opens what was sealed for oneself.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] for what was sealed for somebody else; [`CryptoError::Malformed`], also for a kind of a
    /// later version.
    pub fn open(key: &RecoveryKey, sealed: &[u8]) -> Result<Self, CryptoError> {
        Self::decode(&key.open(sealed)?)
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        const MALFORMED: CryptoError = CryptoError::Malformed("recovery note");
        let EncodedNote { version, kind, body } = wire::decode(octets, "recovery note")?;
        let body = body.into();
        match (version, kind) {
            (VERSION, 1) => Ok(Self::Request(body)),
            (VERSION, 2) => Ok(Self::Welcome(body)),
            (VERSION, 3) => Ok(Self::Call(body)),
            _ => Err(MALFORMED),
        }
    }
}

/// Somebody asks to come back with new keys; verified to be of that identity.
#[derive(Debug, Clone)]
pub struct RejoinRequest {
    /// Into which alliance.
    pub alliance: AllianceId,
    /// The generation that the requester knows.
    pub generation: u32,
    /// The epoch that the requester knew last.
    pub epoch: u64,
    /// When it asked, by its own clock.
    pub day: ExpiryDay,
    /// The key package, and who asks.
    pub join: JoinRequest,
}

impl RejoinRequest {
    /// Signs a request for the alliance of these bearings, of this generation or a later one.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn sign(
        key: &IdentityKey,
        bearings: &Bearings,
        generation: u32,
        day: ExpiryDay,
        key_package: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let body = wire::encode(&EncodedRequest {
            alliance: bearings.state.id,
            generation,
            epoch: bearings.epoch,
            day: day.0,
            identity: key.identity(),
            key_package: key_package.into(),
        })?;
        sign(key, REQUEST_LABEL, body)
    }

    /// Reads and verifies a request: the identity's signature, the key package, and that both are of one identity.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`], [`CryptoError::Unverified`], or those of [`JoinRequest::verify`].
    pub fn verify(octets: &[u8]) -> Result<Self, CryptoError> {
        let signed: Signed = wire::decode(octets, "rejoin request")?;
        let request: EncodedRequest = wire::decode(signed.body.as_ref(), "rejoin request")?;
        verify(&request.identity, REQUEST_LABEL, &signed)?;
        let join = JoinRequest::verify(request.key_package.as_ref())?;
        if join.person.identity != request.identity {
            return Err(CryptoError::Unverified("the identity of a rejoin request"));
        }
        let EncodedRequest { alliance, generation, epoch, day, .. } = request;
        Ok(Self { alliance, generation, epoch, day: ExpiryDay(day), join })
    }
}

/// An organiser has founded the alliance anew, and says where to ask to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebootCall {
    /// Which alliance.
    pub alliance: AllianceId,
    /// The generation that it has now.
    pub generation: u32,
    /// When, by the caller's clock.
    pub day: ExpiryDay,
    /// Who calls.
    pub caller: Identity,
    /// Who is left out.
    pub without: Vec<Identity>,
    /// Where the caller waits for requests.
    pub mailbox: RecoveryMailbox,
}

impl RebootCall {
    /// Signs the call; `caller` must be the key's identity.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn sign(&self, key: &IdentityKey) -> Result<Vec<u8>, CryptoError> {
        if key.identity() != self.caller {
            return Err(CryptoError::Bug("a call by somebody else"));
        }
        let body = wire::encode(&EncodedCall {
            alliance: self.alliance,
            generation: self.generation,
            day: self.day.0,
            caller: self.caller,
            without: self.without.clone(),
            mailbox: self.mailbox.encoded(),
        })?;
        sign(key, CALL_LABEL, body)
    }

    /// Reads a call and verifies its caller's signature; whether that is an organiser, the reader's own state says.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`], [`CryptoError::Unverified`] or [`CryptoError::KeyLength`].
    pub fn verify(octets: &[u8]) -> Result<Self, CryptoError> {
        let signed: Signed = wire::decode(octets, "call")?;
        let call: EncodedCall = wire::decode(signed.body.as_ref(), "call")?;
        verify(&call.caller, CALL_LABEL, &signed)?;
        let EncodedCall { alliance, generation, day, caller, without, mailbox } = call;
        let mailbox = RecoveryMailbox::from_encoded(mailbox)?;
        Ok(Self { alliance, generation, day: ExpiryDay(day), caller, without, mailbox })
    }

    /// Of two calls, the one that all members follow: the higher generation, then the smaller identity.
    #[must_use]
    pub fn precedes(&self, generation: u32, caller: &Identity) -> bool {
        (self.generation, std::cmp::Reverse(self.caller)) > (generation, std::cmp::Reverse(*caller))
    }
}

fn sign(key: &IdentityKey, label: &[u8], body: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
    let signature = key.sign(&[label, &body].concat());
    wire::encode(&Signed { body: body.into(), signature })
}

fn verify(identity: &Identity, label: &[u8], signed: &Signed) -> Result<(), CryptoError> {
    identity.verify(&[label, signed.body.as_ref()].concat(), &signed.signature)
}
