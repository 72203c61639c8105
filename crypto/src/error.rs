//! What can go wrong in this crate.

use crate::EntropyError;
use crate::judge::Refusal;
use thiserror::Error;

/// An error, sorted by who is at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A peer's octets do not decode. The peer's fault; drop them.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A peer's octets decode, but do not verify or do not decrypt. The peer's fault, or octets for another key.
    #[error("{0} does not verify")]
    Unverified(&'static str),
    /// A public key of another length than the suite's. The peer's fault (see `docs/threat-model.md`).
    #[error("a public key has the wrong length")]
    KeyLength,
    /// A commit's path does not work for this member, whatever it does for others (RFC 9420, section 16.12). Its author's
    /// fault, or one's own state is damaged: it is reported to the others.
    #[error("the commit's path does not work here")]
    PathFailed,
    /// A commit carries out a wish to leave that was never shown here: its author made it up, or the relay has hidden it.
    /// Others may be able to follow it.
    #[error("the commit carries out a wish to leave that was not shown here")]
    ProposalMissing,
    /// Something by one's own leaf that this state never made: the state is an old copy. It must not be used any more.
    #[error("made by another copy of one's own keys")]
    OwnCopy,
    /// A commit against the alliance's rules. Its author's fault; the group goes on without it.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The caller asked for what the state does not allow. The caller's fault.
    #[error(transparent)]
    NotPossible(#[from] Obstacle),
    /// The caller's input is larger than the limit, both in octets.
    #[error("{found} octets are more than the limit of {limit}")]
    TooLarge {
        /// Octets found.
        found: usize,
        /// Octets allowed.
        limit: usize,
    },
    /// MLS refused, with its own words.
    #[error("MLS: {0}")]
    Mls(String),
    /// The random generator failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A fault of ours.
    #[error("a bug in Twiza: {0}")]
    Bug(&'static str),
}

impl CryptoError {
    /// Whether a commit that fails so here may work for other members.
    #[must_use]
    pub const fn may_work_for_others(&self) -> bool {
        matches!(self, Self::PathFailed | Self::ProposalMissing | Self::KeyLength)
    }
}

/// Why a member's own wish cannot be carried out. A closed set, so that front ends can say it in any language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// One is out of the group.
    #[error("you are no longer a member of this alliance")]
    NotMember,
    /// Nobody in the group has this identity.
    #[error("there is no such member")]
    UnknownMember,
    /// More than one commit may add, or than an alliance may have.
    #[error("these are too many members to add at once")]
    TooMany,
    /// Somebody who is to be let in is a member already.
    #[error("this person is a member already")]
    MemberAlready,
    /// Nobody can commit its own removal (RFC 9420, section 12.2).
    #[error("nobody can remove itself: leave instead")]
    OwnRemoval,
    /// One has said that one leaves: nothing can be said or changed after it.
    #[error("you are leaving this alliance")]
    Leaving,
    /// Observers read, but do not write.
    #[error("observers read, but do not write")]
    Observer,
    /// Only organisers can do it.
    #[error("only organisers can do this")]
    NotOrganiser,
    /// Nobody would be left to organise the alliance.
    #[error("the last organiser cannot go: give somebody else the role first")]
    LastOrganiser,
    /// Too few organisations would be left with an organiser.
    #[error("too few organisations would be left with an organiser to approve anything: change the rules first")]
    QuorumUnreachable,
    /// An organisation would have more people than it may.
    #[error("an organisation would have more people than its allotment")]
    Allotment,
    /// The rules ask for approvals of other organisations.
    #[error("the alliance's rules ask for approvals of other organisations")]
    ApprovalsMissing,
    /// A motion's last day is over.
    #[error("the motion has expired")]
    MotionExpired,
    /// A motion was enacted before.
    #[error("the motion was enacted before")]
    MotionSpent,
    /// What a motion asks for is done, or cannot be done any more.
    #[error("what the motion asks for is done, or cannot be done any more")]
    MotionVoid,
    /// The rules have no succession, or one is an organiser.
    #[error("the alliance's rules have no succession, or you are an organiser yourself")]
    NoSuccession,
    /// The relay takes no such grant.
    #[error("the relay does not take this grant")]
    GrantRefused,
    /// The issuer of tokens did not say whether it takes the grant.
    #[error("the issuer of tokens cannot be asked about this grant")]
    GrantUntried,
    /// Another grant has taken the place of the one that was to be replaced.
    #[error("the alliance was given another grant meanwhile")]
    GrantReplaced,
    /// Rules that contradict themselves.
    #[error("these rules are out of bounds, or easier to change than what they protect")]
    RulesUnsound,
    /// Another rule of the alliance, or a fault of ours.
    #[error("the alliance's rules do not allow it")]
    Rules,
}

impl Obstacle {
    const ALL: [Self; 21] = [
        Self::NotMember,
        Self::UnknownMember,
        Self::TooMany,
        Self::MemberAlready,
        Self::OwnRemoval,
        Self::Leaving,
        Self::Observer,
        Self::NotOrganiser,
        Self::LastOrganiser,
        Self::QuorumUnreachable,
        Self::Allotment,
        Self::ApprovalsMissing,
        Self::MotionExpired,
        Self::MotionSpent,
        Self::MotionVoid,
        Self::NoSuccession,
        Self::GrantRefused,
        Self::GrantUntried,
        Self::GrantReplaced,
        Self::RulesUnsound,
        Self::Rules,
    ];

    /// A name for stores and scripts, which stays.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotMember => "not-member",
            Self::UnknownMember => "unknown-member",
            Self::TooMany => "too-many",
            Self::MemberAlready => "member-already",
            Self::OwnRemoval => "own-removal",
            Self::Leaving => "leaving",
            Self::Observer => "observer",
            Self::NotOrganiser => "not-organiser",
            Self::LastOrganiser => "last-organiser",
            Self::QuorumUnreachable => "quorum-unreachable",
            Self::Allotment => "allotment",
            Self::ApprovalsMissing => "approvals-missing",
            Self::MotionExpired => "motion-expired",
            Self::MotionSpent => "motion-spent",
            Self::MotionVoid => "motion-void",
            Self::NoSuccession => "no-succession",
            Self::GrantRefused => "grant-refused",
            Self::GrantUntried => "grant-untried",
            Self::GrantReplaced => "grant-replaced",
            Self::RulesUnsound => "rules-unsound",
            Self::Rules => "rules",
        }
    }

    /// The obstacle with this code.
    #[must_use]
    pub fn with_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|obstacle| obstacle.code() == code)
    }
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOrganiser => Self::NotOrganiser,
            Refusal::NoOrganiser => Self::LastOrganiser,
            Refusal::AddedTwice => Self::MemberAlready,
            Refusal::RemovedStranger => Self::UnknownMember,
            Refusal::AuthorNotMember => Self::NotMember,
            Refusal::AuthorRemoved => Self::OwnRemoval,
            Refusal::ObserverWrites => Self::Observer,
            Refusal::QuorumUnreachable => Self::QuorumUnreachable,
            Refusal::AllotmentExceeded => Self::Allotment,
            Refusal::ApprovalsMissing => Self::ApprovalsMissing,
            Refusal::MotionExpired => Self::MotionExpired,
            Refusal::MotionSpent => Self::MotionSpent,
            Refusal::MotionMismatch => Self::MotionVoid,
            Refusal::NoSuccession => Self::NoSuccession,
            _ => Self::Rules,
        }
    }
}

impl CryptoError {
    pub(crate) fn mls(error: impl std::fmt::Display) -> Self {
        Self::Mls(error.to_string())
    }
}
