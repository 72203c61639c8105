//! Application messages: what members say to each other, inside MLS.
//!
//! ```text
//! struct { uint8 version = 1; uint8 kind; uint64 sent; opaque id[16];
//!          uint64 view_sequence; opaque view_chain[32]; uint64 view_since; opaque view_past[32];
//!          opaque body<V>; } Message
//! ```
//!
//! The body of a text (kind 1) is UTF-8. Motions (see [`mod@crate::motion`]) travel as messages too:
//!
//! ```text
//! 2: struct { Motion motion; opaque signature[64]; }     a motion, with its proposer's approval
//! 3: struct { opaque motion[16]; opaque signature[64]; } an approval
//! 4: struct { opaque motion[16]; }                       by its proposer: the motion is withdrawn; else: one's approval
//! ```
//!
//! Every message carries its sender's **view**: the last frame of this mailbox that the sender had seen, the running hash
//! there, and how the mailboxes ended that it had left since it spoke last. A relay that shows two histories to two
//! members is exposed by the first message that crosses, and one that showed two pasts by the first message of whoever
//! was there.

use crate::motion::{Motion, MotionId};
use crate::past::Past;
use crate::{CryptoError, wire};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::{Chain, Sequence};

const VERSION: u8 = 1;

/// Octets of the longest text.
pub const TEXT_BYTES_MAX: usize = 32 << 20;

/// How far somebody had read when it spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The last place that it had seen in this epoch's mailbox.
    pub sequence: Sequence,
    /// The running hash at that place.
    pub chain: Chain,
    /// The first epoch of those whose mailboxes `past` is about; all up to this mailbox follow.
    pub since: u64,
    /// How those ended.
    pub past: Past,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageBody {
    /// A text.
    Text(String),
    /// A motion, and its proposer's signature as an approval of it.
    Motion(Box<Motion>, [u8; 64]),
    /// An approval of a motion.
    Approval(MotionId, [u8; 64]),
    /// A motion or an approval that is taken back.
    Withdrawal(MotionId),
    /// Something of a later version.
    Unknown {
        /// Its kind.
        kind: u8,
    },
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Random, given once when the message is written: it stays the same through every attempt to send it.
    pub id: [u8; 16],
    /// When it was written, in minutes since the Unix epoch, by its sender's clock.
    pub sent: u64,
    /// How far the sender had read.
    pub view: View,
    /// What it says.
    pub body: MessageBody,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    version: u8,
    kind: u8,
    sent: u64,
    id: [u8; 16],
    view_sequence: u64,
    view_chain: [u8; 32],
    view_since: u64,
    view_past: Past,
    body: VLBytes,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct SignedMotion {
    motion: Motion,
    signature: [u8; 64],
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct SignedApproval {
    motion: MotionId,
    signature: [u8; 64],
}

impl MessageBody {
    /// The kind's number and the octets.
    ///
    /// # Errors
    /// [`CryptoError::TooLarge`] over [`TEXT_BYTES_MAX`].
    pub fn parts(&self) -> Result<(u8, Vec<u8>), CryptoError> {
        match self {
            Self::Text(text) if text.len() > TEXT_BYTES_MAX => {
                Err(CryptoError::TooLarge { found: text.len(), limit: TEXT_BYTES_MAX })
            }
            Self::Text(text) => Ok((1, text.as_bytes().to_vec())),
            Self::Motion(motion, signature) => {
                Ok((2, wire::encode(&SignedMotion { motion: (**motion).clone(), signature: *signature })?))
            }
            Self::Approval(motion, signature) => {
                Ok((3, wire::encode(&SignedApproval { motion: *motion, signature: *signature })?))
            }
            Self::Withdrawal(motion) => Ok((4, motion.as_bytes().to_vec())),
            Self::Unknown { .. } => Err(CryptoError::Bug("a message of an unknown kind is not ours to send")),
        }
    }

    /// The body with this number and these octets.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn from_parts(kind: u8, body: Vec<u8>) -> Result<Self, CryptoError> {
        const WHAT: &str = "message";
        match kind {
            1 => String::from_utf8(body).map(Self::Text).map_err(|_| CryptoError::Malformed(WHAT)),
            2 => {
                let SignedMotion { motion, signature } = wire::decode(&body, WHAT)?;
                let sound = motion.action.is_sound();
                sound.then(|| Self::Motion(Box::new(motion), signature)).ok_or(CryptoError::Malformed(WHAT))
            }
            3 => {
                wire::decode(&body, WHAT).map(|SignedApproval { motion, signature }| Self::Approval(motion, signature))
            }
            4 => wire::decode(&body, WHAT).map(Self::Withdrawal),
            kind => Ok(Self::Unknown { kind }),
        }
    }
}

impl Message {
    /// The octets that MLS encrypts.
    ///
    /// # Errors
    /// [`CryptoError::TooLarge`] over [`TEXT_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let (kind, body) = self.body.parts()?;
        wire::encode(&Encoded {
            version: VERSION,
            kind,
            sent: self.sent,
            id: self.id,
            view_sequence: self.view.sequence.0,
            view_chain: *self.view.chain.as_bytes(),
            view_since: self.view.since,
            view_past: self.view.past,
            body: body.into(),
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`].
    pub fn decode(octets: &[u8]) -> Result<Self, CryptoError> {
        const WHAT: &str = "message";
        let encoded: Encoded = wire::decode(octets, WHAT)?;
        if encoded.version != VERSION {
            return Err(CryptoError::Malformed(WHAT));
        }
        let body = MessageBody::from_parts(encoded.kind, encoded.body.into())?;
        let view = View {
            sequence: Sequence(encoded.view_sequence),
            chain: Chain::from_bytes(encoded.view_chain),
            since: encoded.view_since,
            past: encoded.view_past,
        };
        Ok(Self { id: encoded.id, sent: encoded.sent, view, body })
    }
}
