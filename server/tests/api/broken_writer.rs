//! A fault in the program itself, on the thread that writes.

use crate::harness::{NOW, TestClient, code, frame, key};
use futures_util::future::BoxFuture;
use std::net::TcpListener;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{ExpiryDay, MailboxAddress, ProblemCode, Sequence};
use twiza_relay::store::{
    Append, Appended, Days, Head, Open, Opening, Page, Quotas, Refused, SqliteStore, Store, StoreResult, Totals,
};
use twiza_relay::{ManualClock, Settings, StartError, cli, start_on};

/// A store whose program breaks off at every append.
struct Broken(SqliteStore);

impl Store for Broken {
    fn open_batch<'a>(
        &'a self,
        opens: &'a [Open],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>> {
        self.0.open_batch(opens, days, quotas)
    }

    fn append_batch<'a>(
        &'a self,
        _appends: &'a [Append],
        _days: Days,
        _quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Appended, Refused>>>> {
        panic!("a fault, made by the test")
    }

    fn head(&self, address: MailboxAddress, today: ExpiryDay) -> BoxFuture<'_, StoreResult<Option<Head>>> {
        self.0.head(address, today)
    }

    fn page(
        &self,
        address: MailboxAddress,
        after: Sequence,
        bytes_max: u64,
        today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>> {
        self.0.page(address, after, bytes_max, today)
    }

    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        self.0.sweep(today)
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        self.0.totals()
    }

    fn check(&self) -> BoxFuture<'_, StoreResult<()>> {
        self.0.check()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

/// It does not go on answering that it is busy: it ends, with an error, and is started again by whoever looks after it.
#[tokio::test]
async fn a_relay_that_can_write_no_more_ends() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::in_folder(folder.path().join("relay"));
    settings.listen = "127.0.0.1:0".parse().unwrap();
    cli::init::create(&settings).unwrap();
    let listener = TcpListener::bind(settings.listen).unwrap();
    let store = Broken(SqliteStore::open(&settings.folder().prepare_database().unwrap()).await.unwrap());
    let clock = Arc::new(ManualClock::at(NOW));
    let running = start_on(Arc::new(store), settings, listener, clock, CancellationToken::new()).await.unwrap();
    let client = TestClient::to(running.address(), NOW);
    client.open(&key(1), "").await;
    assert_eq!(code(client.append(&key(1), frame(1), false).await).await, ProblemCode::RelayBusy);
    drop(client);
    assert!(matches!(running.stopped().await, Err(StartError::Writer)));
}
