//! Credentials: who a leaf is, certified by the person's identity key.
//!
//! The octets of an MLS basic credential (RFC 9420, section 5.3) are a [`MemberCredential`]:
//!
//! ```text
//! struct { uint8 version = 1; opaque identity[32]; opaque name<V>; opaque organisation<V>;
//!          opaque certificate[64]; } MemberCredential
//! certificate = Ed25519(identity key, "twiza leaf certificate v1\0" || leaf key (32)
//!                       || u16(length) name || u16(length) organisation)
//! ```
//!
//! Names travel nowhere but here, inside the encryption.

use crate::identity::{Identity, IdentityKey};
use crate::name::Name;
use crate::{CryptoError, wire};
use openmls::prelude::{BasicCredential, Credential};
use tls_codec::{TlsDeserialize, TlsSerialize, TlsSize};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"twiza leaf certificate v1\0";

#[derive(Debug, Clone, TlsSerialize, TlsDeserialize, TlsSize)]
struct MemberCredential {
    version: u8,
    identity: Identity,
    name: Name,
    organisation: Name,
    certificate: [u8; 64],
}

/// Who somebody is, in one alliance: what a credential says once its certificate was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The identity that certified the leaf.
    pub identity: Identity,
    /// How the person wants to be called.
    pub name: Name,
    /// The organisation for which the person speaks.
    pub organisation: Name,
}

fn certified(leaf_key: &[u8], name: &Name, organisation: &Name) -> Result<Vec<u8>, CryptoError> {
    let mut message = [LABEL, leaf_key].concat();
    for text in [name.as_str(), organisation.as_str()] {
        let length = u16::try_from(text.len()).map_err(|_| CryptoError::Bug("a name is too long"))?;
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(text.as_bytes());
    }
    Ok(message)
}

/// Certifies a leaf key as this person's.
///
/// # Errors
/// [`CryptoError::Bug`] only.
pub fn certify(
    identity: &IdentityKey,
    leaf_key: &[u8; 32],
    name: &Name,
    organisation: &Name,
) -> Result<Vec<u8>, CryptoError> {
    let certificate = identity.sign(&certified(leaf_key, name, organisation)?);
    wire::encode(&MemberCredential {
        version: VERSION,
        identity: identity.identity(),
        name: name.clone(),
        organisation: organisation.clone(),
        certificate,
    })
}

/// Reads a leaf's credential and verifies that its identity certified that leaf's key.
///
/// # Errors
/// [`CryptoError::Malformed`] or [`CryptoError::Unverified`].
pub fn verify(credential: &Credential, leaf_key: &[u8]) -> Result<Person, CryptoError> {
    let MemberCredential { identity, name, organisation, certificate, .. } = parse(credential)?;
    identity.verify(&certified(leaf_key, &name, &organisation)?, &certificate)?;
    Ok(Person { identity, name, organisation })
}

/// Reads the credential of a leaf in one's own tree. Nothing enters the tree before [`verify`] has seen it: as a
/// newcomer's, in an added key package, or in an update path. So its certificate is not verified once more.
///
/// # Errors
/// [`CryptoError::Malformed`].
pub(crate) fn read_verified(credential: &Credential) -> Result<Person, CryptoError> {
    let MemberCredential { identity, name, organisation, .. } = parse(credential)?;
    Ok(Person { identity, name, organisation })
}

fn parse(credential: &Credential) -> Result<MemberCredential, CryptoError> {
    let basic = BasicCredential::try_from(credential.clone()).map_err(|_| CryptoError::Malformed("credential"))?;
    let parsed: MemberCredential = wire::decode(basic.identity(), "credential")?;
    if parsed.version == VERSION { Ok(parsed) } else { Err(CryptoError::Malformed("credential")) }
}
