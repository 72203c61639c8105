//! Who may open mailboxes.

use crate::grants::LiveGrants;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use twiza_protocol::AdmissionMode;

/// SHA-256 of a grant. The relay keeps no grant itself, so a stolen settings file admits nobody. Grants are random
/// and long, so their digests cannot be searched.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantDigest([u8; 32]);

impl GrantDigest {
    /// The digest of a grant.
    #[must_use]
    pub fn of(grant: &str) -> Self {
        Self(Sha256::digest(grant.as_bytes()).into())
    }
}

impl std::fmt::Display for GrantDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for GrantDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("GrantDigest(redacted)")
    }
}

impl Serialize for GrantDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GrantDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        octets
            .and_then(|octets| octets.try_into().ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a grant's digest is written as 64 hex digits"))
    }
}

/// The rule by which mailboxes are opened.
#[derive(Debug)]
pub enum Admission {
    /// Anybody may.
    Open,
    /// Whoever has one of these.
    Grant(LiveGrants),
}

impl Admission {
    /// What `describe` tells of it.
    #[must_use]
    pub const fn mode(&self) -> AdmissionMode {
        match self {
            Self::Open => AdmissionMode::Open,
            Self::Grant(_) => AdmissionMode::Grant,
        }
    }

    /// Whether a grant is asked for, and there is none.
    #[must_use]
    pub fn admits_nobody(&self) -> bool {
        matches!(self, Self::Grant(grants) if grants.now().is_empty())
    }

    /// Whether this grant, or none, is enough. Takes the same time whichever grant fits.
    #[must_use]
    pub fn admits(&self, grant: Option<&str>) -> bool {
        match (self, grant) {
            (Self::Open, _) => true,
            (Self::Grant(_), None) => false,
            (Self::Grant(known), Some(grant)) => {
                let digest = GrantDigest::of(grant);
                let fits = known.now().iter().fold(Choice::from(0), |fits, known| fits | known.0.ct_eq(&digest.0));
                fits.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_grant_admits() {
        let digests = vec![GrantDigest::of("one"), GrantDigest::of("two")];
        let admission = Admission::Grant(LiveGrants::open(digests, "no such file".into()).unwrap());
        assert!(admission.admits(Some("two")));
        assert!(!admission.admits(Some("three")));
        assert!(!admission.admits(None));
        assert!(Admission::Open.admits(None));
    }

    #[test]
    fn a_digest_survives_its_text_form_and_is_not_shown() {
        let digest = GrantDigest::of("one");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<GrantDigest>(&text).unwrap(), digest);
        assert!(!format!("{digest:?}").contains(&digest.to_string()));
    }
}
