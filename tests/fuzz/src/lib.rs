//! Every decoder that takes octets from outside, and the relay's router, fed with anything.
//!
//! A target takes octets and says whether they were accepted; what must hold whatever comes (no panic, the same value
//! after encoding and decoding again, nothing accepted that nobody made) it asserts itself. Seeds are in
//! `seeds/<target>/`, small and made from real encodings:
//!
//! ```sh
//! cargo test -p twiza-fuzz                            # CI: seeds and some thousand mutations of them, always the same
//! TWIZA_MUTATIONS=1000000 cargo test --release -p twiza-fuzz content    # as many as wished
//! cargo run -p twiza-fuzz                             # make the seeds anew, after an encoding has changed
//! ```
//!
//! Guided by coverage, with libFuzzer (`cargo install cargo-fuzz`), one target at a time; what came of it stands in
//! `docs/reliability.md`. (Not in CI.) `RUSTC_BOOTSTRAP` lets the pinned compiler do what cargo-fuzz wants a nightly one for.
//!
//! ```sh
//! mkdir -p /tmp/corpus && TWIZA_TARGET=content RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz/libfuzzer -s none any \
//!     /tmp/corpus tests/fuzz/seeds/content -- -max_total_time=60
//! ```
//!
//! (The target `http` needs `--features http`, and a relay's dependencies with it.)
//!
//! A new decoder gets a line in [`TARGETS`], a function in `targets/`, and seeds in `seeds.rs`.

pub mod fixture;
pub mod mutate;
pub mod seeds;
pub mod targets;

#[cfg(feature = "http")]
use targets::http;
use targets::{crypto, deciding, group, protocol};

/// A decoder, or several that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Feeds it; whether the octets were accepted.
    pub run: fn(&[u8]) -> bool,
    /// How many mutations a short run tries: fewer where each takes long.
    pub mutations: usize,
}

const fn target(name: &'static str, run: fn(&[u8]) -> bool, mutations: usize) -> Target {
    Target { name, run, mutations }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("frame", protocol::frame, 5_000),
    target("relay_address", protocol::relay_address, 20_000),
    target("problem", protocol::problem, 20_000),
    target("api", protocol::api, 20_000),
    target("records", protocol::records, 10_000),
    target("proof", protocol::proof, 20_000),
    target("content", crypto::content, 20_000),
    target("sealed_frame", crypto::sealed_frame, 5_000),
    target("invitation", crypto::invitation, 20_000),
    target("decline", crypto::decline, 2_000),
    target("alliance_state", crypto::alliance_state, 20_000),
    target("credential", crypto::credential, 5_000),
    target("recovery_mailbox", crypto::recovery_mailbox, 5_000),
    target("recovery_payload", crypto::recovery_payload, 300),
    target("message", crypto::message, 20_000),
    target("name", crypto::name, 20_000),
    target("vault", crypto::vault, 2_000),
    target("join_request", crypto::join_request, 2_000),
    target("enactment", deciding::enactment, 2_000),
    target("report", deciding::report, 500),
    target("missed", deciding::missed, 500),
    target("rival", deciding::rival, 500),
    target("note", deciding::note, 20_000),
    target("rejoin_request", deciding::rejoin_request, 2_000),
    target("reboot_call", deciding::reboot_call, 5_000),
    target("bearings", deciding::bearings, 5_000),
    target("kit", deciding::kit, 2_000),
    target("author_seal", group::author_seal, 500),
    target("mls_message", group::mls_message, 500),
    target("welcome", group::welcome, 200),
    #[cfg(feature = "http")]
    target("http", http::request, 1_500),
];

/// The target with this name.
#[must_use]
pub fn target_named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
