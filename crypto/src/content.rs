//! What is inside a frame, under the seal and the padding.
//!
//! ```text
//! struct { uint8 version = 1; uint8 kind; opaque id[16]; uint16 index; uint16 count;
//!          optional<AuthorSeal> author; opaque body<V>; } Content
//! struct { uint32 leaf_index; opaque signature[64]; } AuthorSeal
//! ```
//!
//! A payload that is too large for one frame is cut into `count` parts with one random `id`. The last part of a commit
//! is its mailbox's closing frame and carries an [`AuthorSeal`]: the author's leaf signature over the mailbox's address
//! and the commit's digest, so that a commit which some or all cannot process still convicts its author.

use crate::{CryptoError, wire};
use std::collections::BTreeMap;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};

const VERSION: u8 = 1;

/// Parts that one payload may have: 64 MiB in frames of the largest size.
pub const PARTS_MAX: u16 = 64;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentKind {
    /// An MLS PrivateMessage with application data.
    Message,
    /// An MLS proposal: a member's wish to leave.
    Proposal,
    /// An MLS commit.
    Commit,
    /// Somebody's request to join, in a rendezvous mailbox.
    JoinRequest,
    /// An MLS Welcome, in a rendezvous mailbox.
    Welcome,
    /// The answer that nobody will be added, in a rendezvous mailbox.
    Decline,
    /// A kind of a later version; to be skipped.
    Unknown(u8),
}

impl ContentKind {
    /// The kind's number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Proposal => 2,
            Self::Commit => 3,
            Self::JoinRequest => 16,
            Self::Welcome => 17,
            Self::Decline => 18,
            Self::Unknown(code) => code,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Message,
            2 => Self::Proposal,
            3 => Self::Commit,
            16 => Self::JoinRequest,
            17 => Self::Welcome,
            18 => Self::Decline,
            other => Self::Unknown(other),
        }
    }
}

/// A commit's author vouching for it by its leaf key.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct AuthorSeal {
    /// The author's leaf (RFC 9420, section 4.1).
    pub leaf_index: u32,
    /// Ed25519 over `"twiza commit v1\0" || address || SHA-256(commit)`.
    pub signature: [u8; 64],
}

/// One part of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What the payload is.
    pub kind: ContentKind,
    /// Which payload this is a part of.
    pub id: [u8; 16],
    /// Which part, from 0.
    pub index: u16,
    /// How many parts there are.
    pub count: u16,
    /// The author's seal, on the last part of a commit.
    pub author: Option<AuthorSeal>,
    /// The part.
    pub body: Vec<u8>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    version: u8,
    kind: u8,
    id: [u8; 16],
    index: u16,
    count: u16,
    author: Option<AuthorSeal>,
    body: VLBytes,
}

/// Octets that a content has besides its body, at most.
pub(crate) const OVERHEAD_BYTES: usize = 1 + 1 + 16 + 2 + 2 + 1 + 68 + 4;

impl Content {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        wire::encode(&Encoded {
            version: VERSION,
            kind: self.kind.code(),
            id: self.id,
            index: self.index,
            count: self.count,
            author: self.author.clone(),
            body: self.body.as_slice().into(),
        })
    }

    /// Reads a content and its padding, which must be zeros.
    pub(crate) fn decode_padded(mut octets: &[u8]) -> Result<Self, CryptoError> {
        const MALFORMED: CryptoError = CryptoError::Malformed("frame content");
        let encoded = <Encoded as tls_codec::Deserialize>::tls_deserialize(&mut octets).map_err(|_| MALFORMED)?;
        let parts = encoded.count >= 1 && encoded.count <= PARTS_MAX && encoded.index < encoded.count;
        if encoded.version != VERSION || !parts || octets.iter().any(|octet| *octet != 0) {
            return Err(MALFORMED);
        }
        Ok(Self {
            kind: ContentKind::from_code(encoded.kind),
            id: encoded.id,
            index: encoded.index,
            count: encoded.count,
            author: encoded.author,
            body: encoded.body.into(),
        })
    }
}

/// A whole payload, put together from its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What it is.
    pub kind: ContentKind,
    /// The author's seal, on a commit.
    pub author: Option<AuthorSeal>,
    /// The payload.
    pub body: Vec<u8>,
}

/// Puts payloads together from the parts of one mailbox, in whatever order and interleaving they come.
#[derive(Debug, Default)]
pub struct Assembly {
    waiting: BTreeMap<[u8; 16], BTreeMap<u16, Content>>,
}

impl Assembly {
    /// Takes a part; gives the payload when it is whole. A part that contradicts its fellows is dropped.
    pub fn push(&mut self, content: Content) -> Option<Payload> {
        if content.count == 1 {
            return Some(Payload { kind: content.kind, author: content.author, body: content.body });
        }
        let parts = self.waiting.entry(content.id).or_default();
        let fits = parts.values().next().is_none_or(|other| other.count == content.count && other.kind == content.kind);
        if !fits || parts.contains_key(&content.index) {
            return None;
        }
        let (id, count) = (content.id, usize::from(content.count));
        parts.insert(content.index, content);
        if parts.len() < count {
            return None;
        }
        let parts = self.waiting.remove(&id)?;
        let kind = parts.values().next()?.kind;
        let author = parts.values().next_back()?.author.clone();
        Some(Payload { kind, author, body: parts.into_values().flat_map(|part| part.body).collect() })
    }
}
