//! An alliance's MLS group, as one member holds it.
//!
//! Reading views are methods on `&Group`; changes go through one file each: [`commit`] builds them, [`receive`] takes
//! those of others, [`join`] enters. After each step the caller writes [`Group::take_changes`] in the same
//! transaction as everything else that belongs to the step, or drops the group and loads it again.

pub mod commit;
pub mod join;
pub mod receive;
pub mod restore;
#[cfg(feature = "test-utils")]
mod test_utils;

use crate::alliance::{AllianceId, AllianceState, Role};
use crate::credential::{self, Person};
use crate::epoch::{Branch, EpochKeys};
use crate::identity::{Identity, IdentityKey};
use crate::judge::{Refusal, check_invariants};
use crate::ledger::Ledger;
use crate::message::Message;
use crate::missed::Missed;
use crate::name::Name;
use crate::recovery::{RecoveryKey, RecoveryMailbox};
use crate::report::{Report, Word};
use crate::roster::{Roster, RosterEntry};
use crate::rules::Rules;
use crate::seal::MarkKey;
use crate::state::Provider;
use crate::suite::{ALLIANCE_EXTENSION, CIPHERSUITE, RECOVERY_EXTENSION, capabilities};
use crate::{CryptoError, GroupState, Obstacle, Random, StateChanges};
use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{
    BasicCredential, Ciphersuite, CredentialType, CredentialWithKey, Extension, ExtensionType, Extensions,
    GroupContext, GroupId, LeafNode, LeafNodeIndex, Lifetime, MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY,
    MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, ProposalType,
    RequiredCapabilitiesExtension, SenderRatchetConfiguration, UnknownExtension, WireFormatPolicy,
};
use openmls_traits::OpenMlsProvider;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use sha2::{Digest as _, Sha256};
use twiza_protocol::{FrameDigest, MailboxAddress, RelayKey};
use zeroize::Zeroizing;

const DEVICE_KEY_ENTRY: &[u8] = b"twiza device key";
const RECOVERY_KEY_ENTRY: &[u8] = b"twiza recovery key";
const NEXT_RECOVERY_KEY_ENTRY: &[u8] = b"twiza next recovery key";
const GROUP_ID_ENTRY: &[u8] = b"twiza group id";
/// The authenticated data of one's own pending commit, which OpenMLS does not keep.
const PENDING_MOTION_ENTRY: &[u8] = b"twiza pending motion";

/// Messages that may be missing before one that is read: a mailbox is in order, so gaps are frames that were refused.
const FORWARD_DISTANCE_MAX: u32 = 10_000;

/// Later messages of the same sender that may be read before one: what a relay lost is put back behind what was said
/// meanwhile. Only keys that were skipped are kept for it, and only while the epoch lasts.
const OUT_OF_ORDER_MAX: u32 = 1_000;

/// One member's group, in one epoch.
pub struct Group {
    mls: MlsGroup,
    provider: Provider,
    device: DeviceKey,
    alliance: AllianceState,
}

/// A member, as the tree has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which leaf (RFC 9420, section 4.1).
    pub leaf_index: u32,
    /// Who.
    pub person: Person,
    /// May do what.
    pub role: Role,
}

/// A device's leaf key in one alliance.
pub(crate) struct DeviceKey(SigningKey);

impl DeviceKey {
    fn generate(random: &Random) -> Result<Self, CryptoError> {
        let seed = Zeroizing::new(random.array()?);
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    fn load(provider: &Provider) -> Result<Self, CryptoError> {
        let seed = Zeroizing::new(provider.get(DEVICE_KEY_ENTRY)?);
        let seed = seed.as_slice().try_into().map_err(|_| CryptoError::Bug("a device key of another length"))?;
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn mark_key(&self) -> MarkKey {
        MarkKey::of_device(self.0.as_bytes())
    }
}

impl Signer for DeviceKey {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What somebody needs to have a leaf: its device key and recovery mailbox are put into the provider.
pub(crate) struct Leaf {
    device: DeviceKey,
    credential: CredentialWithKey,
    extensions: Extensions<LeafNode>,
}

impl Leaf {
    fn new(provider: &Provider, identity: &IdentityKey, name: &Name, organisation: &Name) -> Result<Self, CryptoError> {
        let device = DeviceKey::generate(provider.random())?;
        let recovery = RecoveryKey::generate(provider.random())?;
        provider.put(DEVICE_KEY_ENTRY, device.0.to_bytes().to_vec());
        provider.put(RECOVERY_KEY_ENTRY, recovery.expose());
        let octets = credential::certify(identity, &device.public(), name, organisation)?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(octets).into(),
            signature_key: device.public().to_vec().into(),
        };
        let extensions = Extensions::single(recovery.public()?.extension()?).map_err(CryptoError::mls)?;
        Ok(Self { device, credential, extensions })
    }
}

impl Group {
    /// Founds an alliance: a group of one, its founder the only organiser.
    ///
    /// # Errors
    /// [`CryptoError::Entropy`], or [`CryptoError::Bug`].
    pub fn found(
        founder: &IdentityKey,
        name: &Name,
        organisation: &Name,
        alliance_name: &Name,
        relay: crate::alliance::AllianceRelay,
        random: &Random,
    ) -> Result<Self, CryptoError> {
        let alliance = AllianceState {
            id: AllianceId::from_bytes(random.array()?),
            generation: 0,
            name: alliance_name.clone(),
            seats: vec![crate::alliance::Seat {
                identity: founder.identity(),
                role: Role::Organiser,
                organisation: organisation.clone(),
            }],
            relays: vec![relay],
            rules: Rules::default(),
            ledger: Ledger::default(),
            claim: None,
            founding: None,
        };
        Self::found_as(CIPHERSUITE, founder, name, alliance, random)
    }

    fn found_as(
        suite: Ciphersuite,
        founder: &IdentityKey,
        name: &Name,
        alliance: AllianceState,
        random: &Random,
    ) -> Result<Self, CryptoError> {
        let provider = Provider::new(GroupState::default(), random);
        let organisation =
            &alliance.seat(&founder.identity()).ok_or(CryptoError::Bug("a founder without a seat"))?.organisation;
        let leaf = Leaf::new(&provider, founder, name, organisation)?;
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(suite)
            .wire_format_policy(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .padding_size(0)
            .max_past_epochs(0)
            .use_ratchet_tree_extension(true)
            .sender_ratchet_configuration(ratchet())
            .lifetime(lifetime())
            .capabilities(capabilities(suite))
            .with_group_context_extensions(group_context_extensions(&alliance)?)
            .with_leaf_node_extensions(leaf.extensions)
            .map_err(CryptoError::mls)?
            .build();
        let id = GroupId::from_slice(&alliance.group_id());
        let mls = MlsGroup::new_with_group_id(&provider, &leaf.device, &config, id, leaf.credential);
        let mls = mls.map_err(CryptoError::mls)?;
        provider.put(GROUP_ID_ENTRY, mls.group_id().as_slice().to_vec());
        Ok(Self { mls, provider, device: leaf.device, alliance })
    }

    /// Loads a group from its entries.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where they are not those of a group.
    pub fn load(state: GroupState, random: &Random) -> Result<Self, CryptoError> {
        let provider = Provider::new(state, random);
        let id = GroupId::from_slice(&provider.get(GROUP_ID_ENTRY)?);
        let mls = MlsGroup::load(provider.storage(), &id).map_err(CryptoError::mls)?;
        let mls = mls.ok_or(CryptoError::Bug("the group's state is missing"))?;
        let device = DeviceKey::load(&provider)?;
        let alliance = alliance_of(mls.extensions())?;
        Ok(Self { mls, provider, device, alliance })
    }

    /// What changed since the last call, to be stored before anything is sent.
    pub fn take_changes(&mut self) -> StateChanges {
        self.provider.take_changes()
    }

    /// What the alliance has agreed on.
    #[must_use]
    pub fn alliance(&self) -> &AllianceState {
        &self.alliance
    }

    /// The epoch's number.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.mls.epoch().as_u64()
    }

    /// Whether this member is still in the group.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.mls.is_active()
    }

    /// One's own identity.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn own_identity(&self) -> Result<Identity, CryptoError> {
        let leaf = self.mls.own_leaf().ok_or(CryptoError::Bug("a group without one's own leaf"))?;
        Ok(credential::read_verified(leaf.credential())?.identity)
    }

    /// Everybody in the group, in the order of the tree.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where leaves and seats do not match: such a group is never accepted.
    pub fn members(&self) -> Result<Vec<Member>, CryptoError> {
        let members = self.mls.members();
        members.map(|member| self.member(member.index.u32(), credential::read_verified(&member.credential)?)).collect()
    }

    fn member(&self, leaf_index: u32, person: Person) -> Result<Member, CryptoError> {
        let seat = self.alliance.seat(&person.identity).ok_or(CryptoError::Unverified("a member without a seat"))?;
        if seat.organisation != person.organisation {
            return Err(CryptoError::Unverified("a member's organisation"));
        }
        Ok(Member { leaf_index, role: seat.role, person })
    }

    fn person_at(&self, index: LeafNodeIndex) -> Result<Person, CryptoError> {
        let member = self.mls.member_at(index).ok_or(CryptoError::Malformed("leaf index"))?;
        credential::read_verified(&member.credential)
    }

    /// The recovery mailbox of the member at a leaf.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] where there is no such leaf or it names none.
    pub fn recovery_mailbox(&self, leaf_index: u32) -> Result<RecoveryMailbox, CryptoError> {
        let mut leaves = self.mls.treesync().full_leaves();
        let found = leaves.find(|(index, _)| index.u32() == leaf_index);
        let (_, leaf) = found.ok_or(CryptoError::Malformed("leaf index"))?;
        RecoveryMailbox::of_leaf(leaf.extensions())
    }

    /// One's own recovery mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn own_recovery_key(&self) -> Result<RecoveryKey, CryptoError> {
        RecoveryKey::from_bytes(&self.provider.get(RECOVERY_KEY_ENTRY)?)
    }

    /// The keys of this epoch's mailbox on a relay.
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] where this member is out.
    pub fn epoch_keys(&self, relay: &RelayKey, branch: Branch) -> Result<EpochKeys, CryptoError> {
        let keys = EpochKeys::export(relay, branch, |label, context, length| {
            let exported = self.mls.export_secret(self.provider.crypto(), label, context, length);
            exported.map_err(|_| Obstacle::NotMember.into())
        })?;
        Ok(keys.marking(self.device.mark_key()))
    }

    /// Who is in this epoch, to be kept when it is over.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where leaves and seats do not match.
    pub fn roster(&self) -> Result<Roster, CryptoError> {
        let entry = |member: openmls::prelude::Member| {
            let Person { identity, name, organisation } = credential::read_verified(&member.credential)?;
            let seat = self.alliance.seat(&identity).ok_or(CryptoError::Unverified("a member without a seat"))?;
            let signature_key = member.signature_key.try_into().map_err(|_| CryptoError::KeyLength)?;
            Ok(RosterEntry {
                leaf_index: member.index.u32(),
                signature_key,
                identity,
                name,
                organisation,
                role: seat.role,
            })
        };
        Ok(Roster { entries: self.mls.members().map(entry).collect::<Result<_, CryptoError>>()? })
    }

    /// Says by one's leaf key that a commit, which closed the mailbox with this address, cannot be followed.
    #[must_use]
    pub fn report(&self, address: &MailboxAddress, commit: &[u8]) -> Report {
        self.say_of(Word::CannotFollow, address, Sha256::digest(commit).into())
    }

    /// Says by one's leaf key that the commit with this SHA-256, which closed the mailbox with this address, was followed.
    #[must_use]
    pub fn followed(&self, address: &MailboxAddress, commit: [u8; 32]) -> Report {
        self.say_of(Word::Followed, address, commit)
    }

    /// Says by one's leaf key that these frames stand in a past mailbox, and were not there when one went on from it.
    #[must_use]
    pub fn missed(&self, address: &MailboxAddress, frames: &[FrameDigest]) -> Missed {
        let sign = |message: &[u8]| self.device.0.sign(message).to_bytes();
        Missed::new(self.mls.own_leaf_index().u32(), address, frames, sign)
    }

    fn say_of(&self, word: Word, address: &MailboxAddress, commit: [u8; 32]) -> Report {
        let signature = self.device.0.sign(&Report::signed(word, address, &commit)).to_bytes();
        Report::new(self.mls.own_leaf_index().u32(), commit, signature)
    }

    /// The keys of the mailbox that follows one's own pending commit.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where no commit is pending.
    pub fn next_epoch_keys(&self, relay: &RelayKey) -> Result<EpochKeys, CryptoError> {
        let pending = self.mls.pending_commit().ok_or(CryptoError::Bug("no commit is pending"))?;
        EpochKeys::export(relay, Branch::default(), |label, context, length| {
            pending.export_secret(self.provider.crypto(), label, context, length).map_err(CryptoError::mls)
        })
    }

    /// What a room full of members compares: the epoch authenticator (RFC 9420, section 8.7). The same for all in one
    /// epoch, and for nobody else.
    #[must_use]
    pub fn epoch_authenticator(&self) -> &[u8] {
        self.mls.epoch_authenticator().as_slice()
    }

    /// Whether one may say something here.
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] for observers and for whoever is leaving.
    pub fn check_may_speak(&self) -> Result<(), CryptoError> {
        if self.is_leaving()? {
            return Err(Obstacle::Leaving.into());
        }
        let role = self.alliance.seat(&self.own_identity()?).map(|seat| seat.role);
        if role == Some(Role::Observer) { Err(Obstacle::Observer.into()) } else { Ok(()) }
    }

    /// Encrypts a message for the group (an MLS PrivateMessage).
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] for observers and for whoever is leaving; [`CryptoError::TooLarge`];
    /// [`CryptoError::Mls`] while a commit is pending, or somebody's wish to leave ([`Group::has_departures`]).
    pub fn encrypt_message(&mut self, message: &Message) -> Result<Vec<u8>, CryptoError> {
        self.check_may_speak()?;
        let sealed = self.mls.create_message(&self.provider, &self.device, &message.encode()?);
        sealed.map_err(CryptoError::mls)?.to_bytes().map_err(CryptoError::mls)
    }

    /// Says that one wants to leave (an MLS SelfRemove proposal); another member's commit carries it out. The group is
    /// used up by it and must be loaded again as it was: one's own wish counts when it is read back in its place among
    /// those of others ([`Group::receive_proposal`]), so that all members have the same wishes in the same order.
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] for the last organiser, who hands the role on first, and for whoever is needed for a
    /// quorum.
    pub fn propose_leave(mut self) -> Result<Vec<u8>, CryptoError> {
        self.check_departure(self.own_identity()?).map_err(Obstacle::from)?;
        let plaintext = join_config(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY);
        self.mls.set_configuration(self.provider.storage(), &plaintext).map_err(CryptoError::mls)?;
        let proposal = self.mls.leave_group_via_self_remove(&self.provider, &self.device);
        proposal.map_err(CryptoError::mls)?.to_bytes().map_err(CryptoError::mls)
    }

    /// Whether one has said that one leaves, and waits for another member's commit.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] only.
    pub fn is_leaving(&self) -> Result<bool, CryptoError> {
        Ok(self.departures().contains(&self.own_identity()?))
    }

    /// Whether somebody's wish to leave waits to be carried out by a commit. Until then, MLS encrypts no messages
    /// (RFC 9420, section 12.4).
    #[must_use]
    pub fn has_departures(&self) -> bool {
        self.mls.pending_proposals().next().is_some()
    }

    /// Forgets all wishes to leave: they belong to the mailbox in which they were read, and when it ends without a valid
    /// commit, whoever still wants to leave says so again in the next branch.
    ///
    /// # Errors
    /// [`CryptoError::Mls`] only.
    pub fn forget_departures(&mut self) -> Result<(), CryptoError> {
        self.mls.clear_pending_proposals(self.provider.storage()).map_err(CryptoError::mls)
    }

    /// Who has said that it wants to leave.
    pub(crate) fn departures(&self) -> Vec<Identity> {
        let leaving = self.mls.pending_proposals().filter_map(receive::self_remover);
        leaving.filter_map(|index| self.person_at(index).ok()).map(|person| person.identity).collect()
    }

    /// Whether somebody may leave, after all who have said so before: then somebody still organises the alliance, and the
    /// largest quorum that its rules ask for can be reached.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_departure(&self, further: Identity) -> Result<(), Refusal> {
        let gone: Vec<_> = self.departures().into_iter().chain([further]).collect();
        check_invariants(&self.alliance.clone().without(&gone))
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mls, provider: _, device: _, alliance: _ } = self;
        write!(f, "Group(epoch {}, redacted)", mls.epoch().as_u64())
    }
}

pub(crate) fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_MAX, FORWARD_DISTANCE_MAX)
}

/// The lifetime of every key package (RFC 9420, section 7.2): all of time. Whoever receives a commit holds the lifetimes
/// of those it adds against a clock; with any other, members with different clocks would judge one commit differently,
/// and the group would fork. A key package lies in one rendezvous mailbox, for one use, and expires with its invitation.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

pub(crate) fn join_config(policy: WireFormatPolicy) -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(policy)
        .padding_size(0)
        .max_past_epochs(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet())
        .build()
}

pub(crate) fn group_context_extensions(alliance: &AllianceState) -> Result<Extensions<GroupContext>, CryptoError> {
    let state = Extension::Unknown(ALLIANCE_EXTENSION, UnknownExtension(alliance.encode()?));
    let required = Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(
        &[ExtensionType::Unknown(ALLIANCE_EXTENSION), ExtensionType::Unknown(RECOVERY_EXTENSION)],
        &[ProposalType::SelfRemove],
        &[CredentialType::Basic],
    ));
    Extensions::from_vec(vec![required, state]).map_err(CryptoError::mls)
}

/// The alliance's state in a GroupContext that has our two extensions and no others.
pub(crate) fn alliance_of(extensions: &Extensions<GroupContext>) -> Result<AllianceState, CryptoError> {
    let found = extensions.unknown(ALLIANCE_EXTENSION).ok_or(CryptoError::Malformed("group context"))?;
    let alliance = AllianceState::decode(&found.0)?;
    let expected = group_context_extensions(&alliance)?;
    if expected.iter().count() != extensions.iter().count()
        || expected.required_capabilities() != extensions.required_capabilities()
    {
        return Err(CryptoError::Malformed("group context"));
    }
    Ok(alliance)
}
