//! What tests across crates share: relays, people, and the ways between them.
//!
//! | module | what it gives |
//! |---|---|
//! | [`world`] | a relay and engines in this process |
//! | [`backups`] | a relay's database put aside, and put back |
//! | [`programs`] | the two programs, as a user starts them |
//! | [`interposed`] | a client's connection with somebody in between |
//! | [`passage`] | a way to a relay that a test can watch and cut |
//! | [`simulation`] | many engines on a simulated network, decided by a seed |
//! | [`tor`] | a Tor network on loopback |
//! | [`search`] | looking for secrets where none may be |

pub mod backups;
pub mod interposed;
pub mod passage;
pub mod programs;
pub mod search;
pub mod simulation;
pub mod three;
pub mod tor;
pub mod world;

pub use world::{World, admit, texts};
