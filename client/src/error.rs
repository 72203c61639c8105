//! What can go wrong for a front end, sorted so that it can say what to do.

use crate::relay::RelayError;
use std::path::PathBuf;
use thiserror::Error;
use twiza_crypto::invitation::InvitationError;
use twiza_crypto::name::NameError;
use twiza_crypto::{CryptoError, EntropyError, Obstacle};

/// An error of the engine. Nothing that was accepted before is lost by any of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no profile in this folder. The user's: make one first.
    #[error("there is no profile in {0}")]
    NoProfile(PathBuf),
    /// There is a profile in this folder already. The user's: choose another.
    #[error("there is a profile in {0} already")]
    ProfileExists(PathBuf),
    /// The passphrase does not open the vault. The user's: try again.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The store is damaged, or not encrypted as it must be. The environment's.
    #[error("the store cannot be used: {0}")]
    Store(String),
    /// A file cannot be read or written. The environment's.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No alliance has this name. The user's.
    #[error("there is no alliance called {0}")]
    UnknownAlliance(String),
    /// Several alliances have this name. The user's: use the number.
    #[error("several alliances are called {0}")]
    AmbiguousAlliance(String),
    /// No member has this name. The user's.
    #[error("there is no member called {0}")]
    UnknownMember(String),
    /// Several members have this name. The user's: use more of it.
    #[error("several members are called {0}")]
    AmbiguousMember(String),
    /// People with different keys have this name, in different alliances; or it is a number, which means something in
    /// one alliance only. The user's: say in which.
    #[error("{0} may be several people: say in which alliance")]
    WhichPerson(String),
    /// One was let into an alliance that one is in already, or that gives itself out as that one. The user's: if it was
    /// lost, forget the one with this number.
    #[error("you are in this alliance already: it is number {0}")]
    MemberAlready(crate::engine::AllianceNumber),
    /// One is still a member. The user's: leave first.
    #[error("you are still in this alliance")]
    StillMember,
    /// There is no join request with this number. The user's.
    #[error("there is no join request number {0}")]
    UnknownRequest(i64),
    /// There is no motion with this number. The user's.
    #[error("there is no motion number {0}")]
    UnknownMotion(i64),
    /// Succession must wait: an organiser was heard of, or the claim was read, too few days ago. The user's: wait.
    #[error("this can be signed from day {from} on")]
    SuccessionEarly {
        /// The first day, since the Unix epoch, by this client's clock.
        from: u32,
    },
    /// The alliance does not take part any more, or not yet: its status says why.
    #[error("the alliance is {0}")]
    NotActive(crate::store::alliances::Status),
    /// Only organisers can do this. The user's: ask one.
    #[error("only organisers can do this")]
    NotOrganiser,
    /// The alliance's rules, or the group's state, do not allow it. The user's.
    #[error(transparent)]
    NotPossible(Obstacle),
    /// A name that is none. The user's.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An invitation that is none. The user's.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The invitation's last day is over. The user's: ask for another.
    #[error("the invitation has expired")]
    InvitationExpired,
    /// Somebody has used the invitation before. The user's: ask the inviter.
    #[error("the invitation was used before")]
    InvitationUsed,
    /// A request that was approved, and whose commit is on its way.
    #[error("request {0} was approved, and that is on its way")]
    BeingLetIn(i64),
    /// An invitation that this profile made: it is for somebody else.
    #[error("this profile made the invitation itself")]
    InvitationOwn,
    /// The text is longer than a message can be, in octets.
    #[error("the text has {found} octets; a message holds {limit}")]
    TextTooLong {
        /// Octets found.
        found: usize,
        /// Octets allowed.
        limit: usize,
    },
    /// The text is empty.
    #[error("the text is empty")]
    TextEmpty,
    /// The relay, or the way to it. What was to be sent stays in the outbox.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The relay's answers contradict each other or what was read before. The relay's fault, or its host's.
    #[error("the relay contradicts itself: {0}")]
    RelayContradiction(&'static str),
    /// The relay had the alliance's place and does not know it any more. The user's, to decide whether others have gone
    /// on meanwhile (then somebody must let them in again) or not ([`crate::Engine::reopen`]).
    #[error("the relay no longer knows this alliance's place")]
    PlaceLost,
    /// There was nothing to reopen. The user's: nothing is wrong.
    #[error("the relay has this alliance's place")]
    PlaceThere,
    /// Nobody but oneself organises the alliance: nobody can give new keys. The user's: nothing was changed.
    #[error("nobody else organises this alliance")]
    NobodyToAsk,
    /// The passphrase does not open the recovery kit. The user's: try again.
    #[error("wrong passphrase of the recovery kit")]
    KitPassphrase,
    /// There is a file where the recovery kit should go. The user's: name another.
    #[error("there is a file already at {0}")]
    KitExists(PathBuf),
    /// The file is no recovery kit, or not all of one. The user's: take another copy.
    #[error("the recovery kit is damaged or incomplete")]
    KitDamaged,
    /// The alliance goes on: there is nothing to found anew. The user's.
    #[error("the alliance is not stuck")]
    NotStuck,
    /// Whoever spoils an alliance must be left out when it is founded anew. The user's: name somebody. These are known.
    #[error("nobody was named who is left out")]
    WithoutWhom(Vec<String>),
    /// A fault of ours, or of OpenMLS.
    #[error("{0}")]
    Crypto(CryptoError),
}

impl From<CryptoError> for ClientError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Refused(refusal) => Obstacle::from(refusal).into(),
            CryptoError::NotPossible(obstacle) => obstacle.into(),
            CryptoError::TooLarge { found, limit } => Self::TextTooLong { found, limit },
            other => Self::Crypto(other),
        }
    }
}

impl From<Obstacle> for ClientError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NotOrganiser => Self::NotOrganiser,
            other => Self::NotPossible(other),
        }
    }
}

impl From<EntropyError> for ClientError {
    fn from(error: EntropyError) -> Self {
        Self::Crypto(error.into())
    }
}

impl From<sqlx::Error> for ClientError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.to_string())
    }
}

impl ClientError {
    /// Whether what was wished waits: it may succeed later, or once there is a right to open mailboxes.
    #[must_use]
    pub fn leaves_it_waiting(&self) -> bool {
        self.is_retryable() || matches!(self, Self::Relay(error) if error.is_no_right())
    }

    /// Whether the same may succeed later without a change by the user.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Relay(error) if error.is_retryable())
    }
}
