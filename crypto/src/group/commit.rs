//! Building a commit: a wish becomes MLS proposals and a new state, judged by the same rules as everybody's.

use super::join::JoinRequest;
use super::receive::self_remover;
use super::{Group, PENDING_MOTION_ENTRY, group_context_extensions};
use crate::alliance::{AllianceState, MEMBERS_MAX, Role, Seat};
use crate::content::AuthorSeal;
use crate::grant::Grant;
use crate::identity::Identity;
use crate::judge::{CommitFacts, Refusal, enacted, judge, unprivileged};
use crate::motion::{self, Action, Enactment};
use crate::name::Name;
use crate::roster::sealed_by_author;
use crate::rules::Rules;
use crate::{CryptoError, Obstacle};
use ed25519_dalek::Signer as _;
use openmls::prelude::{KeyPackage, LeafNodeIndex};
use openmls_traits::OpenMlsProvider;
use twiza_protocol::{FrameSize, MailboxAddress};

/// Members that one commit may add: batched adds cost more than their number (see `docs/performance.md`).
pub const ADDITIONS_MAX: usize = 100;

/// What a member wants to change.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Change {
    /// Let these people in.
    Add(Vec<(JoinRequest, Role)>),
    /// Remove these people.
    Remove(Vec<Identity>),
    /// Give somebody another role.
    SetRole(Identity, Role),
    /// Let these people in with new keys: who has a leaf loses it and keeps seat and role; who has none gets this role.
    Readmit(Vec<(JoinRequest, Role)>),
    /// New keys for oneself, and a new recovery mailbox.
    RenewRecovery,
    /// Other rules.
    SetRules(Rules),
    /// Another name of the alliance.
    Rename(Name),
    /// Another grant for the relay in use, or none.
    SetGrant(Option<Grant>),
    /// What several organisations have agreed on.
    Enact(Box<Enacting>),
    /// New keys for oneself; carries out others' wishes to leave, as every commit does.
    Rotate,
}

/// A motion on its way into a commit.
#[derive(Debug, Clone)]
pub struct Enacting {
    /// The motion and its approvals.
    pub enactment: Enactment,
    /// The join requests of those whom it lets in.
    pub requests: Vec<JoinRequest>,
    /// Today, by one's own clock: the ledger of spent motions moves on to it.
    pub today: u32,
}

/// A commit that waits for the relay's receipt. The group stays in its epoch until [`Group::merge_pending`].
#[derive(Debug)]
pub struct PendingCommit {
    /// The MLS commit (a PrivateMessage).
    pub commit: Vec<u8>,
    /// The Welcome for those who are added. Must not leave before the commit's receipt (RFC 9420, section 14).
    pub welcome: Option<Vec<u8>>,
    /// The author's seal over mailbox and commit.
    pub author: AuthorSeal,
    /// The frame size that all commits of this alliance have.
    pub frame_size: FrameSize,
}

impl Group {
    /// Builds a commit for this epoch's mailbox.
    ///
    /// # Errors
    /// [`CryptoError::Refused`] where the alliance's rules do not allow it; [`CryptoError::NotPossible`] where it
    /// cannot be (somebody unknown, oneself removed, too many at once).
    pub fn commit(&mut self, change: &Change, address: &MailboxAddress) -> Result<PendingCommit, CryptoError> {
        if self.is_leaving()? {
            return Err(Obstacle::Leaving.into());
        }
        let motion = match change {
            Change::Enact(enacting) => enacting.enactment.encode()?,
            _ => Vec::new(),
        };
        let after = self.state_after(change, &self.departures())?;
        let pending = self.build(change, &after, motion, address)?;
        judge(&self.alliance, &self.pending_facts()?)?;
        Ok(pending)
    }

    /// Builds a commit that nobody has judged yet.
    pub(super) fn build(
        &mut self,
        change: &Change,
        after: &AllianceState,
        motion: Vec<u8>,
        address: &MailboxAddress,
    ) -> Result<PendingCommit, CryptoError> {
        let removed = self.removals(change, &self.departures())?;
        self.mls.set_aad(motion.clone());
        let staged = self.stage(change, after, &removed);
        // MLS forgets it with the commit; where there was none, the next message must not carry it.
        self.mls.set_aad(Vec::new());
        let (commit, welcome) = staged?;
        self.provider.put(PENDING_MOTION_ENTRY, motion);
        let mut removes: Vec<u32> = removed.iter().map(LeafNodeIndex::u32).collect();
        removes.sort_unstable();
        let frame_size = crate::seal::commit_frame_size(self.alliance.people().max(after.people()));
        let author = self.author_seal(address, &commit, removes);
        Ok(PendingCommit { commit, welcome, author, frame_size })
    }

    fn stage(
        &mut self,
        change: &Change,
        after: &AllianceState,
        removed: &[LeafNodeIndex],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), CryptoError> {
        let fresh_leaf = matches!(change, Change::RenewRecovery).then(|| self.renewed_leaf()).transpose()?;
        let extensions = (*after != self.alliance).then(|| group_context_extensions(after)).transpose()?;
        let mut builder = self.mls.commit_builder().force_self_update(true).propose_removals(removed.iter().copied());
        if let Some(leaf) = fresh_leaf {
            builder = builder.leaf_node_parameters(leaf);
        }
        builder = builder.propose_adds(additions(change)?);
        if let Some(extensions) = extensions {
            builder = builder.propose_group_context_extensions(extensions).map_err(CryptoError::mls)?;
        }
        let bundle = builder
            .load_psks(self.provider.storage())
            .map_err(CryptoError::mls)?
            .build(self.provider.rand(), self.provider.crypto(), &self.device, |queued| {
                self_remover(queued).is_some() || is_own(queued)
            })
            .map_err(CryptoError::mls)?
            .stage_commit(&self.provider)
            .map_err(CryptoError::mls)?;
        let (commit, welcome, _) = bundle.into_messages();
        let commit = commit.to_bytes().map_err(CryptoError::mls)?;
        let welcome = welcome.map(|welcome| welcome.to_bytes().map_err(CryptoError::mls)).transpose()?;
        Ok((commit, welcome))
    }

    /// Takes one's own commit over, once the relay's receipt says that it ended the epoch.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where none is pending.
    pub fn merge_pending(&mut self) -> Result<(), CryptoError> {
        self.mls.merge_pending_commit(&self.provider).map_err(CryptoError::mls)?;
        self.alliance = super::alliance_of(self.mls.extensions())?;
        self.keep_renewed_recovery()
    }

    /// Gives one's own commit up, once the epoch is known to have ended or branched without it.
    ///
    /// # Errors
    /// [`CryptoError::Mls`] only.
    pub fn drop_pending(&mut self) -> Result<(), CryptoError> {
        self.mls.clear_pending_commit(self.provider.storage()).map_err(CryptoError::mls)
    }

    /// Whether one's own commit waits for a receipt.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.mls.pending_commit().is_some()
    }

    pub(super) fn author_seal(&self, address: &MailboxAddress, commit: &[u8], removes: Vec<u32>) -> AuthorSeal {
        let signature = self.device.0.sign(&sealed_by_author(address, commit, &removes)).to_bytes();
        AuthorSeal { leaf_index: self.mls.own_leaf_index().u32(), removes, signature }
    }

    /// What one's own pending commit does.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where none is pending.
    pub fn pending_facts(&self) -> Result<CommitFacts, CryptoError> {
        let pending = self.mls.pending_commit().ok_or(CryptoError::Bug("no commit is pending"))?;
        let facts = self.facts(self.mls.own_leaf_index(), pending)?;
        let motion = self.provider.get(PENDING_MOTION_ENTRY)?;
        Ok(CommitFacts { motion: motion::of_authenticated_data(&motion, &self.alliance.id)?, ..facts })
    }

    /// The alliance as one's own pending commit leaves it; as it is, where none is pending.
    ///
    /// # Errors
    /// As [`Group::pending_facts`].
    pub fn next_alliance(&self) -> Result<AllianceState, CryptoError> {
        if !self.has_pending() {
            return Ok(self.alliance.clone());
        }
        self.pending_facts()?.after.ok_or(CryptoError::Bug("one's own commit without a state"))
    }

    /// The organisations that must stand behind a change, if oneself makes it: more than one take a motion.
    ///
    /// # Errors
    /// As [`Group::commit`], where the change cannot be.
    pub fn organisations_needed(&self, change: &Change) -> Result<u8, CryptoError> {
        let seat = self.alliance.seat(&self.own_identity()?).ok_or(Obstacle::NotMember)?;
        let departing = self.departures();
        let base = unprivileged(&self.alliance, &departing, seat);
        Ok(crate::judge::organisations_needed(&base, &self.state_after(change, &departing)?, seat))
    }

    fn state_after(&self, change: &Change, departing: &[Identity]) -> Result<AllianceState, CryptoError> {
        let seat = self.alliance.seat(&self.own_identity()?).ok_or(Obstacle::NotMember)?;
        let mut after = unprivileged(&self.alliance, departing, seat);
        match change {
            Change::Rotate | Change::RenewRecovery => {}
            Change::Readmit(returning) => after = self.state_with(after, returning)?,
            Change::Remove(gone) => after = after.without(gone),
            Change::SetRole(identity, role) => {
                let seat = after.seat(identity).ok_or(Obstacle::UnknownMember)?;
                let seat = Seat { role: *role, ..seat.clone() };
                after = after.with_seat(seat);
            }
            Change::SetRules(rules) if rules.are_sound() => after.rules = rules.clone(),
            Change::SetRules(_) => return Err(Obstacle::RulesUnsound.into()),
            Change::Rename(name) => after.name = name.clone(),
            Change::SetGrant(grant) => after = after.with_grant(grant.clone()),
            Change::Enact(enacting) => {
                let motion = &enacting.enactment.motion;
                let day = after.ledger.day_for(enacting.today, motion);
                after = enacted(&self.alliance, &after, motion, day)?;
            }
            Change::Add(admitted) => {
                if admitted.len() > ADDITIONS_MAX || after.people() + admitted.len() > MEMBERS_MAX {
                    return Err(Obstacle::TooMany.into());
                }
                for (request, role) in admitted {
                    let identity = request.person.identity;
                    if after.seat(&identity).is_some() {
                        return Err(CryptoError::Refused(Refusal::AddedTwice));
                    }
                    let organisation = request.person.organisation.clone();
                    after = after.with_seat(Seat { identity, role: *role, organisation });
                }
            }
        }
        Ok(after)
    }

    fn removals(&self, change: &Change, departing: &[Identity]) -> Result<Vec<LeafNodeIndex>, CryptoError> {
        let gone = match change {
            Change::Remove(gone) => gone.clone(),
            Change::Readmit(returning) => self.seated(returning),
            Change::Enact(enacting) => match &enacting.enactment.motion.action {
                Action::Remove(gone) => gone.clone(),
                _ => return Ok(Vec::new()),
            },
            _ => return Ok(Vec::new()),
        };
        if gone.contains(&self.own_identity()?) {
            return Err(Obstacle::OwnRemoval.into());
        }
        let members = self.members()?;
        let mut leaves = Vec::new();
        // Whoever is awaited has no leaf yet.
        let has_leaf = |identity: &&Identity| !departing.contains(identity) && self.alliance.awaits(identity).is_none();
        for identity in gone.iter().filter(has_leaf) {
            let found = members.iter().find(|member| member.person.identity == *identity);
            let found = found.ok_or(Obstacle::UnknownMember)?;
            leaves.push(LeafNodeIndex::new(found.leaf_index));
        }
        Ok(leaves)
    }
}

/// The key packages of those whom a change lets in.
fn additions(change: &Change) -> Result<Vec<KeyPackage>, CryptoError> {
    match change {
        Change::Add(admitted) | Change::Readmit(admitted) => {
            Ok(admitted.iter().map(|(request, _)| request.key_package.clone()).collect())
        }
        Change::Enact(enacting) => {
            let Action::Add(people) = &enacting.enactment.motion.action else { return Ok(Vec::new()) };
            let request_of = |person: &motion::Admission| {
                let person = person.person();
                let found = enacting.requests.iter().find(|request| request.person == person);
                found.map(|request| request.key_package.clone()).ok_or(Obstacle::UnknownMember)
            };
            Ok(people.iter().map(request_of).collect::<Result<_, _>>()?)
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether a proposal is part of this commit itself and not from the queue of others' proposals.
fn is_own(queued: &openmls::prelude::QueuedProposal) -> bool {
    queued.proposal_or_ref_type() == openmls::prelude::ProposalOrRefType::Proposal
}
