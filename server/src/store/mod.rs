//! Where mailboxes are kept: the one trait that every database implements, and the types that cross it.
//!
//! Conventions for an implementation, which `contract.rs` tests:
//! - What returned `Ok` is durable: it survives the loss of power at that moment.
//! - A mailbox whose expiry day lies before `today` does not exist, swept or not.
//! - A batch is one transaction, and its items take effect in their order.
//! - Full is no failure: nothing is half-written, repeats are still recognised, and the store goes on once there is
//!   space again.
//! - Nothing is stored but what the trait says: no time finer than the expiry day, and nothing about who asked.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use thiserror::Error;
use twiza_protocol::{Chain, ExpiryDay, FrameDigest, MailboxAddress, Sequence, TokenMark};

#[cfg(test)]
pub(crate) mod contract;
mod frame_id;
pub mod news;
mod placement;
pub mod postgres;
mod quotas;
pub mod sqlite;
pub mod upkeep;

pub use news::News;
pub use postgres::PostgresStore;
pub use quotas::Quotas;
pub use sqlite::{SqliteStore, SqliteUpkeep};
pub use upkeep::Upkeep;

/// The days that matter to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The present day.
    pub today: ExpiryDay,
    /// The day to which a written mailbox's expiry moves. It never moves back.
    pub expires: ExpiryDay,
}

/// Where a mailbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last frame's place; 0 before any.
    pub sequence: Sequence,
    /// The running hash there.
    pub chain: Chain,
    /// Whether the last frame closed the mailbox.
    pub closed: bool,
}

impl Head {
    /// The head of a mailbox without frames.
    #[must_use]
    pub fn start(address: &MailboxAddress) -> Self {
        Self { sequence: Sequence::START, chain: Chain::start(address), closed: false }
    }
}

/// A mailbox to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// The mailbox.
    pub address: MailboxAddress,
    /// By what right, where it is not there.
    pub entry: Entry,
}

impl Open {
    /// What anybody may open.
    #[must_use]
    pub const fn free(address: MailboxAddress) -> Self {
        Self { address, entry: Entry::Free }
    }
}

/// By what right a mailbox that is not there is opened. One that is there is open to whoever proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Anybody may, or a grant was shown.
    Free,
    /// By none.
    IfThere,
    /// A valid token, which is spent by it.
    Token(TokenMark),
}

/// What opening a mailbox gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Whether it was not there before.
    pub is_new: bool,
    /// Where it stands.
    pub head: Head,
    /// The day after which it may be deleted.
    pub expires: ExpiryDay,
}

/// A frame to append.
#[derive(Debug, Clone)]
pub struct Append {
    /// The mailbox.
    pub address: MailboxAddress,
    /// The frame's octets; the caller checked their length.
    pub octets: Bytes,
    /// The digest of those octets.
    pub digest: FrameDigest,
    /// Whether the frame closes the mailbox.
    pub closing: bool,
}

/// A frame's place, new or from a first append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Whether this append made it.
    pub is_new: bool,
    /// The mailbox as that frame left it.
    pub head: Head,
}

/// Why one append or one opening of a batch was refused. The requester's fault, but for `RelayFull`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// Never opened, or expired.
    #[error("no such mailbox")]
    MailboxUnknown,
    /// Closed by another frame.
    #[error("the mailbox is closed")]
    MailboxClosed,
    /// There already, with another closing flag.
    #[error("the frame is there with another closing flag")]
    FrameConflict,
    /// The mailbox's quota is used up.
    #[error("the mailbox is full")]
    MailboxFull,
    /// The relay's quota or its disk is used up.
    #[error("the relay is full")]
    RelayFull,
    /// Not there, and opened by no right.
    #[error("opening a mailbox takes a grant or a token")]
    RightRequired,
    /// The token was spent before.
    #[error("the token was spent before")]
    TokenSpent,
}

/// A stored frame.
#[derive(Debug, Clone)]
pub struct StoredFrame {
    /// Its place.
    pub sequence: Sequence,
    /// Whether it closed the mailbox.
    pub closing: bool,
    /// Its octets.
    pub octets: Bytes,
}

/// Consecutive frames of one mailbox, as they were at one moment.
#[derive(Debug, Clone)]
pub struct Page {
    /// The frames, in order.
    pub frames: Vec<StoredFrame>,
    /// The mailbox's head, where the page reaches it; `None` where there is more to read.
    pub head: Option<Head>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Mailboxes, expired ones that are not swept yet included.
    pub mailboxes: u64,
    /// Octets of frames.
    pub frame_bytes: u64,
}

/// A store that failed. The environment's fault (a full or broken disk, wrong permissions), or ours.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk, or the space that the database may take, is full. Retryable once there is space.
    #[error("the disk is full: free some space in the data folder's file system")]
    Full,
    /// The database refused or failed.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database cannot be reached, or not at present. Retryable: what was under way may be done or not, and a repeat
    /// finds out.
    #[error("the database cannot be reached at present")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database's server is set up so that what it calls durable may be lost. The operator's to mend.
    #[error("the database's server may lose what it has confirmed: set {0} = on there")]
    NotDurable(&'static str),
    /// The database has another relay's mailboxes. The operator's to mend.
    #[error("another relay uses this database: its nodes share one relay.key, and this node's is another")]
    OtherRelay,
    /// A row that this program cannot have written.
    #[error("damaged row: {0}")]
    Damaged(&'static str),
    /// A schema that this program does not know. The operator's to mend.
    #[error("a newer twiza-relay made it: update this one")]
    Newer,
    /// This user may not open the database, or not write to it. The operator's to mend.
    #[error(
        "this user cannot open or write its files: are they there, or do they belong to another user? `twiza-relay doctor` says what to do"
    )]
    Inaccessible(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file name that the database cannot be told. The operator's to mend.
    #[error("the database takes only file names in UTF-8: choose another name")]
    FileName,
    /// Used after it was closed. Ours.
    #[error("the store is closed")]
    Closed,
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// What failed, with its cause, in one line.
pub(crate) fn chain(error: &StoreError) -> String {
    use std::error::Error as _;
    let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{error}{source}")
}

/// A result of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// A store of mailboxes.
///
/// One writer is enough: the relay calls `open_batch` and `append_batch` from one thread that does nothing else, so
/// that they may wait for the disk on it, and `sweep` and `news` from one task each. All other operations may come at
/// any time, from anywhere, and never wait for a write.
pub trait Store: Send + Sync + 'static {
    /// Opens mailboxes, or moves the expiry of open ones forward. Idempotent. One result per opening, in order.
    /// An expired mailbox that is opened again is empty. A new one beyond `mailboxes_max` is refused. A token opens one
    /// mailbox, whatever happens; it is spent in the same transaction, and not where the mailbox was there or is refused.
    fn open_batch<'a>(
        &'a self,
        opens: &'a [Open],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>>;

    /// Appends frames in one durable transaction. One result per append, in order.
    ///
    /// A frame that is there already is answered with its first place, whatever happened since; one that closes a
    /// mailbox leaves it to no other; the quotas hold, with the reserves for closing frames.
    fn append_batch<'a>(
        &'a self,
        appends: &'a [Append],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Appended, Refused>>>>;

    /// Where a mailbox stands; `None` where there is none.
    fn head(&self, address: MailboxAddress, today: ExpiryDay) -> BoxFuture<'_, StoreResult<Option<Head>>>;

    /// The frames after a place, as many as `bytes_max` allows but at least one where there is one; `None` where
    /// there is no mailbox. Frames and head are of one moment.
    fn page(
        &self,
        address: MailboxAddress,
        after: Sequence,
        bytes_max: u64,
        today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>>;

    /// The first and the last day on which a mailbox expires; `None` where there is none, or it cannot be told.
    fn expiries(&self) -> BoxFuture<'_, StoreResult<Option<(ExpiryDay, ExpiryDay)>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Deletes what has expired, so that its octets are gone from the disk when this returns, as far as the database
    /// can see to that. Gives the number of mailboxes that were deleted.
    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>>;

    /// What another relay on the same store did next. Where none can be, this never answers.
    fn news(&self) -> BoxFuture<'_, News> {
        Box::pin(std::future::pending())
    }

    /// How much there is.
    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>>;

    /// Answers where the store can be read.
    fn check(&self) -> BoxFuture<'_, StoreResult<()>>;

    /// Finishes: nothing is called afterwards, and all is in the database's main file.
    fn close(&self) -> BoxFuture<'_, ()>;
}
