//! Frames on their way out, beside the same octets without a relay.
//!
//! `cargo bench -p twiza-relay --bench reading`.
//!
//! | line | the relay | the limit |
//! |---|---|---|
//! | fan-out | one frame, from its append to the last of the watchers | a loop that writes the same octets to as many TLS sockets |
//! | catch-up | one reader, all frames of a mailbox, page by page | the same TLS and HTTP stack with static pages of the same size |
//!
//! The readers are one thread; they share the machine. Relay and limit are measured in turn, several times; the median of
//! each is told.

#[path = "../support/bare_tls.rs"]
mod bare_tls;
mod catch_up;
mod connection;
mod fan_out;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
mod served;

const FRAME_BYTES: usize = 4096;

/// A frame's record: header, slot, place, flag, octets.
const RECORD_BYTES: usize = twiza_protocol::stream::FRAME_RECORD_OVERHEAD_BYTES + FRAME_BYTES;
const ROUNDS: usize = 5;

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("frames of {FRAME_BYTES} octets over TLS; medians of {ROUNDS} rounds");
    fan_out::compare(&runtime);
    catch_up::compare(&runtime);
}

fn frame(count: usize) -> Vec<u8> {
    let mut octets = vec![0x5a; FRAME_BYTES];
    octets[..8].copy_from_slice(&(count as u64).to_be_bytes());
    octets
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
