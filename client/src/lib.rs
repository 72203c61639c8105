//! Twiza's engine: a profile's encrypted store, its outbox, its synchronisation with relays.
//!
//! Front ends use [`Engine`]; the terminal is one of them.
//!
//! ```text
//!  wish ─► intent ─► (one transaction: MLS state + sealed frames) ─► posting ─► relay ─► receipt
//!  relay ─► page ─► (one transaction: MLS state + history + cursor) ─► what people read
//! ```
//!
//! One's own commit is taken over only when it was read back from the relay, and every step is one transaction: a
//! process that is killed anywhere loses nothing and repeats nothing.

pub mod clock;
pub mod engine;
mod entropy;
mod error;
pub mod relay;
pub mod store;

pub use engine::Engine;
pub use entropy::os_random;
pub use error::ClientError;
