//! Durable appends a second on PostgreSQL, beside a bare loop against the same server.
//!
//! `cargo bench -p twiza-relay --bench postgres`; the server is a throwaway one in the temporary folder (`TMPDIR` names
//! another), with the defaults of its package but for 64 MiB of shared buffers.
//!
//! | column | what is measured |
//! |---|---|
//! | relay | appends over TLS, one mailbox per connection, acknowledged after the commit |
//! | no store | the same relay over a store that keeps nothing |
//! | store | the store alone: batches as large as the relay reached, a frame for each of as many mailboxes |
//! | raw | the same octets, in batches as large, by arrays into a bare table with a key |
//! | processor | microseconds of processor time an append, relay and load together, PostgreSQL's not counted |
//!
//! They are measured in turn, several times, and the median of each is told. At the end, several stores write at once,
//! as nodes do: they commit one after the other, because they notify.

#[expect(dead_code, reason = "the append benchmark measures other proofs, too")]
#[path = "../append/load.rs"]
mod load;
#[path = "../append/no_store.rs"]
mod no_store;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
mod raw;
mod store;

use load::{Load, Outcome, Proofs};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use twiza_protocol::RelayKey;
use twiza_relay::store::{PostgresStore, Store};
use twiza_relay::{Settings, SystemClock, cli, start_on};
use twiza_test_postgres::Cluster;

const FRAME_BYTES: usize = 4096;
const ROUNDS: usize = 3;

/// Connections, and appends on each.
const LOADS: [(usize, usize); 3] = [(1, 500), (16, 300), (64, 250)];

/// Nodes that write at once, each in batches of 64.
const NODES: [usize; 3] = [1, 2, 4];

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let Some(cluster) = Cluster::own() else { return };
    let bench = Bench { cluster, runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap() };
    println!("appends of {FRAME_BYTES} octets on PostgreSQL; medians of {ROUNDS} rounds, frames a second");
    println!(
        "{:>11} {:>8} {:>8} {:>8} {:>13} {:>9} {:>8} {:>8} {:>9} {:>14} {:>9}",
        "connections",
        "relay",
        "p50 us",
        "p99 us",
        "frames/commit",
        "no store",
        "store",
        "raw",
        "store/raw",
        "relay to lower",
        "processor"
    );
    for (connections, appends) in LOADS {
        bench.compare(connections, appends);
    }
    println!("\nnodes that write at once, batches of 64; frames a second, all together, and raw loops as many");
    for nodes in NODES {
        bench.compare_nodes(nodes);
    }
}

struct Bench {
    cluster: Cluster,
    runtime: Runtime,
}

impl Bench {
    fn compare(&self, connections: usize, appends: usize) {
        let (mut relay, mut no_store, mut store, mut raw) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let outcome = self.serve(self.store(&self.cluster.database()), connections, appends);
            let batch = outcome.frames_per_commit.round().max(1.0) as usize;
            relay.push(outcome);
            no_store.push(self.serve(Arc::new(no_store::NoStore::default()), connections, appends).rate);
            let batches = (connections * appends).div_ceil(batch);
            store.push(self.stores(1, batches, batch));
            raw.push(self.raw(1, batches, batch));
        }
        let rate = middle(&relay, |outcome| outcome.rate);
        let (no_store, store, raw) = (median(no_store), median(store), median(raw));
        println!(
            "{connections:>11} {rate:>8.0} {:>8.0} {:>8.0} {:>13.1} {no_store:>9.0} {store:>8.0} {raw:>8.0} {:>9.2} {:>14.2} {:>9.0}",
            middle(&relay, |outcome| micros(outcome.p50)),
            middle(&relay, |outcome| micros(outcome.p99)),
            middle(&relay, |outcome| outcome.frames_per_commit),
            store / raw,
            rate / raw.min(no_store),
            middle(&relay, |outcome| micros(outcome.processor)),
        );
    }

    fn compare_nodes(&self, nodes: usize) {
        const BATCH: usize = 64;
        const BATCHES: usize = 300;
        let (mut stores, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            stores.push(self.stores(nodes, BATCHES / nodes, BATCH));
            raw.push(self.raw(nodes, BATCHES / nodes, BATCH));
        }
        let (stores, raw) = (median(stores), median(raw));
        println!("{nodes:>11} {stores:>8.0} {raw:>8.0} {:>9.2}", stores / raw);
    }

    fn store(&self, url: &str) -> Arc<dyn Store> {
        let key = RelayKey::from_bytes([7; 32]);
        Arc::new(self.runtime.block_on(PostgresStore::open(&url.parse().unwrap(), &key)).unwrap())
    }

    fn stores(&self, nodes: usize, batches: usize, batch: usize) -> f64 {
        let url = self.cluster.database();
        let stores: Vec<_> = (0..nodes).map(|_| self.store(&url)).collect();
        self.runtime.block_on(store::append(stores, batches, batch))
    }

    fn raw(&self, connections: usize, batches: usize, batch: usize) -> f64 {
        self.runtime.block_on(raw::insert(&self.cluster.database(), connections, batches, batch))
    }

    fn serve(&self, store: Arc<dyn Store>, connections: usize, appends: usize) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(folder.path().join("relay"));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        cli::init::create(&settings).unwrap();
        let listener = TcpListener::bind(settings.listen).unwrap();
        let shutdown = CancellationToken::new();
        let started = start_on(store, settings, listener, Arc::new(SystemClock), shutdown.clone());
        let running = self.runtime.block_on(started).unwrap();
        let before = running.writer_statistics();
        let mut outcome = Load::new(&running, connections, appends, Proofs::Passes).run();
        let after = running.writer_statistics();
        outcome.frames_per_commit = (after.appends - before.appends) as f64 / (after.batches - before.batches) as f64;
        shutdown.cancel();
        self.runtime.block_on(running.stopped()).unwrap();
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
