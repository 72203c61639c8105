//! The whole API on a real TLS listener: every operation, every problem code.

mod connections;
mod crash;
mod full_disk;
mod harness;
mod logs;
mod nodes;
#[path = "../support/pinned.rs"]
mod pinned;
mod problems;
mod strangers;
mod verbs;
mod watching;
