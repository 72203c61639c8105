//! Application messages: what members say to each other, inside MLS.
//!
//! ```text
//! struct { uint8 version = 1; uint8 kind; uint64 sent; opaque id[16];
//!          uint64 view_sequence; opaque view_chain[32]; opaque body<V>; } Message
//! ```
//!
//! Every message carries its sender's **view**: the last frame of this mailbox that the sender had seen, and the
//! running hash there. A relay that shows two histories to two members is exposed by the first message that crosses.

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
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageBody {
    /// A text.
    Text(String),
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
    body: VLBytes,
}

impl Message {
    /// The octets that MLS encrypts.
    ///
    /// # Errors
    /// [`CryptoError::TooLarge`] over [`TEXT_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let MessageBody::Text(text) = &self.body else {
            return Err(CryptoError::Bug("a message of an unknown kind is not ours to send"));
        };
        if text.len() > TEXT_BYTES_MAX {
            return Err(CryptoError::TooLarge { found: text.len(), limit: TEXT_BYTES_MAX });
        }
        wire::encode(&Encoded {
            version: VERSION,
            kind: 1,
            sent: self.sent,
            id: self.id,
            view_sequence: self.view.sequence.0,
            view_chain: *self.view.chain.as_bytes(),
            body: text.as_bytes().into(),
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
        let body = match encoded.kind {
            1 => MessageBody::Text(String::from_utf8(encoded.body.into()).map_err(|_| CryptoError::Malformed(WHAT))?),
            kind => MessageBody::Unknown { kind },
        };
        let view = View { sequence: Sequence(encoded.view_sequence), chain: Chain::from_bytes(encoded.view_chain) };
        Ok(Self { id: encoded.id, sent: encoded.sent, view, body })
    }
}
