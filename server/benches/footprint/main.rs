//! What a relay takes while nobody does anything, and how soon it answers.
//!
//! `cargo bench -p twiza-relay --bench footprint`, with `TWIZA_BENCH_DIR` naming a folder on the disk; after `--`, how
//! many frames of 1 KiB the relay begins with (a million without it).
//!
//! The relay is the built program, in a process of its own: resident memory is what Linux tells of that process. The
//! watchers are TLS connections of this one, each with one live watch of its own mailbox. Beside it, the floor: a server of
//! bare TLS connections, which read and are told nothing.

#[path = "../support/bare_tls.rs"]
mod bare_tls;
#[path = "../reading/connection.rs"]
#[expect(dead_code, reason = "the other benchmarks need more of it")]
mod connection;
#[path = "../growth/filled.rs"]
#[expect(dead_code, reason = "the other benchmark needs more of it")]
mod filled;
mod floor;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
#[path = "../support/process.rs"]
mod process;

use connection::Connection;
use filled::Filled;
use process::{PROGRAM, Process};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use twiza_protocol::{FrameDigest, MailboxKey, Request, Sequence, Verb, WatchEntry, WatchRequest};
use twiza_relay::{Clock, SystemClock};

const WATCHERS: usize = 5000;
const MAILBOXES: usize = 10_000;
const FRAME_BYTES: usize = 1024;

/// A head's record as a chunk: two digits, two line ends.
const HEAD_CHUNK_BYTES: usize = 112 + 6;

fn main() {
    if std::env::args().any(|argument| argument == floor::ARGUMENT) {
        return floor::serve();
    }
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let frames = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let parent = std::env::var_os("TWIZA_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let data = process::made_in(folder.path(), &format!("connections_max = {}\n", 2 * WATCHERS));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut filled = Filled::new(&data, MAILBOXES, FRAME_BYTES).await;
        filled.append(frames).await;
        filled.close().await;
        println!("program: {:.1} MB", std::fs::metadata(PROGRAM).unwrap().len() as f64 / 1e6);
        let each = Relay::start(&data).await.watched().await;
        let bare = floor::measure().await;
        println!("bare TLS: {bare:.1} KiB for each connection; ratio {:.2}", each / bare);
    });
}

struct Relay(Process);

impl Relay {
    async fn start(data: &Path) -> Self {
        let started = Instant::now();
        let relay = Self(Process::start(data));
        let mut connection = relay.connect().await;
        connection.send("GET /v1/relay HTTP/1.1", b"").await;
        connection.object().await;
        println!("start to first answer: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
        relay
    }

    async fn connect(&self) -> Connection {
        Connection::to(self.0.socket, self.0.key).await
    }

    async fn watched(&self) -> f64 {
        let idle = self.0.resident_kib();
        println!("resident, idle: {:.1} MiB", idle as f64 / 1024.0);
        let mut watchers = Vec::new();
        let started = Instant::now();
        for name in 0..WATCHERS {
            watchers.push(self.watch(name).await);
        }
        let connecting = started.elapsed();
        // Buffers of handshakes are given back once other connections have been at work.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let watched = self.0.resident_kib();
        let each = (watched - idle) as f64 / WATCHERS as f64;
        println!(
            "resident with {WATCHERS} idle watchers: {:.1} MiB, {each:.1} KiB for each ({:.1} s to connect)",
            watched as f64 / 1024.0,
            connecting.as_secs_f64(),
        );
        each
    }

    async fn watch(&self, name: usize) -> Connection {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(name as u64).to_be_bytes());
        let mailbox = MailboxKey::from_seed(&seed);
        let (address, after, time) = (mailbox.address(), Sequence::START, SystemClock.now());
        let body = FrameDigest::of(b"");
        let prove = |verb| mailbox.prove(&Request { relay: &self.0.key, verb, time, body });
        let mut connection = self.connect().await;
        let proof = prove(Verb::Open);
        connection.send(&format!("PUT /v1/mailboxes/{address} HTTP/1.1\r\ntwiza-proof: {proof}"), b"").await;
        connection.object().await;
        let mailboxes = vec![WatchEntry { address, after, proof: prove(Verb::Watch { after }) }];
        let watch = serde_json::to_vec(&WatchRequest { mailboxes }).unwrap();
        connection.send("POST /v1/watch HTTP/1.1\r\ncontent-type: application/json", &watch).await;
        connection.head_and(HEAD_CHUNK_BYTES).await;
        connection
    }
}
