//! The targets, by the crate whose decoders they feed.

pub mod crypto;
pub mod deciding;
pub mod group;
#[cfg(feature = "http")]
pub mod http;
pub mod protocol;
