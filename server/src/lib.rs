//! Twiza's relay: mailboxes of opaque frames that it cannot read, group or attribute.
//!
//! ```text
//!  cli ── run ── http ── watch ── relay ── writer ── store
//!                            └──── hub       (group commit)
//! ```
//!
//! Each layer depends on those to its right only. The relay links no MLS and no decryption: that it cannot read is
//! a fact of the build, and `tests/no_openmls.rs` checks it. [`run::start`] starts one inside another program.

mod acme;
pub mod admission;
mod answers;
pub mod backup;
mod bodies;
pub mod calendar;
mod certificate;
pub mod cli;
pub mod clock;
mod connections;
mod descriptors;
mod disk;
pub mod doctor;
mod encoded;
pub mod folder;
pub mod grants;
pub mod http;
mod hub;
pub mod issuer;
mod keeper;
mod log;
mod metrics;
mod news;
mod octets;
mod pace;
mod peer;
pub mod pinned;
mod places;
mod private_file;
pub mod relay;
mod room;
pub mod run;
pub mod sandbox;
pub mod seizure;
pub mod settings;
mod signer;
pub mod store;
mod sweep;
mod visit;
mod watch;
pub mod writer;

/// musl's own has one lock for all threads: an append took half as much processor time again.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use clock::{Clock, ManualClock, SystemClock};
pub use run::{Running, StartError, start, start_on};
pub use settings::Settings;
