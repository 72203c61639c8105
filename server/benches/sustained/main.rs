//! Whether a relay stays as it is under load that does not end.
//!
//! `cargo bench -p twiza-relay --bench sustained -- 3600`, with `TWIZA_BENCH_DIR` naming a folder on the disk: so many
//! seconds (60 without it) of some 800 appends of 1 KiB a second. Sixteen writers fill mailboxes, close them and go on in the
//! next, on connections of their own, while each mailbox is watched; that is what alliances do whose members come and go.
//!
//! The relay is the built program, in a process of its own. A line for each tenth of the time tells its resident memory and its
//! files.

#[path = "../reading/connection.rs"]
#[expect(dead_code, reason = "the other benchmarks need more of it")]
mod connection;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
#[path = "../support/process.rs"]
mod process;

use connection::Connection;
use process::Process;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use twiza_protocol::{FrameDigest, MailboxKey, RelayKey, Request, Sequence, Verb, WatchEntry, WatchRequest};
use twiza_relay::{Clock, SystemClock};

const WRITERS: u32 = 16;
const FRAME_BYTES: usize = 1024;
const PERIOD: Duration = Duration::from_millis(20);

/// Frames of a mailbox, the last of which closes it.
const FRAMES: u32 = 500;

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(60);
    let parent = std::env::var_os("TWIZA_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let data = process::made_in(folder.path(), "");
    let relay = Process::start(&data);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, load(&relay, &data, Duration::from_secs(seconds)));
}

async fn load(relay: &Process, data: &Path, span: Duration) {
    let seen = Rc::new(Seen::default());
    for name in 0..WRITERS {
        let writer = Writer { name, key: relay.key, socket: relay.socket, seen: seen.clone() };
        tokio::task::spawn_local(writer.write());
    }
    println!(
        "| seconds | appends | frames to watchers | longest append (ms) | resident (MiB) | database (MiB) | log (MiB) |"
    );
    println!("|---|---|---|---|---|---|---|");
    let started = Instant::now();
    for _ in 0..10 {
        sleep(span / 10).await;
        let size = |name: &str| std::fs::metadata(data.join(name)).map_or(0, |file| file.len()) >> 20;
        println!(
            "| {:.0} | {} | {} | {:.0} | {:.1} | {} | {} |",
            started.elapsed().as_secs_f64(),
            seen.appends.get(),
            seen.watched.get(),
            seen.longest.take().as_secs_f64() * 1e3,
            relay.resident_kib() as f64 / 1024.0,
            size("relay.sqlite3"),
            size("relay.sqlite3-wal"),
        );
    }
}

#[derive(Default)]
struct Seen {
    appends: Cell<u64>,
    watched: Cell<u64>,
    longest: Cell<Duration>,
}

struct Writer {
    name: u32,
    key: RelayKey,
    socket: std::net::SocketAddr,
    seen: Rc<Seen>,
}

impl Writer {
    async fn write(self) {
        let mut every = interval(PERIOD);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0_u32.. {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&self.name.to_be_bytes());
            seed[4..8].copy_from_slice(&number.to_be_bytes());
            let mailbox = MailboxKey::from_seed(&seed);
            let mut connection = self.open(&mailbox).await;
            let watching = self.watch(&mailbox).await;
            for frame in 1..=FRAMES {
                every.tick().await;
                self.append(&mut connection, &mailbox, frame).await;
            }
            watching.await.unwrap();
        }
    }

    fn prove(&self, mailbox: &MailboxKey, verb: Verb, body: &[u8]) -> String {
        let (time, body) = (SystemClock.now(), FrameDigest::of(body));
        mailbox.prove(&Request { relay: &self.key, verb, time, body }).to_string()
    }

    async fn open(&self, mailbox: &MailboxKey) -> Connection {
        let mut connection = Connection::to(self.socket, self.key).await;
        let proof = self.prove(mailbox, Verb::Open, b"");
        let open = format!("PUT /v1/mailboxes/{} HTTP/1.1\r\ntwiza-proof: {proof}", mailbox.address());
        connection.send(&open, b"").await;
        connection.object().await;
        connection
    }

    /// Follows a mailbox until it is closed, which ends the watch.
    async fn watch(&self, mailbox: &MailboxKey) -> tokio::task::JoinHandle<()> {
        let mut connection = Connection::to(self.socket, self.key).await;
        let (address, after, time) = (mailbox.address(), Sequence::START, SystemClock.now());
        let request = Request { relay: &self.key, verb: Verb::Watch { after }, time, body: FrameDigest::of(b"") };
        let entry = WatchEntry { address, after, proof: mailbox.prove(&request) };
        let watch = serde_json::to_vec(&WatchRequest { mailboxes: vec![entry] }).unwrap();
        connection.send("POST /v1/watch HTTP/1.1\r\ncontent-type: application/json", &watch).await;
        let seen = self.seen.clone();
        tokio::task::spawn_local(async move {
            connection.exactly(FRAMES as usize * FRAME_BYTES).await;
            seen.watched.set(seen.watched.get() + u64::from(FRAMES));
        })
    }

    async fn append(&self, connection: &mut Connection, mailbox: &MailboxKey, number: u32) {
        let frame = [self.name, number].map(u32::to_be_bytes).as_flattened().repeat(FRAME_BYTES / 8);
        let closing = number == FRAMES;
        let proof = self.prove(mailbox, Verb::Append { closing }, &frame);
        let address = mailbox.address();
        let closing = if closing { "?closing=true" } else { "" };
        let head = format!(
            "POST /v1/mailboxes/{address}/frames{closing} HTTP/1.1\r\ncontent-type: application/octet-stream\r\n\
             twiza-proof: {proof}"
        );
        let began = Instant::now();
        connection.send(&head, &frame).await;
        connection.object().await;
        self.seen.longest.set(self.seen.longest.get().max(began.elapsed()));
        self.seen.appends.set(self.seen.appends.get() + 1);
    }
}
