//! Who may open mailboxes.

use crate::grants::LiveGrants;
use crate::store::Entry;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use twiza_protocol::{AdmissionMode, OpenRequest, ProblemCode, RelayKey, TokenKey};

/// SHA-256 of a grant. The relay keeps no grant itself, so a stolen settings file admits nobody. Grants are random
/// and long, so their digests cannot be searched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GrantDigest([u8; 32]);

impl GrantDigest {
    /// The digest of a grant.
    #[must_use]
    pub fn of(grant: &str) -> Self {
        Self(Sha256::digest(grant.as_bytes()).into())
    }

    /// The digest with these octets.
    pub(crate) const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the digest.
    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
    /// Whoever has a token of one of these issuers, for each new mailbox.
    Token(Vec<TokenKey>),
}

impl Admission {
    /// What `describe` tells of it.
    #[must_use]
    pub const fn mode(&self) -> AdmissionMode {
        match self {
            Self::Open => AdmissionMode::Open,
            Self::Grant(_) => AdmissionMode::Grant,
            Self::Token(_) => AdmissionMode::Token,
        }
    }

    /// The issuers whose tokens are good.
    #[must_use]
    pub fn token_keys(&self) -> &[TokenKey] {
        match self {
            Self::Token(keys) => keys,
            Self::Open | Self::Grant(_) => &[],
        }
    }

    /// Whether a grant is asked for, and there is none.
    #[must_use]
    pub fn admits_nobody(&self) -> bool {
        matches!(self, Self::Grant(grants) if grants.now().is_empty())
    }

    /// What refuses to open a mailbox that is not there by no right.
    #[must_use]
    pub const fn refusal(&self) -> ProblemCode {
        match self {
            Self::Token(_) => ProblemCode::TokenRequired,
            Self::Open | Self::Grant(_) => ProblemCode::GrantRequired,
        }
    }

    /// By what right somebody who asks so opens a mailbox of this relay, where it is new. One that is there stays with whoever
    /// proves it, whatever became of the grant since.
    ///
    /// # Errors
    /// The code that refuses: a token that is none.
    pub fn entry(&self, request: &OpenRequest, relay: &RelayKey) -> Result<Entry, ProblemCode> {
        match (self, &request.grant, &request.token) {
            (Self::Open, ..) => Ok(Entry::Free),
            (Self::Grant(known), Some(grant), _) if is_one_of(grant, &known.now()) => Ok(Entry::Free),
            (Self::Grant(_), ..) | (Self::Token(_), _, None) => Ok(Entry::IfThere),
            (Self::Token(keys), _, Some(token)) => {
                let mark = keys.iter().find_map(|key| key.verify(token, relay).ok());
                mark.map(Entry::Token).ok_or(ProblemCode::TokenInvalid)
            }
        }
    }
}

/// Takes the same time whichever grant fits.
pub(crate) fn is_one_of(grant: &str, known: &[GrantDigest]) -> bool {
    let digest = GrantDigest::of(grant);
    known.iter().fold(Choice::from(0), |fits, known| fits | known.0.ct_eq(&digest.0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use twiza_protocol::TokenSigningKey;

    #[test]
    fn only_a_known_grant_admits() {
        let digests = vec![GrantDigest::of("one"), GrantDigest::of("two")];
        let admission = Admission::Grant(LiveGrants::open(digests, "no such file".into()).unwrap());
        let entry = |admission: &Admission, grant: Option<&str>| {
            let request = OpenRequest { grant: grant.map(str::to_owned), ..OpenRequest::default() };
            admission.entry(&request, &RelayKey::from_bytes([1; 32]))
        };
        assert_eq!(entry(&admission, Some("two")), Ok(Entry::Free));
        assert_eq!(entry(&admission, Some("three")), Ok(Entry::IfThere));
        assert_eq!(entry(&admission, None), Ok(Entry::IfThere));
        assert_eq!(entry(&Admission::Open, None), Ok(Entry::Free));
    }

    #[test]
    fn only_a_token_of_a_known_issuer_for_this_relay_admits() {
        let [issuer, stranger] = [(); 2].map(|()| TokenSigningKey::generate().unwrap());
        let admission = Admission::Token(vec![issuer.public().unwrap()]);
        let [here, elsewhere] = [1, 2].map(|octet| RelayKey::from_bytes([octet; 32]));
        let token = |issuer: &TokenSigningKey, relay| {
            let key = issuer.public().unwrap();
            let pending = key.blind([7; 32], relay).unwrap();
            key.finish(&pending, relay, &issuer.sign(pending.message()).unwrap()).unwrap()
        };
        let entry = |token| admission.entry(&OpenRequest { token, grant: None }, &here);
        assert_eq!(entry(None), Ok(Entry::IfThere));
        let good = entry(Some(token(&issuer, &here))).unwrap();
        assert!(matches!(good, Entry::Token(_)));
        assert_eq!(entry(Some(token(&issuer, &here))), Ok(good), "one nonce, one mark, whatever the blinding");
        assert_eq!(entry(Some(token(&issuer, &elsewhere))), Err(ProblemCode::TokenInvalid));
        assert_eq!(entry(Some(token(&stranger, &here))), Err(ProblemCode::TokenInvalid));
    }

    #[test]
    fn a_digest_survives_its_text_form_and_is_not_shown() {
        let digest = GrantDigest::of("one");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<GrantDigest>(&text).unwrap(), digest);
        assert!(!format!("{digest:?}").contains(&digest.to_string()));
    }
}
