//! Durable appends a second, through TLS and with proofs, beside the two limits that the machine sets.
//!
//! `cargo bench -p twiza-relay --bench append`, with `TWIZA_BENCH_DIR` naming a folder on the disk to be measured; after
//! `--`, numbers of connections, and `passes` or `signatures`, where not all are wanted.
//!
//! | column | what is measured |
//! |---|---|
//! | relay | appends acknowledged after the sync, one mailbox per connection |
//! | raw SQLite | the same octets into a bare table, as many a transaction as the relay reached, synced alike |
//! | no store | the same relay answering signed receipts over a store that keeps nothing |
//! | processor | microseconds of processor time an append, relay and load together; what neighbours take is not in it |
//!
//! The load comes from one thread over plain HTTP/1.1, with proofs that were made before the clock started; it
//! shares the machine, so the relay alone is faster. Absolute figures drift with disk and neighbours: the three are
//! measured in turn, several times, and the median of each is told. Read the ratios.

#[path = "../support/bare_tls.rs"]
mod bare_tls;
mod latency;
mod load;
mod no_store;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
mod raw;

use load::{Load, Outcome, Proofs};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use twiza_relay::store::{SqliteStore, Store};
use twiza_relay::{Running, Settings, SystemClock, cli, start_on};

const FRAME_BYTES: usize = 4096;
const ROUNDS: usize = 3;

/// Connections, appends on each, and how they are proved.
const LOADS: [(usize, usize, Proofs); 4] =
    [(1, 3000, Proofs::Passes), (16, 1250, Proofs::Passes), (64, 625, Proofs::Passes), (64, 625, Proofs::Signatures)];

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let bench = Bench::new();
    println!("appends of {FRAME_BYTES} octets over TLS; medians of {ROUNDS} rounds");
    println!(
        "{:>11} {:>10} {:>8} {:>9} {:>9} {:>13} {:>12} {:>10} {:>14} {:>15} {:>9}",
        "connections",
        "proofs",
        "relay /s",
        "p50 us",
        "p99 us",
        "frames/commit",
        "raw SQLite",
        "no store",
        "ratio to lower",
        "processor relay",
        "no store"
    );
    let arguments: Vec<String> = std::env::args().collect();
    let wanted: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let is_wanted = |connections| wanted.is_empty() || wanted.contains(&connections);
    let kinds = [("passes", Proofs::Passes), ("signatures", Proofs::Signatures)];
    let kind = kinds.into_iter().find(|(name, _)| arguments.iter().any(|argument| argument == name));
    let is_of_kind = |proofs| kind.is_none_or(|(_, kind)| kind == proofs);
    for (connections, appends, proofs) in LOADS {
        if is_wanted(connections) && is_of_kind(proofs) {
            bench.compare(connections, appends, proofs);
        }
    }
    if is_wanted(1) {
        latency::compare(&bench);
    }
}

/// Where relays run, and their files lie.
struct Bench {
    folder: TempDir,
    runtime: Runtime,
}

/// A relay that serves.
struct Served {
    running: Running,
    shutdown: CancellationToken,
}

impl Bench {
    fn new() -> Self {
        let parent = std::env::var_os("TWIZA_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let folder = tempfile::tempdir_in(parent).unwrap();
        Self { folder, runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap() }
    }

    fn compare(&self, connections: usize, appends: usize, proofs: Proofs) {
        let (mut relay, mut raw, mut no_store) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let outcome = self.relay(connections, appends, proofs);
            let batch = outcome.frames_per_commit.round().max(1.0) as usize;
            relay.push(outcome);
            raw.push(raw::insert(self.fresh().path(), connections * appends, batch));
            no_store.push(self.no_store(connections, appends, proofs));
        }
        let rate = middle(&relay, |outcome| outcome.rate);
        let (raw, bare) = (median(raw), middle(&no_store, |outcome| outcome.rate));
        println!(
            "{connections:>11} {:>10} {rate:>8.0} {:>9.0} {:>9.0} {:>13.1} {raw:>12.0} {bare:>10.0} {:>14.2} {:>15.0} {:>9.0}",
            format!("{proofs:?}"),
            middle(&relay, |outcome| micros(outcome.p50)),
            middle(&relay, |outcome| micros(outcome.p99)),
            middle(&relay, |outcome| outcome.frames_per_commit),
            rate / raw.min(bare),
            middle(&relay, |outcome| micros(outcome.processor)),
            middle(&no_store, |outcome| micros(outcome.processor)),
        );
    }

    /// A folder that is gone with its files when dropped: each measurement begins with nothing to write back.
    fn fresh(&self) -> TempDir {
        tempfile::tempdir_in(self.folder.path()).unwrap()
    }

    fn relay(&self, connections: usize, appends: usize, proofs: Proofs) -> Outcome {
        let folder = self.fresh();
        let served = self.serve(folder.path(), |file| {
            std::fs::File::create_new(&file).unwrap();
            Arc::new(self.runtime.block_on(SqliteStore::open(&file)).unwrap())
        });
        self.run(served, connections, appends, proofs)
    }

    fn no_store(&self, connections: usize, appends: usize, proofs: Proofs) -> Outcome {
        let folder = self.fresh();
        let served = self.serve(folder.path(), |_| Arc::new(no_store::NoStore::default()));
        self.run(served, connections, appends, proofs)
    }

    fn serve(&self, folder: &Path, store: impl FnOnce(PathBuf) -> Arc<dyn Store>) -> Served {
        let mut settings = Settings::in_folder(folder.join("relay"));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        cli::init::create(&settings).unwrap();
        let listener = TcpListener::bind(settings.listen).unwrap();
        let store = store(settings.folder().database());
        let shutdown = CancellationToken::new();
        let started = start_on(store, settings, listener, Arc::new(SystemClock), shutdown.clone());
        Served { running: self.runtime.block_on(started).unwrap(), shutdown }
    }

    fn run(&self, served: Served, connections: usize, appends: usize, proofs: Proofs) -> Outcome {
        let before = served.running.writer_statistics();
        let mut outcome = Load::new(&served.running, connections, appends, proofs).run();
        let after = served.running.writer_statistics();
        outcome.frames_per_commit = (after.appends - before.appends) as f64 / (after.batches - before.batches) as f64;
        served.shutdown.cancel();
        self.runtime.block_on(served.running.stopped()).unwrap();
        outcome
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn middle(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    median(outcomes.iter().map(of).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which this share of the durations lies.
fn percentile(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
