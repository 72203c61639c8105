//! The whole API on a real TLS listener: every operation, every problem code.

mod harness;
mod logs;
mod problems;
mod verbs;
mod watching;
