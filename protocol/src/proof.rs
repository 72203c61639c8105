//! Proofs: every request about a mailbox is signed by the mailbox key.
//!
//! ```text
//! transcript = "twiza proof v1\0" || relay key (32) || u8(verb) || address (32) || u64(minutes)
//!              || u64(argument) || SHA-256(body) (32)
//! header     = twiza-proof: <minutes> "." <base64url(Ed25519 signature)>
//! ```
//!
//! [`crate::pass`] has a cheaper one for who gave such a proof lately. The relay key binds the proof to one relay, the verb and the argument to one operation, the minutes to a window of
//! twenty. Within that window a repeat is harmless: open and append are idempotent, read and watch change nothing.

use crate::{CoarseTime, FrameDigest, MailboxAddress, RelayKey, Sequence, encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

/// The HTTP header that carries a proof.
pub const PROOF_HEADER: &str = "twiza-proof";

const LABEL: &[u8] = b"twiza proof v1\0";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Open the mailbox, or move its expiry forward.
    Open,
    /// Append a frame.
    Append {
        /// Whether the frame closes the mailbox.
        closing: bool,
    },
    /// Read frames after a place.
    Read {
        /// The last place that the reader has.
        after: Sequence,
    },
    /// Watch for frames after a place.
    Watch {
        /// The last place that the watcher has.
        after: Sequence,
    },
}

impl Verb {
    fn code_and_argument(self) -> (u8, u64) {
        match self {
            Self::Open => (1, 0),
            Self::Append { closing } => (2, u64::from(closing)),
            Self::Read { after } => (3, after.0),
            Self::Watch { after } => (4, after.0),
        }
    }
}

/// What a proof is about, apart from the mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The relay that is asked.
    pub relay: &'a RelayKey,
    /// The operation.
    pub verb: Verb,
    /// The sender's time, corrected by what the relay told of its own.
    pub time: CoarseTime,
    /// SHA-256 of the request's body: of the empty string for read and for an entry of watch.
    pub body: FrameDigest,
}

impl Request<'_> {
    pub(crate) fn transcript(&self, address: &MailboxAddress) -> Vec<u8> {
        let (code, argument) = self.verb.code_and_argument();
        [
            LABEL,
            self.relay.as_bytes(),
            &[code],
            address.as_bytes(),
            &self.time.0.to_be_bytes(),
            &argument.to_be_bytes(),
            self.body.as_bytes(),
        ]
        .concat()
    }
}

/// A signed claim to hold a mailbox's key, good for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The time at which it was made.
    pub time: CoarseTime,
    /// The Ed25519 signature over the transcript.
    pub signature: [u8; 64],
}

/// Why a proof was refused. The requester's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// Not of the form `minutes.signature` or `minutes.mac`.
    #[error("the proof is not of the form minutes.signature")]
    Malformed,
    /// The signature does not verify under the address.
    #[error("the signature does not fit mailbox, request and relay")]
    Invalid,
    /// Right signature, but made at a time too far from the relay's.
    #[error("the proof's time is too far from the relay's")]
    ClockSkewed,
}

impl Proof {
    /// Checks the proof of one request: `request.time` is taken from the proof, `now` from the verifier's clock.
    ///
    /// # Errors
    /// [`ProofError::ClockSkewed`] or [`ProofError::Invalid`]; the signature is checked first, so that only the
    /// holder of the key learns of a wrong clock.
    pub fn verify(
        &self,
        address: &MailboxAddress,
        relay: &RelayKey,
        verb: Verb,
        body: FrameDigest,
        now: CoarseTime,
    ) -> Result<(), ProofError> {
        let key = VerifyingKey::from_bytes(address.as_bytes()).map_err(|_| ProofError::Invalid)?;
        let request = Request { relay, verb, time: self.time, body };
        key.verify_strict(&request.transcript(address), &Signature::from_bytes(&self.signature))
            .map_err(|_| ProofError::Invalid)?;
        if self.time.is_near(now) { Ok(()) } else { Err(ProofError::ClockSkewed) }
    }
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.time.0, encoding::encode(&self.signature))
    }
}

impl std::str::FromStr for Proof {
    type Err = ProofError;

    fn from_str(text: &str) -> Result<Self, ProofError> {
        let (time, signature) = parse(text)?;
        Ok(Self { time, signature })
    }
}

/// Parses `<minutes>.<base64url>`.
pub(crate) fn parse<const N: usize>(text: &str) -> Result<(CoarseTime, [u8; N]), ProofError> {
    let (minutes, octets) = text.split_once('.').ok_or(ProofError::Malformed)?;
    let canonical = !minutes.is_empty() && minutes.bytes().all(|b| b.is_ascii_digit());
    let minutes = minutes.parse().ok().filter(|_| canonical).ok_or(ProofError::Malformed)?;
    let octets = encoding::decode(octets).map_err(|_| ProofError::Malformed)?;
    Ok((CoarseTime(minutes), octets))
}

impl serde::Serialize for Proof {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Proof {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
