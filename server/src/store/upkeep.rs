//! What an operator's commands ask of a database: beside a running relay, or without one.
//!
//! Each works from a process of its own, sees one moment, and keeps no writer waiting. It changes nothing that is stored; of
//! a relay that does not run, it may fold SQLite's log into the database. It may take as long as the database is large.

use super::StoreResult;
use serde::Serialize;
use std::path::Path;
use twiza_protocol::ExpiryDay;

/// Looking after a database.
pub trait Upkeep {
    /// What is stored, by the day on which it expires, in the order of days. Expired mailboxes that are not swept yet are
    /// there as well.
    fn expiring(&self) -> StoreResult<Vec<Expiring>>;

    /// Everything that the database keeps, as somebody finds it who takes it.
    fn anatomy(&self) -> StoreResult<Anatomy>;

    /// Looks for damage; thoroughly, also whether every index says what its table says.
    fn examine(&self, thorough: bool) -> StoreResult<Examination>;

    /// Writes all of it, as it is at one moment, into a file that is there and empty. What was acknowledged before this
    /// was called is in it. Nothing that was deleted is.
    fn copy_into(&self, file: &Path) -> StoreResult<()>;
}

/// Mailboxes that expire on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Expiring {
    /// The day.
    pub day: ExpiryDay,
    /// Mailboxes.
    pub mailboxes: u64,
    /// Those of them that are closed.
    pub closed: u64,
    /// Their frames.
    pub frames: u64,
    /// Octets of those.
    pub frame_bytes: u64,
}

/// What a database is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    /// Its tables, in the order of their names.
    pub tables: Vec<Table>,
    /// How many frames have which length, in the order of lengths.
    pub frames_by_size: Vec<FramesOfSize>,
    /// Octets that are reserved for later; what was there is overwritten.
    pub free_bytes: u64,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns' names, in their order.
    pub columns: Vec<String>,
}

/// Frames of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FramesOfSize {
    /// Octets of each.
    pub bytes: u64,
    /// How many.
    pub frames: u64,
}

/// The state of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The schema that it has.
    pub schema: u64,
    /// The schema that this program makes.
    pub schema_of_program: u64,
    /// What is damaged, in the database's words. Empty where all is well.
    pub damage: Vec<String>,
}
