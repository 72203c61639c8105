//! Building a commit: a wish becomes MLS proposals and a new state, judged by the same rules as everybody's.

use super::join::JoinRequest;
use super::receive::self_remover;
use super::{Group, group_context_extensions};
use crate::alliance::{AllianceState, MEMBERS_MAX, Role, Seat};
use crate::content::AuthorSeal;
use crate::identity::Identity;
use crate::judge::{CommitFacts, judge};
use crate::{CryptoError, Obstacle};
use ed25519_dalek::Signer as _;
use openmls::prelude::LeafNodeIndex;
use openmls_traits::OpenMlsProvider;
use sha2::{Digest, Sha256};
use twiza_protocol::{FrameSize, MailboxAddress};

const LABEL: &[u8] = b"twiza commit v1\0";

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
    /// New keys for oneself; carries out others' wishes to leave, as every commit does.
    Rotate,
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
        let departing = self.departures();
        let after = self.state_after(change, &departing)?;
        let removals = self.removals(change, &departing)?;
        let extensions = (after != self.alliance).then(|| group_context_extensions(&after)).transpose()?;
        let frame_size = crate::seal::commit_frame_size(self.alliance.seats.len().max(after.seats.len()));
        let mut builder = self.mls.commit_builder().force_self_update(true).propose_removals(removals);
        if let Change::Add(admitted) = change {
            builder = builder.propose_adds(admitted.iter().map(|(request, _)| request.key_package.clone()));
        }
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
        judge(&self.alliance, &self.pending_facts()?)?;
        let commit = commit.to_bytes().map_err(CryptoError::mls)?;
        let welcome = welcome.map(|welcome| welcome.to_bytes().map_err(CryptoError::mls)).transpose()?;
        let author = self.author_seal(address, &commit);
        Ok(PendingCommit { commit, welcome, author, frame_size })
    }

    /// Takes one's own commit over, once the relay's receipt says that it ended the epoch.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where none is pending.
    pub fn merge_pending(&mut self) -> Result<(), CryptoError> {
        self.mls.merge_pending_commit(&self.provider).map_err(CryptoError::mls)?;
        self.alliance = super::alliance_of(self.mls.extensions())?;
        Ok(())
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

    pub(super) fn author_seal(&self, address: &MailboxAddress, commit: &[u8]) -> AuthorSeal {
        let signature = self.device.0.sign(&sealed_by_author(address, commit)).to_bytes();
        AuthorSeal { leaf_index: self.mls.own_leaf_index().u32(), signature }
    }

    /// What one's own pending commit does.
    ///
    /// # Errors
    /// [`CryptoError::Bug`] where none is pending.
    pub fn pending_facts(&self) -> Result<CommitFacts, CryptoError> {
        let pending = self.mls.pending_commit().ok_or(CryptoError::Bug("no commit is pending"))?;
        self.facts(self.mls.own_leaf_index(), pending)
    }

    fn state_after(&self, change: &Change, departing: &[Identity]) -> Result<AllianceState, CryptoError> {
        let mut after = self.alliance.clone().without(departing);
        match change {
            Change::Rotate => {}
            Change::Remove(gone) => after = after.without(gone),
            Change::SetRole(identity, role) => {
                let seat = after.seat(identity).ok_or(Obstacle::UnknownMember)?;
                let seat = Seat { role: *role, ..seat.clone() };
                after = after.with_seat(seat);
            }
            Change::Add(admitted) => {
                if admitted.len() > ADDITIONS_MAX || after.seats.len() + admitted.len() > MEMBERS_MAX {
                    return Err(Obstacle::TooMany.into());
                }
                for (request, role) in admitted {
                    let identity = request.person.identity;
                    if after.seat(&identity).is_some() {
                        return Err(CryptoError::Refused(crate::judge::Refusal::AddedTwice));
                    }
                    let organisation = request.person.organisation.clone();
                    after = after.with_seat(Seat { identity, role: *role, organisation });
                }
            }
        }
        Ok(after)
    }

    fn removals(&self, change: &Change, departing: &[Identity]) -> Result<Vec<LeafNodeIndex>, CryptoError> {
        let Change::Remove(gone) = change else { return Ok(Vec::new()) };
        if gone.contains(&self.own_identity()?) {
            return Err(Obstacle::OwnRemoval.into());
        }
        let members = self.members()?;
        let mut leaves = Vec::new();
        for identity in gone.iter().filter(|identity| !departing.contains(identity)) {
            let found = members.iter().find(|member| member.person.identity == *identity);
            let found = found.ok_or(Obstacle::UnknownMember)?;
            leaves.push(LeafNodeIndex::new(found.leaf_index));
        }
        Ok(leaves)
    }
}

/// Whether a proposal is part of this commit itself and not from the queue of others' proposals.
fn is_own(queued: &openmls::prelude::QueuedProposal) -> bool {
    queued.proposal_or_ref_type() == openmls::prelude::ProposalOrRefType::Proposal
}

pub(super) fn sealed_by_author(address: &MailboxAddress, commit: &[u8]) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(commit).into();
    [LABEL, address.as_bytes(), &digest].concat()
}
