//! Durable appends a second, through TLS and with proofs, beside raw SQLite inserts of the same octets.
//!
//! `cargo bench -p twiza-relay --bench append`. Relay and clients share the machine, so the relay alone is faster.
//! Absolute figures drift with the disk: read the ratios.

use reqwest::Client;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{FrameDigest, MailboxKey, RelayKey, Request, Verb};
use twiza_relay::{Clock, Running, Settings, SystemClock, cli, start};

const FRAME_BYTES: usize = 4096;
const RUN_TIME: Duration = Duration::from_secs(4);

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(compare());
}

async fn compare() {
    let folder = tempfile::tempdir_in(std::env::var("TWIZA_BENCH_DIR").unwrap_or_else(|_| ".".to_owned())).unwrap();
    let single = raw_sqlite(&folder.path().join("single"), 1).await;
    println!("durable appends of {FRAME_BYTES} octets, {} s each", RUN_TIME.as_secs());
    println!(
        "{:>11} {:>10} {:>12} {:>16} {:>8} {:>16} {:>8}",
        "connections", "relay /s", "frames/commit", "SQLite same batch", "ratio", "SQLite batch 1", "ratio"
    );
    for connections in [1, 16, 64] {
        let (rate, batch) = relay(&folder.path().join(connections.to_string()), connections).await;
        let same = raw_sqlite(&folder.path().join(format!("raw{connections}")), batch.round().max(1.0) as usize).await;
        println!(
            "{connections:>11} {rate:>10.0} {batch:>12.1} {same:>17.0} {:>8.2} {single:>16.0} {:>8.2}",
            rate / same,
            rate / single
        );
    }
}

/// Appends a second, and frames a commit, with one mailbox per connection.
async fn relay(data: &Path, connections: usize) -> (f64, f64) {
    let mut settings = Settings::in_folder(data);
    settings.listen = "127.0.0.1:0".parse().unwrap();
    cli::init::create(&settings).unwrap();
    let listener = TcpListener::bind(settings.listen).unwrap();
    let shutdown = CancellationToken::new();
    let running = start(settings, listener, Arc::new(SystemClock), shutdown.clone()).await.unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let publishers: Vec<_> = (0..connections)
        .map(|name| {
            let base = format!("https://127.0.0.1:{}", running.address().port());
            tokio::spawn(publish(base, *running.address().key(), name, done.clone(), started + RUN_TIME))
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    let batch = frames_per_commit(&running);
    shutdown.cancel();
    running.stopped().await.unwrap();
    (rate, batch)
}

fn frames_per_commit(running: &Running) -> f64 {
    let statistics = running.writer_statistics();
    statistics.appends as f64 / statistics.batches.max(1) as f64
}

/// One connection that appends one frame after the other.
async fn publish(base: String, relay: RelayKey, name: usize, done: Arc<AtomicU64>, until: Instant) {
    let http = Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(name as u64).to_be_bytes());
    let key = MailboxKey::from_seed(&seed);
    let mailbox = format!("{base}/v1/mailboxes/{}", key.address());
    let prove = |verb, body: &[u8]| {
        let body = FrameDigest::of(body);
        key.prove(&Request { relay: &relay, verb, time: SystemClock.now(), body }).to_string()
    };
    let opened = http.put(&mailbox).header(PROOF_HEADER, prove(Verb::Open, b"")).send().await.unwrap();
    assert_eq!(opened.status().as_u16(), 201);
    let url = format!("{mailbox}/frames");
    for count in 0_u64.. {
        if Instant::now() > until {
            return;
        }
        let octets = frame(count);
        let proof = prove(Verb::Append { closing: false }, &octets);
        let request = http.post(&url).header(PROOF_HEADER, proof).header("content-type", "application/octet-stream");
        let answer = request.body(octets).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201);
        answer.bytes().await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn frame(count: u64) -> Vec<u8> {
    let mut octets = vec![0x5a; FRAME_BYTES];
    octets[..8].copy_from_slice(&count.to_be_bytes());
    octets
}

/// Rows a second into a bare table, this many in each transaction.
async fn raw_sqlite(file: &Path, batch: usize) -> f64 {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut connection: SqliteConnection = options.connect().await.unwrap();
    sqlx::query("create table frame (id integer primary key, octets blob not null) strict")
        .execute(&mut connection)
        .await
        .unwrap();
    let (started, mut rows) = (Instant::now(), 0_u64);
    while started.elapsed() < RUN_TIME {
        let mut transaction = connection.begin_with("begin immediate").await.unwrap();
        for _ in 0..batch {
            sqlx::query("insert into frame (octets) values (?)")
                .bind(frame(rows))
                .execute(&mut *transaction)
                .await
                .unwrap();
            rows += 1;
        }
        transaction.commit().await.unwrap();
    }
    rows as f64 / started.elapsed().as_secs_f64()
}
