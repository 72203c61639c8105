//! What can be said of a grant without showing it.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The mark of a grant's secret: the first 32 bits of its SHA-256. Operators, who keep no secret, and members compare it
/// aloud, to see that they mean the same one. It is for those who have the secret or its digest: it would tell one that can
/// be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantMark([u8; 4]);

impl GrantMark {
    /// The mark of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self::of_digest(&Sha256::digest(secret).into())
    }

    /// The mark of a secret with this SHA-256.
    #[must_use]
    pub const fn of_digest(&[a, b, c, d, ..]: &[u8; 32]) -> Self {
        Self([a, b, c, d])
    }
}

impl std::fmt::Display for GrantMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::GrantMark;

    #[test]
    fn a_mark_is_the_beginning_of_the_digest() {
        // SHA-256("abc"), FIPS 180-4.
        assert_eq!(GrantMark::of("abc").to_string(), "ba7816bf");
    }
}
