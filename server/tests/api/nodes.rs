//! Several nodes on one PostgreSQL: one relay, whichever of them is asked.

mod balancer;
mod cut;
mod killed;
mod load;
mod restarts;
mod rolling;
mod together;

use crate::harness::{NOW, TestClient, Watching};
use std::net::TcpListener;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{Record, Sequence};
use twiza_relay::{ManualClock, Running, Settings, cli, start};
use twiza_test_postgres::Cluster;

/// What nodes share: a database, and a folder with key and settings.
pub(crate) struct Shared {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    settings: Settings,
}

/// A node in this process.
pub(crate) struct Node {
    pub(crate) client: TestClient,
    running: Running,
    shutdown: CancellationToken,
}

impl Shared {
    /// `None` where PostgreSQL is not installed; that was said then.
    pub(crate) fn new() -> Option<Self> {
        Cluster::shared().map(Self::on)
    }

    pub(crate) fn on(cluster: Arc<Cluster>) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let (folder, url) = (tempfile::tempdir().unwrap(), cluster.database());
        let mut settings = Settings::in_folder(folder.path().join("relay"));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        cli::init::create(&settings).unwrap();
        settings.database = Some(url.parse().unwrap());
        Self { cluster, url, folder, settings }
    }

    pub(crate) async fn node(&self) -> Node {
        let listener = TcpListener::bind(self.settings.listen).unwrap();
        let (clock, shutdown) = (Arc::new(ManualClock::at(NOW)), CancellationToken::new());
        let running = start(self.settings.clone(), listener, clock, shutdown.clone()).await.unwrap();
        Node { client: TestClient::to(running.address(), NOW), running, shutdown }
    }
}

impl Node {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.stopped().await.unwrap();
    }
}

/// The next frame. Whoever had to catch up is told in between where the mailbox stands.
pub(crate) async fn next_frame(watching: &mut Watching) -> (Sequence, Vec<u8>) {
    loop {
        match watching.next().await {
            Some(Record::Frame { sequence, octets, .. }) => return (sequence, octets),
            Some(Record::Head { receipt, .. }) if !receipt.closed => {}
            other => panic!("{other:?}"),
        }
    }
}
