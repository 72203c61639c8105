//! Sealing: from a payload to frames that all look alike, and back.
//!
//! ```text
//! frame = nonce (24) || XChaCha20-Poly1305(key, nonce, content || zeros, ad)
//! ad    = "twiza frame v1\0" || address (32) || u8(branch)
//! ```
//!
//! (draft-irtf-cfrg-xchacha.) Address and branch as associated data bind a frame to its mailbox, and one address has
//! one key, so that no frame opens under two keys. The length of a frame is one of six, whatever is inside.

use crate::content::{AuthorSeal, Content, ContentKind, FRAMES_MAX, MARK_BYTES, overhead_bytes};
use crate::epoch::Branch;
use crate::{CryptoError, Random};
use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use twiza_protocol::{Frame, FrameSize, MailboxAddress};
use zeroize::Zeroizing;

const LABEL: &[u8] = b"twiza frame v1\0";
const MARK_LABEL: &[u8] = b"twiza mark v1\0";
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The key that seals the frames of one mailbox. Wiped from memory when dropped.
pub struct FrameKey {
    key: Zeroizing<[u8; 32]>,
    associated_data: Vec<u8>,
    mark: Option<MarkKey>,
}

/// The key by which a member marks its own frames, for itself alone: a frame with its mark that this client never made
/// was made by another copy of it, whose keys must not be used any more. (That MLS names oneself as a message's sender
/// is no proof: any member can forge that.)
///
/// ```text
/// mark = HKDF-Expand-SHA-256(mark key, "twiza mark v1\0" || associated data || nonce || SHA-256(body), 16)
/// ```
pub struct MarkKey(Zeroizing<[u8; 32]>);

impl MarkKey {
    /// The mark key that belongs to a device key.
    pub(crate) fn of_device(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(Sha256::new().chain_update(MARK_LABEL).chain_update(seed).finalize().into()))
    }

    fn mark(&self, associated_data: &[u8], nonce: &[u8], body: &[u8]) -> Option<[u8; MARK_BYTES]> {
        let digest: [u8; 32] = Sha256::digest(body).into();
        let mut mark = [0; MARK_BYTES];
        let info = [MARK_LABEL, associated_data, nonce, &digest];
        Hkdf::<Sha256>::from_prk(&*self.0).ok()?.expand_multi_info(&info, &mut mark).ok()?;
        Some(mark)
    }
}

impl FrameKey {
    /// The key for the mailbox with this address.
    #[must_use]
    pub fn new(key: &[u8; 32], address: MailboxAddress, branch: Branch) -> Self {
        let associated_data = [LABEL, address.as_bytes(), &[branch.0]].concat();
        Self { key: Zeroizing::new(*key), associated_data, mark: None }
    }

    /// This key, marking what it seals.
    #[must_use]
    pub(crate) fn marking(self, mark: MarkKey) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The key's octets, for a store.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether a frame of this mailbox, whose content this is, was made with the same mark key.
    #[must_use]
    pub fn is_own(&self, frame: &[u8], content: &Content) -> bool {
        let nonce = frame.get(..NONCE_BYTES).unwrap_or_default();
        let expected = self.mark.as_ref().and_then(|key| key.mark(&self.associated_data, nonce, &content.body));
        expected.is_some() && expected == content.mark
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

    pub(crate) fn seal(&self, content: Content, size: FrameSize, random: &Random) -> Result<Frame, CryptoError> {
        let nonce: [u8; NONCE_BYTES] = random.array()?;
        let mark = self.mark.as_ref().and_then(|key| key.mark(&self.associated_data, &nonce, &content.body));
        let mut padded = Content { mark, ..content }.encode()?;
        let room = size.bytes() - NONCE_BYTES - TAG_BYTES;
        if padded.len() > room {
            return Err(CryptoError::Bug("a content is larger than its frame"));
        }
        padded.resize(room, 0);
        let payload = AeadPayload { msg: &padded, aad: &self.associated_data };
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| CryptoError::Bug("sealing failed"))?;
        Frame::new([&nonce[..], &sealed].concat()).map_err(|_| CryptoError::Bug("a frame has no frame size"))
    }
}

impl std::fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key: _, associated_data: _, mark: _ } = self;
        f.write_str("FrameKey(redacted)")
    }
}

/// Octets of a payload that a frame of this size holds, if this many frames come before it.
#[must_use]
pub const fn capacity(size: FrameSize, earlier: usize) -> usize {
    (size.bytes() - NONCE_BYTES - TAG_BYTES).saturating_sub(overhead_bytes(earlier))
}

/// Octets of the largest payload.
pub const PAYLOAD_BYTES_MAX: usize =
    (FRAMES_MAX - 1) * capacity(FrameSize::MAX, 0) + capacity(FrameSize::MAX, FRAMES_MAX - 1);

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
    let part_bytes = capacity(FrameSize::MAX, 0);
    let claim_bytes = author.map_or(0, AuthorSeal::claim_bytes);
    let room = |size: FrameSize, earlier: usize| capacity(size, earlier).saturating_sub(claim_bytes);
    let fits = |earlier: usize| body.len() <= earlier * part_bytes + room(FrameSize::MAX, earlier);
    let earlier = (0..FRAMES_MAX).find(|earlier| fits(*earlier)).unwrap_or(FRAMES_MAX);
    // The last frame may be left with nothing of the body: then it only lists the others.
    let (parts, last) = body.split_at(body.len().min(earlier * part_bytes));
    let mut frames = Vec::with_capacity(earlier + 1);
    for part in parts.chunks(part_bytes) {
        let kind = ContentKind::Part;
        let content = Content { kind, earlier: Vec::new(), author: None, mark: None, body: part.to_vec() };
        frames.push(key.seal(content, FrameSize::MAX, random)?);
    }
    let earlier: Vec<_> = frames.iter().map(Frame::digest).collect();
    let size = FrameSize::ALL.into_iter().find(|size| room(*size, earlier.len()) >= last.len());
    let content = Content { kind, earlier, author: author.cloned(), mark: None, body: last.to_vec() };
    frames.push(key.seal(content, size.unwrap_or(FrameSize::MAX).max(size_min), random)?);
    Ok(frames)
}
