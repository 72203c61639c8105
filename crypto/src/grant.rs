//! The operator's secret by which an alliance opens mailboxes at its relay.

use crate::{CryptoError, wire};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};
use zeroize::Zeroizing;

/// A grant: 1 to 256 octets of text without controls. What it says is between operators and clients; the alliance
/// only carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant(Zeroizing<String>);

/// Which grant of an alliance is to be replaced, or that it has none: SHA-256 of `optional<grant>`. By it, a motion for another
/// grant says in whose place that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TlsSerialize, TlsDeserialize, TlsSize)]
pub struct ReplacedGrant([u8; 32]);

impl ReplacedGrant {
    /// This grant, or none.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn of(grant: Option<&Grant>) -> Result<Self, CryptoError> {
        Ok(Self(Sha256::digest(&*Zeroizing::new(wire::encode(&grant.cloned())?)).into()))
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A text that is no grant. The user's fault, or a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantError {
    /// Nothing but space.
    #[error("a grant cannot be empty")]
    Empty,
    /// Longer than [`Grant::BYTES_MAX`].
    #[error("a grant cannot be longer than 256 octets")]
    TooLong,
    /// With a line break or another control within it: more than a grant, or one that was broken on its way.
    #[error("a grant is one line, without control characters")]
    NotOneLine,
}

impl Grant {
    /// Octets of a grant.
    pub const BYTES_MAX: usize = 256;

    /// Checks and takes a grant; space around it is dropped.
    ///
    /// # Errors
    /// [`GrantError`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, GrantError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(GrantError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(GrantError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(GrantError::NotOneLine);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret, for the relay or the issuer.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grant(redacted)")
    }
}

wire::checked_text!(Grant, "not a grant");

#[cfg(test)]
mod tests {
    use super::{Grant, GrantError};
    use tls_codec::{Deserialize as _, Serialize as _};

    #[test]
    fn a_grant_is_one_line_within_bounds() {
        let longest = "x".repeat(Grant::BYTES_MAX);
        for (text, expected) in [
            ("spring", Ok("spring")),
            (" in spring\n", Ok("in spring")),
            (longest.as_str(), Ok(longest.as_str())),
            ("", Err(GrantError::Empty)),
            (" \t", Err(GrantError::Empty)),
            ("spring\nautumn", Err(GrantError::NotOneLine)),
            ("spring\u{7}", Err(GrantError::NotOneLine)),
            (&format!("{longest}x"), Err(GrantError::TooLong)),
        ] {
            assert_eq!(Grant::new(text).as_ref().map(Grant::expose).map_err(|error| *error), expected, "{text:?}");
        }
    }

    #[test]
    fn it_has_one_form_on_the_wire_and_is_not_shown() {
        let grant = Grant::new("spring").unwrap();
        let octets = grant.tls_serialize_detached().unwrap();
        assert_eq!(octets, b"\x06spring");
        assert_eq!(Grant::tls_deserialize(&mut octets.as_slice()).unwrap(), grant);
        for other in [&b"\x00"[..], b"\x07spring ", b"\x03a\nb", b"\x01\xff"] {
            assert!(Grant::tls_deserialize(&mut &*other).is_err(), "{other:?}");
        }
        assert!(!format!("{grant:?}").contains("spring"));
    }
}
