//! The one ciphersuite, and what every leaf says it can do. Nothing else in the house names a suite.

use openmls::prelude::{Capabilities, Ciphersuite, CredentialType, ExtensionType, ProposalType};
use openmls_traits::types::{HpkeAeadType, HpkeConfig, HpkeKdfType, HpkeKemType};

/// Hybrid post-quantum key agreement (ML-KEM-768 with X25519), AES-256-GCM, SHA-384, Ed25519:
/// draft-ietf-mls-pq-ciphersuites, its code point still provisional.
pub(crate) const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519;

/// The suite's name, for people.
pub const CIPHERSUITE_NAME: &str = "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519";

/// Octets of every HPKE public key of the suite: 1,184 of ML-KEM-768 and 32 of X25519. Checked by us before anything
/// else touches a key, because a malformed one has crashed a provider before (RUSTSEC-2026-0331).
pub const HYBRID_PUBLIC_KEY_BYTES: usize = 1216;

/// Octets of an HPKE public key of a suite: the interoperability test runs this crate under a classical one.
pub(crate) fn public_key_bytes(suite: Ciphersuite) -> usize {
    if suite == CIPHERSUITE { HYBRID_PUBLIC_KEY_BYTES } else { 32 }
}

/// The extension of the GroupContext that carries the alliance's state. Private use range (RFC 9420, section 17.3).
pub(crate) const ALLIANCE_EXTENSION: u16 = 0xF2A1;

/// The extension of a leaf that names its recovery mailbox.
pub(crate) const RECOVERY_EXTENSION: u16 = 0xF2A2;

/// HPKE as the suite configures it, for sealing to a recovery key.
pub(crate) const fn hpke_config() -> HpkeConfig {
    HpkeConfig(HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha384, HpkeAeadType::AesGcm256)
}

pub(crate) fn capabilities(suite: Ciphersuite) -> Capabilities {
    Capabilities::builder()
        .ciphersuites(vec![suite])
        .extensions(vec![ExtensionType::Unknown(ALLIANCE_EXTENSION), ExtensionType::Unknown(RECOVERY_EXTENSION)])
        .proposals(vec![ProposalType::SelfRemove])
        .credentials(vec![CredentialType::Basic])
        .build()
}
