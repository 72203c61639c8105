//! Frames: the only thing a mailbox stores.

use crate::encoding::base64url_text;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The six sizes that a frame may have. A relay refuses every other length, so that sizes tell little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameSize {
    /// 1 KiB
    Kib1,
    /// 4 KiB
    Kib4,
    /// 16 KiB
    Kib16,
    /// 64 KiB
    Kib64,
    /// 256 KiB
    Kib256,
    /// 1 MiB
    Mib1,
}

/// A frame of a length that no [`FrameSize`] has. The sender's fault: pad before sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame of {found} octets is not padded to one of the frame sizes")]
pub struct FrameSizeError {
    /// The length that was found, in octets.
    pub found: usize,
}

impl FrameSize {
    /// Every size, ascending.
    pub const ALL: [Self; 6] = [Self::Kib1, Self::Kib4, Self::Kib16, Self::Kib64, Self::Kib256, Self::Mib1];

    /// The largest size.
    pub const MAX: Self = Self::Mib1;

    /// The length of such a frame, in octets.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Kib1 => 1 << 10,
            Self::Kib4 => 1 << 12,
            Self::Kib16 => 1 << 14,
            Self::Kib64 => 1 << 16,
            Self::Kib256 => 1 << 18,
            Self::Mib1 => 1 << 20,
        }
    }

    /// The size of a frame with exactly this many octets.
    ///
    /// # Errors
    /// [`FrameSizeError`] where no size has this length.
    pub fn of_length(octets: usize) -> Result<Self, FrameSizeError> {
        Self::ALL.into_iter().find(|size| size.bytes() == octets).ok_or(FrameSizeError { found: octets })
    }

    /// The smallest size that has room for this many octets, if any has.
    #[must_use]
    pub fn at_least(octets: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.bytes() >= octets)
    }
}

/// Opaque octets of an allowed length.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Takes octets whose length is one of the frame sizes.
    ///
    /// # Errors
    /// [`FrameSizeError`] where it is not.
    pub fn new(octets: Vec<u8>) -> Result<Self, FrameSizeError> {
        FrameSize::of_length(octets.len()).map(|_| Self(octets))
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The octets, by value.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// What identifies this frame within its mailbox.
    #[must_use]
    pub fn digest(&self) -> FrameDigest {
        FrameDigest::of(&self.0)
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} octets)", self.0.len())
    }
}

/// SHA-256 of a frame's octets: a repeated append of the same frame is recognised by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameDigest([u8; 32]);

base64url_text!(FrameDigest, 32);

impl FrameDigest {
    /// The digest of these octets.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        Self(Sha256::digest(octets).into())
    }

    /// A digest that was computed before, from storage.
    #[must_use]
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A frame's place in its mailbox: 1 for the first. As a cursor, the last place that was read: 0 before any. Less than 2^63,
/// which no mailbox comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Sequence(#[serde(deserialize_with = "below_two_to_the_63")] pub u64);

fn below_two_to_the_63<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = <u64 as serde::Deserialize>::deserialize(deserializer)?;
    let fits = i64::try_from(number).is_ok();
    if fits { Ok(number) } else { Err(serde::de::Error::custom("a place of 2^63 or more")) }
}

impl Sequence {
    /// Before the first frame.
    pub const START: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
