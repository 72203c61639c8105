//! Entering an alliance: a key package out, a Welcome in.

use super::{DeviceKey, GROUP_ID_ENTRY, Group, Leaf, RECOVERY_KEY_ENTRY, alliance_of, join_config, lifetime};
use crate::credential::{self, Person};
use crate::identity::IdentityKey;
use crate::name::Name;
use crate::recovery::{RecoveryKey, RecoveryMailbox};
use crate::state::Provider;
use crate::suite::{CIPHERSUITE, capabilities, public_key_bytes};
use crate::{CryptoError, GroupState, Random, StateChanges};
use openmls::prelude::{
    Ciphersuite, KeyPackage, KeyPackageIn, MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY, MlsMessageBodyIn, MlsMessageIn,
    ProtocolVersion, StagedWelcome,
};
use tls_codec::{Deserialize as _, Serialize as _};

/// Octets of the largest join request: more than names and keys of this suite take.
pub const JOIN_REQUEST_BYTES_MAX: usize = 8 << 10;

/// Somebody on the way in: a key package and the private keys behind it.
pub struct Joiner {
    provider: Provider,
    request: Vec<u8>,
}

impl Joiner {
    /// Makes a key package for one alliance.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`] or [`CryptoError::Bug`].
    pub fn new(identity: &IdentityKey, name: &Name, organisation: &Name, random: &Random) -> Result<Self, CryptoError> {
        let provider = Provider::new(GroupState::default(), random);
        let leaf = Leaf::new(&provider, identity, name, organisation)?;
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .leaf_node_capabilities(capabilities(CIPHERSUITE))
            .leaf_node_extensions(leaf.extensions)
            .build(CIPHERSUITE, &provider, &leaf.device, leaf.credential)
            .map_err(CryptoError::mls)?;
        let request = bundle.key_package().tls_serialize_detached().map_err(CryptoError::mls)?;
        Ok(Self { provider, request })
    }

    /// The octets of the join request, which are those of the key package (RFC 9420, section 10).
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The recovery mailbox that the request's leaf names.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn recovery_key(&self) -> Result<RecoveryKey, CryptoError> {
        RecoveryKey::from_bytes(&self.provider.get(RECOVERY_KEY_ENTRY)?)
    }

    /// The private keys, to be stored before the request is sent.
    pub fn take_changes(&mut self) -> StateChanges {
        self.provider.take_changes()
    }
}

/// A join request that was verified: who asks, by its own certificate.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    pub(crate) key_package: KeyPackage,
    /// Who asks.
    pub person: Person,
}

impl JoinRequest {
    /// Reads and verifies a request: suite, signatures, key lengths, lifetime, capabilities, certificate.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`], [`CryptoError::Unverified`] or [`CryptoError::KeyLength`].
    pub fn verify(octets: &[u8]) -> Result<Self, CryptoError> {
        Self::verify_as(CIPHERSUITE, octets)
    }

    pub(super) fn verify_as(suite: Ciphersuite, mut octets: &[u8]) -> Result<Self, CryptoError> {
        const WHAT: &str = "a join request";
        if octets.len() > JOIN_REQUEST_BYTES_MAX {
            return Err(CryptoError::TooLarge { found: octets.len(), limit: JOIN_REQUEST_BYTES_MAX });
        }
        let parsed = KeyPackageIn::tls_deserialize(&mut octets).map_err(|_| CryptoError::Malformed(WHAT))?;
        if !octets.is_empty() {
            return Err(CryptoError::Malformed(WHAT));
        }
        let crypto = openmls_rust_crypto::RustCrypto::default();
        let validated = parsed.validate(&crypto, ProtocolVersion::Mls10);
        let key_package = validated.map_err(|_| CryptoError::Unverified(WHAT))?;
        if key_package.ciphersuite() != suite {
            return Err(CryptoError::Unverified(WHAT));
        }
        let person = check_key_package(&key_package)?;
        Ok(Self { key_package, person })
    }

    /// The public key of the leaf that it asks for: no two leaves have the same.
    #[must_use]
    pub fn leaf_key(&self) -> &[u8] {
        self.key_package.leaf_node().signature_key().as_slice()
    }

    /// The recovery mailbox that its leaf names.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only: it was verified.
    pub fn recovery_mailbox(&self) -> Result<RecoveryMailbox, CryptoError> {
        RecoveryMailbox::of_leaf(self.key_package.leaf_node().extensions())
    }

    /// Whether the private keys behind this request are among these entries: whether it is one's own.
    #[must_use]
    pub fn is_answerable_with(&self, state: GroupState, random: &Random) -> bool {
        DeviceKey::load(&Provider::new(state, random))
            .is_ok_and(|device| self.key_package.leaf_node().signature_key().as_slice() == device.public())
    }
}

/// Checks of a key package that MLS leaves to the application: lifetime, key lengths, extensions, certificate.
pub(super) fn check_key_package(key_package: &KeyPackage) -> Result<Person, CryptoError> {
    let expected = public_key_bytes(key_package.ciphersuite());
    let leaf = key_package.leaf_node();
    if *key_package.life_time() != lifetime() {
        return Err(CryptoError::Unverified("a key package's lifetime"));
    }
    if key_package.extensions().iter().next().is_some() {
        return Err(CryptoError::Malformed("key package"));
    }
    if key_package.hpke_init_key().as_slice().len() != expected || key_length(leaf.encryption_key()) != expected {
        return Err(CryptoError::KeyLength);
    }
    RecoveryMailbox::of_leaf(leaf.extensions())?;
    credential::verify(leaf.credential(), leaf.signature_key().as_slice())
}

/// Enters the group that a Welcome leads to (RFC 9420, section 12.4.3.1), if the inviter is who welcomes: `inviter` is
/// the fingerprint from the invitation.
///
/// # Errors
/// [`CryptoError::Unverified`] where somebody else welcomes or a member's certificate is wrong;
/// [`CryptoError::Mls`] where the Welcome is not for this key package.
pub fn enter(state: GroupState, welcome: &[u8], inviter: &[u8; 32], random: &Random) -> Result<Group, CryptoError> {
    enter_by(state, welcome, random, |sender| sender.identity.fingerprint() == *inviter).map(|(group, _)| group)
}

/// As [`enter`], where whoever welcomes is acceptable; and who that is.
pub(super) fn enter_by(
    state: GroupState,
    welcome: &[u8],
    random: &Random,
    acceptable: impl FnOnce(&Person) -> bool,
) -> Result<(Group, Person), CryptoError> {
    let provider = Provider::new(state, random);
    let message = MlsMessageIn::tls_deserialize_exact(welcome).map_err(|_| CryptoError::Malformed("Welcome"))?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
        return Err(CryptoError::Malformed("Welcome"));
    };
    let config = join_config(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY);
    let staged = StagedWelcome::build_from_welcome(&provider, &config, welcome)
        .map_err(CryptoError::mls)?
        .skip_lifetime_validation()
        .build()
        .map_err(CryptoError::mls)?;
    let sender = staged.welcome_sender().map_err(CryptoError::mls)?;
    let sender = credential::verify(sender.credential(), sender.signature_key().as_slice())?;
    if !acceptable(&sender) {
        return Err(CryptoError::Unverified("the Welcome's sender"));
    }
    let mls = staged.into_group(&provider).map_err(CryptoError::mls)?;
    let alliance = alliance_of(mls.extensions())?;
    if alliance.group_id() != mls.group_id().as_slice() {
        return Err(CryptoError::Unverified("the alliance's identifier"));
    }
    provider.put(GROUP_ID_ENTRY, mls.group_id().as_slice().to_vec());
    let device = DeviceKey::load(&provider)?;
    let group = Group { mls, provider, device, alliance };
    check_tree(&group)?;
    Ok((group, sender))
}

/// What a newcomer checks of the tree that it was given: every leaf certified and seated, every seat with a leaf,
/// every public key of the right length.
fn check_tree(group: &Group) -> Result<(), CryptoError> {
    for member in group.mls.members() {
        credential::verify(&member.credential, &member.signature_key)?;
    }
    if group.members()?.len() != group.alliance.seats.len() {
        return Err(CryptoError::Unverified("the seats"));
    }
    for (_, leaf) in group.mls.treesync().full_leaves() {
        RecoveryMailbox::of_leaf(leaf.extensions())?;
    }
    check_tree_keys(group.mls.ciphersuite(), &group.mls.export_ratchet_tree())
}

/// Every public key of a tree has the suite's length, so that nobody who encrypts to it later is stuck.
pub(super) fn check_tree_keys(suite: Ciphersuite, tree: &openmls::treesync::RatchetTree) -> Result<(), CryptoError> {
    let expected = public_key_bytes(suite);
    let leaves = tree.leaves().map(|leaf| key_length(leaf.encryption_key()));
    let parents = tree.parents().map(key_length);
    if leaves.chain(parents).all(|length| length == expected) { Ok(()) } else { Err(CryptoError::KeyLength) }
}

/// Octets of the public key that is a structure's first field: OpenMLS shows an encryption key, and the key of a
/// parent node (RFC 9420, section 7.1), only as octets.
pub(super) fn key_length(structure: &impl tls_codec::Serialize) -> usize {
    let octets = structure.tls_serialize_detached().unwrap_or_default();
    tls_codec::VLBytes::tls_deserialize(&mut octets.as_slice()).map_or(0, |key| key.as_ref().len())
}
