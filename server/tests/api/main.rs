//! The whole API on a real TLS listener: every operation, every problem code.

mod backup;
mod broken_writer;
mod conformance;
mod connections;
mod crash;
mod full_disk;
mod granted;
mod harness;
mod logs;
mod metrics;
mod nodes;
#[path = "../support/pinned.rs"]
mod pinned;
mod problems;
mod proxies;
mod strangers;
mod tokens;
mod verbs;
mod watching;
