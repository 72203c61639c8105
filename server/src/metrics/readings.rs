//! What is read at the moment at which it is told.

use crate::disk;
use crate::relay::Relay;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::path::Path;

/// Gauges, in the order in which they are told.
#[derive(Debug, Default)]
pub(super) struct Readings {
    mailboxes: Gauge,
    mailboxes_max: Gauge,
    frame_bytes: Gauge,
    frame_bytes_max: Gauge,
    writes_waiting: Gauge,
    writes_waiting_max: Gauge,
    watched_mailboxes: Gauge,
    watched_mailboxes_max: Gauge,
    connections: Gauge,
    connections_max: Gauge,
    data_bytes: Gauge,
    disk_free_bytes: Gauge,
}

impl Readings {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let readings = Self::default();
        let Self { mailboxes, mailboxes_max, frame_bytes, frame_bytes_max, .. } = &readings;
        registry.register(
            "mailboxes",
            "Mailboxes, those that expired and are not deleted yet included",
            mailboxes.clone(),
        );
        registry.register("mailboxes_max", "Mailboxes that there may be", mailboxes_max.clone());
        registry.register("frame_bytes", "Octets of all frames", frame_bytes.clone());
        registry.register("frame_bytes_max", "Octets of all frames that there may be", frame_bytes_max.clone());
        let Self { writes_waiting, writes_waiting_max, watched_mailboxes, watched_mailboxes_max, .. } = &readings;
        registry.register("writes_waiting", "Requests that wait for the writer", writes_waiting.clone());
        registry.register("writes_waiting_max", "Requests that may wait for the writer", writes_waiting_max.clone());
        registry.register("watched_mailboxes", "Mailboxes in all watches", watched_mailboxes.clone());
        registry.register("watched_mailboxes_max", "Mailboxes that may be watched", watched_mailboxes_max.clone());
        let Self { connections, connections_max, data_bytes, disk_free_bytes, .. } = &readings;
        registry.register("connections", "Connections", connections.clone());
        registry.register("connections_max", "Connections that there may be", connections_max.clone());
        registry.register("data_bytes", "Octets of all files in the data folder", data_bytes.clone());
        registry.register("disk_free_bytes", "Octets that are free on the data folder's disk", disk_free_bytes.clone());
        readings
    }

    /// Reads all of it. What cannot be read keeps its last value, and the log tells.
    pub(super) async fn read(&self, relay: &Relay, data: &Path) {
        match relay.store.totals().await {
            Ok(totals) => {
                set(&self.mailboxes, totals.mailboxes);
                set(&self.frame_bytes, totals.frame_bytes);
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "metrics lack what is stored"),
        }
        match disk::of(data) {
            Ok(disk) => {
                set(&self.data_bytes, disk.used_by_folder);
                set(&self.disk_free_bytes, disk.free);
            }
            Err(error) => tracing::warn!(%error, "metrics lack the disk"),
        }
        set(&self.mailboxes_max, relay.quotas.mailboxes_max);
        set(&self.frame_bytes_max, relay.quotas.relay_bytes_max);
        let (waiting, waiting_max) = relay.writer.waiting();
        set(&self.writes_waiting, waiting as u64);
        set(&self.writes_waiting_max, waiting_max as u64);
        let (watched, watched_max) = relay.watched.taken();
        set(&self.watched_mailboxes, watched as u64);
        set(&self.watched_mailboxes_max, watched_max as u64);
        let (connections, connections_max) = relay.connections.taken();
        set(&self.connections, connections as u64);
        set(&self.connections_max, connections_max as u64);
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
