//! Sealing: from a payload to frames that all look alike, and back.
//!
//! ```text
//! frame = nonce (24) || XChaCha20-Poly1305(key, nonce, content || zeros, ad)
//! ad    = "twiza frame v1\0" || address (32) || u8(branch)
//! ```
//!
//! (draft-irtf-cfrg-xchacha.) Address and branch as associated data bind a frame to its mailbox, and one address has
//! one key, so that no frame opens under two keys. The length of a frame is one of six, whatever is inside.

use crate::content::{AuthorSeal, Content, ContentKind, OVERHEAD_BYTES, PARTS_MAX};
use crate::epoch::Branch;
use crate::{CryptoError, Random};
use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use twiza_protocol::{Frame, FrameSize, MailboxAddress};
use zeroize::Zeroizing;

const LABEL: &[u8] = b"twiza frame v1\0";
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The key that seals the frames of one mailbox. Wiped from memory when dropped.
pub struct FrameKey {
    key: Zeroizing<[u8; 32]>,
    associated_data: Vec<u8>,
}

impl FrameKey {
    /// The key for the mailbox with this address.
    #[must_use]
    pub fn new(key: &[u8; 32], address: MailboxAddress, branch: Branch) -> Self {
        let associated_data = [LABEL, address.as_bytes(), &[branch.0]].concat();
        Self { key: Zeroizing::new(*key), associated_data }
    }

    /// Opens a frame of this mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where the frame was not sealed under this key for this mailbox;
    /// [`CryptoError::Malformed`] where it was, but holds no content.
    pub fn open(&self, frame: &[u8]) -> Result<Content, CryptoError> {
        const UNVERIFIED: CryptoError = CryptoError::Unverified("a frame");
        let (nonce, sealed) = frame.split_first_chunk::<NONCE_BYTES>().ok_or(UNVERIFIED)?;
        let payload = AeadPayload { msg: sealed, aad: &self.associated_data };
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        let opened = cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| UNVERIFIED)?;
        Content::decode_padded(&opened)
    }

    fn seal(&self, content: &Content, size: FrameSize, random: &Random) -> Result<Frame, CryptoError> {
        let mut padded = content.encode()?;
        let room = size.bytes() - NONCE_BYTES - TAG_BYTES;
        if padded.len() > room {
            return Err(CryptoError::Bug("a content is larger than its frame"));
        }
        padded.resize(room, 0);
        let nonce: [u8; NONCE_BYTES] = random.array()?;
        let payload = AeadPayload { msg: &padded, aad: &self.associated_data };
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| CryptoError::Bug("sealing failed"))?;
        Frame::new([&nonce[..], &sealed].concat()).map_err(|_| CryptoError::Bug("a frame has no frame size"))
    }
}

impl std::fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, associated_data: _ } = self;
        f.write_str("FrameKey(redacted)")
    }
}

/// Octets of a payload that one frame of this size holds.
#[must_use]
pub const fn capacity(size: FrameSize) -> usize {
    size.bytes() - NONCE_BYTES - TAG_BYTES - OVERHEAD_BYTES
}

/// Octets of the largest payload.
pub const PAYLOAD_BYTES_MAX: usize = PARTS_MAX as usize * capacity(FrameSize::MAX);

/// The frame size of every commit of an alliance with this many members, so that adding, removing and rotating look
/// alike: room for an UpdatePath through a tree in which nobody has updated yet, and for the alliance's state.
/// (The largest size is the last: larger commits are cut into several such frames.)
#[must_use]
pub fn commit_frame_size(members: usize) -> FrameSize {
    FrameSize::at_least(12_288 + 1_500 * members).unwrap_or(FrameSize::MAX)
}

/// Seals a payload into as many frames as it needs, none smaller than `size_min`.
///
/// # Errors
/// [`CryptoError::TooLarge`] over [`PAYLOAD_BYTES_MAX`].
pub fn seal_payload(
    key: &FrameKey,
    kind: ContentKind,
    body: &[u8],
    author: Option<&AuthorSeal>,
    size_min: FrameSize,
    random: &Random,
) -> Result<Vec<Frame>, CryptoError> {
    if body.len() > PAYLOAD_BYTES_MAX {
        return Err(CryptoError::TooLarge { found: body.len(), limit: PAYLOAD_BYTES_MAX });
    }
    let id = random.array()?;
    let mut parts: Vec<&[u8]> = body.chunks(capacity(FrameSize::MAX)).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let count = u16::try_from(parts.len()).map_err(|_| CryptoError::Bug("too many parts"))?;
    let mut frames = Vec::with_capacity(parts.len());
    for (index, part) in (0..count).zip(&parts) {
        let author = author.filter(|_| index + 1 == count).cloned();
        let content = Content { kind, id, index, count, author, body: part.to_vec() };
        let fits = FrameSize::ALL.into_iter().find(|size| capacity(*size) >= part.len());
        let size = fits.unwrap_or(FrameSize::MAX).max(size_min);
        frames.push(key.seal(&content, size, random)?);
    }
    Ok(frames)
}
