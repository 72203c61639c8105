//! What can be said of a grant without showing it.

use crate::{RelayKey, TokenKeyId};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

const LABEL: &[u8] = b"twiza grant mark v1\0";

/// The mark of a grant: 80 bits, written as five groups of four hex digits. Operators, who keep no secret, and members compare
/// it aloud, to see that they mean the same one. It is for those who have the secret or its digest: it would tell one that
/// can be guessed.
///
/// ```text
/// mark = the first 80 bits of SHA-256("twiza grant mark v1\0" || [issuer's key || token key's id] || SHA-256(secret))
/// ```
///
/// What is in brackets is there for grants for tokens only. Where the issuer is to be found is not in the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantMark([u8; 10]);

impl GrantMark {
    /// The mark of a relay's grant with this secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self::of_digest(&Sha256::digest(secret).into())
    }

    /// The mark of a relay's grant whose secret has this SHA-256.
    #[must_use]
    pub fn of_digest(secret: &[u8; 32]) -> Self {
        Self::over(&[secret])
    }

    /// The mark of a grant for tokens whose secret has this SHA-256.
    #[must_use]
    pub fn of_tokens(issuer: &RelayKey, key: &TokenKeyId, secret: &[u8; 32]) -> Self {
        Self::over(&[issuer.as_bytes(), key.as_bytes(), secret])
    }

    fn over(parts: &[&[u8; 32]]) -> Self {
        let digest = parts.iter().fold(Sha256::new_with_prefix(LABEL), |digest, part| digest.chain_update(part));
        let mut mark = [0; 10];
        mark.iter_mut().zip(digest.finalize()).for_each(|(octet, of_digest)| *octet = of_digest);
        Self(mark)
    }
}

impl std::fmt::Display for GrantMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups: Vec<String> = self.0.chunks(2).map(|pair| HEXLOWER.encode(pair)).collect();
        f.write_str(&groups.join("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::GrantMark;
    use crate::{RelayKey, TokenKeyId};
    use sha2::{Digest, Sha256};

    #[test]
    fn a_mark_is_what_the_formula_says() {
        assert_eq!(GrantMark::of("abc").to_string(), "2627-d3cc-9540-420f-9159");
        let (issuer, key) = (RelayKey::from_bytes([1; 32]), TokenKeyId::from_bytes([2; 32]));
        let digest = Sha256::digest("abc").into();
        assert_eq!(GrantMark::of_tokens(&issuer, &key, &digest).to_string(), "51f2-0769-3797-fdc2-e29d");
    }
}
