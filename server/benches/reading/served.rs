//! Servers to be read from: a relay, and TLS with a key of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{CoarseTime, FrameDigest, MailboxKey, RelayKey, Request, Verb};
use twiza_relay::store::{Append, Days, Open, Quotas, SqliteStore, Store};
use twiza_relay::{Clock, Running, Settings, SystemClock, cli, start_on};

pub(crate) struct Served {
    _folder: TempDir,
    running: Running,
    shutdown: CancellationToken,
    pub(crate) mailbox: MailboxKey,
    pub(crate) key: RelayKey,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// A relay with one mailbox of so many frames.
    pub(crate) fn with_frames(runtime: &Runtime, frames: usize) -> Self {
        let folder = tempfile::tempdir_in(".").unwrap();
        let mut settings = Settings::in_folder(folder.path().join("relay"));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        // A heartbeat would be counted as part of a frame.
        settings.heartbeat_seconds = 3600;
        cli::init::create(&settings).unwrap();
        let file = settings.folder().database();
        std::fs::File::create_new(&file).unwrap();
        let store = Arc::new(runtime.block_on(SqliteStore::open(&file)).unwrap());
        let mailbox = MailboxKey::from_seed(&[1; 32]);
        runtime.block_on(fill(&*store, &mailbox, frames));
        let listener = TcpListener::bind(settings.listen).unwrap();
        let shutdown = CancellationToken::new();
        let started = start_on(store, settings, listener, Arc::new(SystemClock), shutdown.clone());
        let running = runtime.block_on(started).unwrap();
        let key = *running.address().key();
        let address = SocketAddr::from(([127, 0, 0, 1], running.address().port()));
        Self { _folder: folder, running, shutdown, mailbox, key, address }
    }

    pub(crate) fn prove(&self, verb: Verb, body: &[u8]) -> twiza_protocol::Proof {
        let time: CoarseTime = SystemClock.now();
        self.mailbox.prove(&Request { relay: &self.key, verb, time, body: FrameDigest::of(body) })
    }

    pub(crate) fn stop(self, runtime: &Runtime) {
        self.shutdown.cancel();
        runtime.block_on(self.running.stopped()).unwrap();
    }
}

async fn fill(store: &dyn Store, mailbox: &MailboxKey, frames: usize) {
    let (address, today, quotas) = (mailbox.address(), SystemClock.now().day(), Quotas::default());
    let days = Days { today, expires: today.plus_days(30) };
    store.open_batch(&[Open::free(address)], days, &quotas).await.unwrap()[0].unwrap();
    let counts: Vec<_> = (0..frames).collect();
    for counts in counts.chunks(256) {
        let append = |count: &usize| {
            let octets = crate::frame(*count);
            Append { address, digest: FrameDigest::of(&octets), octets: octets.into(), closing: false }
        };
        let batch: Vec<_> = counts.iter().map(append).collect();
        assert!(store.append_batch(&batch, days, &quotas).await.unwrap().iter().all(Result::is_ok));
    }
}
