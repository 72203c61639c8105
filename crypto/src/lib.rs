//! Twiza's cryptography: bytes and state in, bytes and state out.
//!
//! Everything an alliance is lives in an MLS group (RFC 9420, by OpenMLS); this crate gives that group its identities,
//! its rules, its mailboxes and its sealing. It does no I/O, reads no clock of its own and takes its randomness from
//! the caller ([`Entropy`]); OpenMLS and its provider seed their own generator and check key package lifetimes against
//! the system's clock, which is theirs to do.
//!
//! ```text
//!             Group (one epoch's secrets)
//!               │ exporter(relay, branch)
//!        ┌──────┴───────┐
//!   MailboxKey       FrameKey                 what the relay sees
//!   (address)           │
//!  MLS message ─► Content ─► sealed, padded ─► Frame
//!  Frame ─► Opened ─► Received ─► (commits) Judged ─► merged
//! ```
//!
//! Each arrow is a type: what was not opened cannot be received, and what was not judged cannot be merged.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod alliance;
pub mod bearings;
pub mod content;
pub mod credential;
pub mod entropy;
pub mod epoch;
mod error;
#[cfg(feature = "test-utils")]
pub mod fuzzing;
pub mod grant;
pub mod group;
pub mod identity;
pub mod invitation;
pub mod judge;
pub mod kit;
pub mod ledger;
pub mod message;
pub mod missed;
pub mod motion;
pub mod name;
pub mod past;
pub mod recovery;
pub mod rejoin;
pub mod report;
pub mod rival;
pub mod roster;
pub mod rules;
pub mod seal;
mod state;
mod suite;
pub mod vault;
pub mod wire;
pub mod words;

pub use entropy::{Entropy, EntropyError, Random};
pub use error::{CryptoError, Obstacle};
pub use state::{GroupState, StateChanges};
pub use suite::{CIPHERSUITE_NAME, HYBRID_PUBLIC_KEY_BYTES};
