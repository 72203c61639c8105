//! Taking what others sent. Each step of trust is a type: a payload that was opened becomes a [`JudgedCommit`] only
//! after its author's seal, MLS and the rules agreed, and only a [`JudgedCommit`] can be merged.

use super::join::{check_key_package, check_tree_keys, key_length};
use super::{Group, alliance_of};
use crate::alliance::Role;
use crate::content::AuthorSeal;
use crate::credential::{self, Person};
use crate::epoch::{Branch, EpochKeys};
use crate::judge::{CommitFacts, Refusal, judge};
use crate::message::Message;
use crate::recovery::RecoveryMailbox;
use crate::roster::sealed_by_author;
use crate::suite::public_key_bytes;
use crate::{CryptoError, Obstacle, motion};
use ed25519_dalek::{Signature, VerifyingKey};
use openmls::prelude::{
    ContentType, LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, ProcessMessageError, ProcessedMessageContent, Proposal,
    ProtocolMessage, QueuedProposal, Sender, StageCommitError, StagedCommit,
};
use openmls::treesync::errors::ApplyUpdatePathError;
use openmls_traits::OpenMlsProvider;
use twiza_protocol::{MailboxAddress, RelayKey};

/// A commit by another member that verifies and is within the rules, not yet taken over.
#[derive(Debug)]
pub struct JudgedCommit {
    staged: Box<StagedCommit>,
    facts: CommitFacts,
}

impl JudgedCommit {
    /// What it does.
    #[must_use]
    pub fn facts(&self) -> &CommitFacts {
        &self.facts
    }

    /// Whether it takes oneself out of the group.
    #[must_use]
    pub fn removes_us(&self) -> bool {
        self.staged.self_removed()
    }
}

/// The leaf that wishes to leave by this proposal, if it is such a wish.
pub(super) fn self_remover(queued: &QueuedProposal) -> Option<LeafNodeIndex> {
    match (queued.proposal(), queued.sender()) {
        (Proposal::SelfRemove, Sender::Member(index)) => Some(*index),
        _ => None,
    }
}

impl Group {
    /// Decrypts a message of another member.
    ///
    /// # Errors
    /// [`CryptoError::Refused`] for an observer's; [`CryptoError::Malformed`] or [`CryptoError::Mls`] for what is no
    /// message of this epoch. The group is as it was before, unless the message was decrypted.
    pub fn receive_message(&mut self, octets: &[u8]) -> Result<(Person, Message), CryptoError> {
        let message = parse(octets, ContentType::Application)?;
        let processed = self.mls.process_message(&self.provider, message).map_err(CryptoError::mls)?;
        let index = sender_leaf(processed.sender())?;
        let ProcessedMessageContent::ApplicationMessage(application) = processed.into_content() else {
            return Err(CryptoError::Malformed("message"));
        };
        let person = self.person_at(index)?;
        if self.alliance.seat(&person.identity).is_none_or(|seat| seat.role == Role::Observer) {
            return Err(CryptoError::Refused(Refusal::ObserverWrites));
        }
        Ok((person, Message::decode(&application.into_bytes())?))
    }

    /// Notes a member's wish to leave, one's own as well. A wish that would leave the alliance without an organiser, or its
    /// largest quorum out of reach, is refused by everybody alike, since all have seen the same wishes before it.
    ///
    /// # Errors
    /// [`CryptoError::Refused`] for that, and for proposals of any other kind.
    pub fn receive_proposal(&mut self, octets: &[u8]) -> Result<Person, CryptoError> {
        let message = parse(octets, ContentType::Proposal)?;
        let processed = self.mls.process_message(&self.provider, message).map_err(CryptoError::mls)?;
        let ProcessedMessageContent::ProposalMessage(queued) = processed.into_content() else {
            return Err(CryptoError::Malformed("proposal"));
        };
        let index = self_remover(&queued).ok_or(CryptoError::Refused(Refusal::ProposalKind))?;
        let person = self.person_at(index)?;
        self.check_departure(person.identity)?;
        self.mls.store_pending_proposal(self.provider.storage(), *queued).map_err(CryptoError::mls)?;
        Ok(person)
    }

    /// Verifies and judges another member's commit. On refusal the group is gone and must be loaded again: MLS has
    /// used up the key that the commit was encrypted with, and only in memory may that be so.
    ///
    /// # Errors
    /// [`CryptoError::OwnCopy`] for one by one's own leaf. Others may be able to follow it where
    /// [`CryptoError::may_work_for_others`] says so; any other error means that the epoch goes on in the next branch, for
    /// everybody.
    pub fn receive_commit(
        mut self,
        address: &MailboxAddress,
        octets: &[u8],
        author: &AuthorSeal,
    ) -> Result<(Self, JudgedCommit), CryptoError> {
        self.verify_author(address, octets, author)?;
        if author.leaf_index == self.mls.own_leaf_index().u32() {
            return Err(CryptoError::OwnCopy);
        }
        let message = parse(octets, ContentType::Commit)?;
        if !matches!(message, ProtocolMessage::PrivateMessage(_)) {
            return Err(CryptoError::Malformed("commit"));
        }
        let processed = self.mls.process_message(&self.provider, message).map_err(commit_error)?;
        let index = sender_leaf(processed.sender())?;
        if index.u32() != author.leaf_index {
            return Err(CryptoError::Unverified("a commit's author"));
        }
        let motion = motion::of_authenticated_data(processed.aad(), &self.alliance.id)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(CryptoError::Malformed("commit"));
        };
        if removed_leaves(&staged) != author.removes {
            return Err(CryptoError::Unverified("a commit's claim"));
        }
        let facts = CommitFacts { motion, ..self.facts(index, &staged)? };
        judge(&self.alliance, &facts)?;
        Ok((self, JudgedCommit { staged, facts }))
    }

    /// Who vouched for a commit by its leaf key, whether the commit can be processed or not.
    ///
    /// # Errors
    /// [`CryptoError::Unverified`] where nobody did: then the closing frame is junk.
    pub fn verify_author(
        &self,
        address: &MailboxAddress,
        commit: &[u8],
        author: &AuthorSeal,
    ) -> Result<Person, CryptoError> {
        const UNVERIFIED: CryptoError = CryptoError::Unverified("a commit's author");
        let member = self.mls.member_at(LeafNodeIndex::new(author.leaf_index)).ok_or(UNVERIFIED)?;
        let key = member.signature_key.as_slice().try_into().map_err(|_| UNVERIFIED)?;
        VerifyingKey::from_bytes(key)
            .and_then(|key| {
                key.verify_strict(
                    &sealed_by_author(address, commit, &author.removes),
                    &Signature::from_bytes(&author.signature),
                )
            })
            .map_err(|_| UNVERIFIED)?;
        credential::read_verified(&member.credential)
    }

    /// The keys of the mailbox that follows a commit.
    ///
    /// # Errors
    /// [`CryptoError::NotPossible`] where it takes oneself out.
    pub fn epoch_keys_after(&self, commit: &JudgedCommit, relay: &RelayKey) -> Result<EpochKeys, CryptoError> {
        EpochKeys::export(relay, Branch::default(), |label, context, length| {
            let exported = commit.staged.export_secret(self.provider.crypto(), label, context, length);
            exported.map_err(|_| Obstacle::NotMember.into())
        })
    }

    /// Takes a judged commit over: the group enters the next epoch, or this member is out. A pending commit of one's
    /// own is dropped by it.
    ///
    /// # Errors
    /// [`CryptoError::Mls`] only.
    pub fn merge(&mut self, commit: JudgedCommit) -> Result<(), CryptoError> {
        self.mls.merge_staged_commit(&self.provider, *commit.staged).map_err(CryptoError::mls)?;
        self.alliance = alliance_of(self.mls.extensions())?;
        Ok(())
    }

    /// What a commit does, with every certificate verified and every public key measured; but for its motion, which is
    /// not in MLS's view of it.
    pub(super) fn facts(&self, author: LeafNodeIndex, staged: &StagedCommit) -> Result<CommitFacts, CryptoError> {
        let mut facts = CommitFacts {
            author: self.person_at(author)?,
            author_after: None,
            added: Vec::new(),
            removed: Vec::new(),
            readmitted: Vec::new(),
            departed: Vec::new(),
            other_proposals: false,
            motion: None,
            after: alliance_of(staged.group_context().extensions()).ok(),
        };
        let mut gone = Vec::new();
        for queued in staged.queued_proposals() {
            match queued.proposal() {
                Proposal::Add(add) => facts.added.push(check_key_package(add.key_package())?),
                Proposal::Remove(remove) => gone.push(self.person_at(remove.removed())?),
                Proposal::SelfRemove => {
                    let leaf = self_remover(queued).ok_or(CryptoError::Malformed("proposal"))?;
                    facts.departed.push(self.person_at(leaf)?.identity);
                }
                Proposal::GroupContextExtensions(_) => {}
                _ => facts.other_proposals = true,
            }
        }
        facts.removed = gone.iter().map(|person| person.identity).collect();
        gone.retain(|person| facts.added.iter().any(|added| added.identity == person.identity));
        facts.readmitted = gone;
        if let Some(leaf) = staged.update_path_leaf_node() {
            if key_length(leaf.encryption_key()) != public_key_bytes(self.mls.ciphersuite()) {
                return Err(CryptoError::KeyLength);
            }
            RecoveryMailbox::of_leaf(leaf.extensions())?;
            facts.author_after = Some(credential::verify(leaf.credential(), leaf.signature_key().as_slice())?);
        }
        let tree = staged.export_ratchet_tree(self.provider.crypto(), self.mls.export_ratchet_tree());
        if let Some(tree) = tree.map_err(CryptoError::mls)? {
            check_tree_keys(self.mls.ciphersuite(), &tree)?;
        }
        Ok(facts)
    }
}

/// The leaves that a commit removes, in order.
fn removed_leaves(staged: &StagedCommit) -> Vec<u32> {
    let mut removed: Vec<u32> =
        staged.remove_proposals().map(|queued| queued.remove_proposal().removed().u32()).collect();
    removed.sort_unstable();
    removed
}

/// What can differ between members who process one commit is its path (RFC 9420, section 7.5), and whether the relay has
/// shown them the wishes to leave that it refers to by their hash (section 12.4): these are told apart.
fn commit_error<E: std::fmt::Display>(error: ProcessMessageError<E>) -> CryptoError {
    use ApplyUpdatePathError::{MissingCiphertext, PathMismatch, UnableToDecrypt};
    match error {
        ProcessMessageError::InvalidCommit(StageCommitError::UpdatePathError(
            UnableToDecrypt | PathMismatch | MissingCiphertext,
        )) => CryptoError::PathFailed,
        ProcessMessageError::InvalidCommit(StageCommitError::MissingProposal) => CryptoError::ProposalMissing,
        other => CryptoError::mls(other),
    }
}

fn sender_leaf(sender: &Sender) -> Result<LeafNodeIndex, CryptoError> {
    match sender {
        Sender::Member(index) => Ok(*index),
        _ => Err(CryptoError::Unverified("a sender outside the group")),
    }
}

/// An MLS message of one content type. Only a wish to leave may be a PublicMessage.
fn parse(octets: &[u8], expected: ContentType) -> Result<ProtocolMessage, CryptoError> {
    const MALFORMED: CryptoError = CryptoError::Malformed("MLS message");
    let message = <MlsMessageIn as tls_codec::Deserialize>::tls_deserialize_exact(octets).map_err(|_| MALFORMED)?;
    let message = match message.extract() {
        MlsMessageBodyIn::PrivateMessage(message) => ProtocolMessage::PrivateMessage(message),
        MlsMessageBodyIn::PublicMessage(message) if expected == ContentType::Proposal => {
            ProtocolMessage::PublicMessage(Box::new(message))
        }
        _ => return Err(MALFORMED),
    };
    if message.content_type() == expected { Ok(message) } else { Err(MALFORMED) }
}
