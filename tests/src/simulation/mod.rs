//! A whole alliance in one thread: real engines with real stores, on a simulated network with faults, in virtual time.
//!
//! ```text
//!  seed ─► schedule: start an operation · answer, lose, repeat or delay a request · kill a client · let time pass
//!                 │
//!  client: engine + store ──request──► in flight ──► relay (a model of the protocol, in memory)
//! ```
//!
//! At any moment at most one client runs: the schedule answers one request, or starts one operation, and waits until
//! that client stands at its next request or has finished. So the seed decides everything that happens and in which
//! order. (Keys are drawn by OpenMLS itself from the system and differ from run to run; nothing here depends on them.)
//!
//! Afterwards the network heals, everybody synchronises, and [`oracle`] says whether the promises held.

mod client;
mod network;
pub mod oracle;
mod relay;
mod schedule;

pub use schedule::{Outcome, run};

/// What a run found to be broken, in words, with the last things that happened.
#[derive(Debug)]
pub struct Broken {
    /// Which promise, and where.
    pub what: String,
    /// What had happened, one step a line.
    pub log: Vec<String>,
}
