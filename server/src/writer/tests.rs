//! The writer: grouping, order of effects, refusals, stopping.

use super::*;
use crate::clock::ManualClock;
use crate::store::SqliteStore;
use crate::store::contract::{address, append, free};
use futures_util::future::join_all;
use tempfile::TempDir;
use twiza_protocol::{CoarseTime, Sequence};

struct Fixture {
    _folder: TempDir,
    writer: Writer,
    end: oneshot::Receiver<Infallible>,
    stop: CancellationToken,
    hub: Arc<Hub>,
    store: Arc<dyn Store>,
}

async fn fixture(change: impl FnOnce(&mut WriterSettings)) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    crate::private_file::create_if_missing(&file).unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file).await.unwrap());
    let mut settings = WriterSettings {
        batch_max: 64,
        queue_length_max: 1024,
        queue_bytes_max: 64 << 20,
        retention_days: 30,
        quotas: Quotas::default(),
    };
    change(&mut settings);
    let clock = Arc::new(ManualClock::at(CoarseTime(1_000_000)));
    let (hub, stop) = (Arc::new(Hub::default()), CancellationToken::new());
    let (writer, end) =
        Writer::start(store.clone(), hub.clone(), clock, Metrics::new(), settings, stop.clone()).unwrap();
    Fixture { _folder: folder, writer, end, stop, hub, store }
}

#[tokio::test]
async fn concurrent_appends_share_commits() {
    let fixture = fixture(|_| ()).await;
    fixture.writer.open(free(1)).await.unwrap();
    let appends = (0..200).map(|octet| fixture.writer.append(append(1, octet, 1024, false)));
    let results = join_all(appends).await;
    let mut places: Vec<_> = results.into_iter().map(|result| result.unwrap().head.sequence.0).collect();
    places.sort_unstable();
    assert!(places.into_iter().eq(1..=200));
    let WriterStatistics { batches, appends } = fixture.writer.statistics();
    assert_eq!(appends, 200);
    assert!(batches < 50, "{batches} commits for 200 appends");
}

#[tokio::test]
async fn a_watcher_hears_only_of_what_is_stored() {
    let fixture = fixture(|_| ()).await;
    fixture.writer.open(free(1)).await.unwrap();
    let mut watcher = fixture.hub.subscribe(address(1));
    fixture.writer.append(append(1, 1, 1024, false)).await.unwrap();
    fixture.writer.append(append(1, 1, 1024, false)).await.unwrap();
    fixture.writer.append(append(1, 2, 1024, true)).await.unwrap();
    assert_eq!(watcher.next().await.unwrap().frame.sequence, Sequence(1));
    assert_eq!(watcher.next().await.unwrap().frame.sequence, Sequence(2), "a repeat is not told again");
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_told_to_come_back() {
    let fixture = fixture(|settings| settings.queue_bytes_max = 1 << 20).await;
    fixture.writer.open(free(1)).await.unwrap();
    let both = join_all([1, 2].map(|octet| fixture.writer.append(append(1, octet, 1 << 20, false)))).await;
    assert!(both[0].is_ok());
    assert_eq!(both[1], Err(WriteError::Busy));
    fixture.writer.append(append(1, 2, 1 << 20, false)).await.unwrap();
}

#[tokio::test]
async fn stopping_writes_what_waits() {
    let fixture = fixture(|settings| settings.batch_max = 1).await;
    fixture.writer.open(free(1)).await.unwrap();
    let appends = join_all((0..20).map(|octet| fixture.writer.append(append(1, octet, 1024, false))));
    let stop = async { fixture.stop.cancel() };
    let (results, ()) = futures_util::join!(appends, stop);
    fixture.end.await.unwrap_err();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fixture.store.totals().await.unwrap().frame_bytes, 20 * 1024);
    assert_eq!(fixture.writer.append(append(1, 99, 1024, false)).await, Err(WriteError::Busy));
}
