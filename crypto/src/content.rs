//! What is inside a frame, under the seal and the padding.
//!
//! ```text
//! struct { uint8 version = 1; uint8 kind; opaque earlier<V>; optional<AuthorSeal> author;
//!          optional<opaque mark[16]>; opaque body<V>; } Content
//! struct { uint32 leaf_index; uint32 removes<V>; opaque signature[64]; } AuthorSeal
//! ```
//!
//! A payload that is too large for one frame is cut: its earlier frames are of the kind *part*, and the last has the
//! payload's kind and, in `earlier`, the SHA-256 of each of those frames in their order. So whoever reads the last frame
//! knows which parts its author meant, and nobody can put others in their place. The last frame of a commit is its
//! mailbox's closing frame and carries an [`AuthorSeal`]: the author's leaf signature over the mailbox's address, the
//! commit's digest and whom it removes, so that a commit which some or all cannot process still convicts its author, and
//! those who followed a rival of it know what it claims. The *mark* is its author's own ([`crate::seal::MarkKey`]): to
//! everybody else it is 16 random octets.

use crate::{CryptoError, wire};
use std::collections::HashMap;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize, VLBytes};
use twiza_protocol::FrameDigest;

const VERSION: u8 = 1;

/// Frames that one payload may have: 64 MiB in frames of the largest size.
pub const FRAMES_MAX: usize = 64;

/// Octets of parts that are kept of one mailbox while their last frame has not come: enough for one payload of the
/// largest size. Whoever fills it with junk pushes older parts out, for all readers alike.
pub const PARTS_BYTES_MAX: usize = 64 << 20;

const DIGEST_BYTES: usize = 32;

/// Octets of a mark.
pub(crate) const MARK_BYTES: usize = 16;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentKind {
    /// Octets of a payload whose last frame comes later.
    Part,
    /// An MLS PrivateMessage with application data.
    Message,
    /// An MLS proposal: a member's wish to leave.
    Proposal,
    /// An MLS commit.
    Commit,
    /// A member's word that it cannot follow a commit ([`crate::report`]).
    Report,
    /// A commit of this epoch that a rolled-back relay had taken before another ([`crate::rival`]).
    Rival,
    /// Frames that stand in a past mailbox, but were not there when members went on from it ([`crate::missed`]).
    Missed,
    /// An organiser's word that it has followed a commit which others cannot ([`crate::report`]).
    Followed,
    /// Somebody's request to join, in a rendezvous mailbox.
    JoinRequest,
    /// An MLS Welcome, in a rendezvous mailbox.
    Welcome,
    /// The answer that nobody will be added, in a rendezvous mailbox.
    Decline,
    /// A note for one member alone, in its recovery mailbox ([`crate::rejoin`]).
    Recovery,
    /// A kind of a later version; to be skipped.
    Unknown(u8),
}

impl ContentKind {
    /// The kind's number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Part => 0,
            Self::Message => 1,
            Self::Proposal => 2,
            Self::Commit => 3,
            Self::Report => 4,
            Self::Rival => 5,
            Self::Missed => 6,
            Self::Followed => 7,
            Self::JoinRequest => 16,
            Self::Welcome => 17,
            Self::Decline => 18,
            Self::Recovery => 19,
            Self::Unknown(code) => code,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Part,
            1 => Self::Message,
            2 => Self::Proposal,
            3 => Self::Commit,
            4 => Self::Report,
            5 => Self::Rival,
            6 => Self::Missed,
            7 => Self::Followed,
            16 => Self::JoinRequest,
            17 => Self::Welcome,
            18 => Self::Decline,
            19 => Self::Recovery,
            other => Self::Unknown(other),
        }
    }
}

/// A commit's author vouching for it by its leaf key.
#[derive(Debug, Clone, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct AuthorSeal {
    /// The author's leaf (RFC 9420, section 4.1).
    pub leaf_index: u32,
    /// The leaves that the commit removes, in order. A commit whose proposals say otherwise is invalid.
    pub removes: Vec<u32>,
    /// Ed25519 over `"twiza commit v1\0" || address || SHA-256(commit) || removes`.
    pub signature: [u8; 64],
}

impl AuthorSeal {
    /// Octets that the list of removed leaves takes.
    pub(crate) fn claim_bytes(&self) -> usize {
        self.removes.len() * 4
    }
}

/// What one frame holds: a payload or its last octets, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What the payload is; or that this is a part of one.
    pub kind: ContentKind,
    /// The frames that hold the payload's earlier octets, in order.
    pub earlier: Vec<FrameDigest>,
    /// The author's seal, on a commit.
    pub author: Option<AuthorSeal>,
    /// The author's own mark.
    pub mark: Option<[u8; MARK_BYTES]>,
    /// The octets.
    pub body: Vec<u8>,
}

#[derive(TlsSerialize, TlsDeserialize, TlsSize)]
struct Encoded {
    version: u8,
    kind: u8,
    earlier: VLBytes,
    author: Option<AuthorSeal>,
    mark: Option<[u8; MARK_BYTES]>,
    body: VLBytes,
}

/// Octets that a content with this many earlier frames has besides its body, at most.
pub(crate) const fn overhead_bytes(earlier: usize) -> usize {
    1 + 1 + 4 + earlier * DIGEST_BYTES + 1 + 72 + 1 + MARK_BYTES + 4
}

impl Content {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        let earlier: Vec<u8> = self.earlier.iter().flat_map(|digest| *digest.as_bytes()).collect();
        wire::encode(&Encoded {
            version: VERSION,
            kind: self.kind.code(),
            earlier: earlier.into(),
            author: self.author.clone(),
            mark: self.mark,
            body: self.body.as_slice().into(),
        })
    }

    /// Reads a content and its padding, which must be zeros.
    pub(crate) fn decode_padded(mut octets: &[u8]) -> Result<Self, CryptoError> {
        const MALFORMED: CryptoError = CryptoError::Malformed("frame content");
        let encoded = <Encoded as tls_codec::Deserialize>::tls_deserialize(&mut octets).map_err(|_| MALFORMED)?;
        let (earlier, rest) = encoded.earlier.as_ref().as_chunks::<DIGEST_BYTES>();
        let kind = ContentKind::from_code(encoded.kind);
        let well_formed = rest.is_empty()
            && earlier.len() < FRAMES_MAX
            && (kind != ContentKind::Part || (earlier.is_empty() && encoded.author.is_none()));
        if encoded.version != VERSION || !well_formed || octets.iter().any(|octet| *octet != 0) {
            return Err(MALFORMED);
        }
        let earlier = earlier.iter().copied().map(FrameDigest::from_bytes).collect();
        Ok(Self { kind, earlier, author: encoded.author, mark: encoded.mark, body: encoded.body.into() })
    }

    /// The whole payload, from the contents of the earlier frames, in their order; `None` where one of them is no part.
    #[must_use]
    pub fn complete(self, parts: Vec<Self>) -> Option<Payload> {
        let fits = self.kind != ContentKind::Part
            && parts.len() == self.earlier.len()
            && parts.iter().all(|part| part.kind == ContentKind::Part);
        let body = parts.into_iter().flat_map(|part| part.body).chain(self.body).collect();
        fits.then_some(Payload { kind: self.kind, author: self.author, body })
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

/// Puts payloads together from the frames of one mailbox, in memory.
#[derive(Debug, Default)]
pub struct Assembly {
    parts: HashMap<FrameDigest, Content>,
    bytes: usize,
}

impl Assembly {
    /// Takes what a frame with this digest holds; gives a payload when it is whole. Parts beyond [`PARTS_BYTES_MAX`] are
    /// dropped.
    pub fn push(&mut self, digest: FrameDigest, content: Content) -> Option<Payload> {
        if content.kind == ContentKind::Part {
            if self.bytes + content.body.len() <= PARTS_BYTES_MAX {
                self.bytes += content.body.len();
                self.parts.insert(digest, content);
            }
            return None;
        }
        let parts: Option<Vec<_>> = content.earlier.iter().map(|digest| self.parts.get(digest).cloned()).collect();
        content.complete(parts?)
    }
}
