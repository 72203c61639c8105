//! A whole alliance in one thread: real engines with real stores, on a simulated network with faults, in virtual time.
//!
//! ```text
//!  seed ─► schedule: start an operation · answer, lose, repeat or delay a request · kill a client · let time pass
//!                 │                                      │ and by scenario: cheat · be away · lie
//!  client: engine + store ──request──► in flight ──► relay (a model of the protocol, in memory)
//! ```
//!
//! At any moment at most one client runs: the schedule answers one request, or starts one operation, and waits until
//! that client stands at its next request or has finished. So the seed decides everything that happens and in which
//! order. (Keys are drawn by OpenMLS itself from the system and differ from run to run; nothing here depends on them.)
//!
//! Afterwards the network heals, everybody synchronises, and [`oracle`] says whether the promises held.

mod cheat;
mod client;
mod heal;
pub mod lies;
mod network;
pub mod oracle;
mod relay;
mod run;
mod schedule;
mod witness;

pub use run::{Outcome, run};

/// People, each with a profile of its own.
const PROFILES: usize = 5;

/// What happens in a run besides a bad network, crashes, wrong clocks and a relay that restarts or is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Second programs of one profile come and go.
    Programs,
    /// One or two members have changed their clients.
    Cheats,
    /// Weeks pass, some are away for longer than the relay keeps mailboxes, or all are silent.
    Absence,
    /// The relay lies; the seed says how ([`lies::Lie`]).
    Lies,
}

/// What must be true at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Whoever has another history than others, misses an acknowledged text or cannot go on was told, it or the others,
    /// at the latest with the first exchange of messages after the lie.
    Detected,
    /// Once the relay tells the truth again, all have one history and one state, and every text once.
    Healed,
}

/// What a run found to be broken, in words, with the last things that happened.
#[derive(Debug)]
pub struct Broken {
    /// Which promise, and where.
    pub what: String,
    /// What had happened, one step a line.
    pub log: Vec<String>,
}
