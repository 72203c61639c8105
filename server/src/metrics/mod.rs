//! What the relay counts of itself, for whoever looks after it: told in the OpenMetrics format, at a listener of its own.
//!
//! Everything counts for the whole relay. No label tells a mailbox, a key, a grant or an origin, and no sample has a time:
//! labels are verbs and codes of the protocol, and both are closed lists. What is told is asked for when somebody reads it;
//! only what would be gone by then is counted while it happens.

mod listener;
mod readings;
mod requests;

pub(crate) use listener::serve;
pub(crate) use requests::count;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use readings::Readings;
use requests::Labels;
use std::time::Duration;

/// Bounds of the time that an append takes, in seconds: from a good disk to one that nobody wants to wait for.
const APPEND_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// Bounds of the number of appends that share a sync.
const BATCH_APPENDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What is counted while it happens.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: Family<Labels, Counter>,
    append_seconds: Histogram,
    appended_bytes: Counter,
    batch_appends: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: requests::none(),
            append_seconds: Histogram::new(APPEND_SECONDS),
            appended_bytes: Counter::default(),
            batch_appends: Histogram::new(BATCH_APPENDS),
        }
    }

    /// A frame became durable, and so long it waited for that.
    pub(crate) fn appended(&self, bytes: usize, waited: Duration) {
        self.append_seconds.observe(waited.as_secs_f64());
        self.appended_bytes.inc_by(bytes as u64);
    }

    /// So many appends shared a sync.
    pub(crate) fn synced(&self, appends: usize) {
        self.batch_appends.observe(appends as f64);
    }

    /// All that is told, and the part of it that is read when it is told.
    fn register(&self) -> (Registry, Readings) {
        let mut registry = Registry::with_prefix("twiza");
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("relay", "The program", version);
        registry.register("requests", "Requests by verb and outcome", self.requests.clone());
        let append = "Seconds from a checked frame to its durability";
        registry.register("append_seconds", append, self.append_seconds.clone());
        registry.register("appended_bytes", "Octets of frames that were stored", self.appended_bytes.clone());
        registry.register("batch_appends", "Appends that shared a sync of the disk", self.batch_appends.clone());
        let readings = Readings::register(&mut registry);
        (registry, readings)
    }
}
