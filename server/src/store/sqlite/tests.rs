//! SQLite's part: the contract, and what is peculiar to a file.

use super::*;
use crate::store::contract::{self, DAYS, address, append, free};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use twiza_protocol::FrameDigest;

async fn fresh(folder: &TempDir, name: &str) -> SqliteStore {
    let file = folder.path().join(name);
    crate::private_file::create_if_missing(&file).unwrap();
    SqliteStore::open(&file).await.unwrap()
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    contract::check(async || {
        made.set(made.get() + 1);
        Arc::new(fresh(&folder, &made.get().to_string()).await) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn the_settings_that_durability_and_deletion_rest_on_are_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let mut writer = store.writer.lock().await;
    let connection = &open_writer(&mut writer).unwrap().connection;
    for (pragma, expected) in [("synchronous", 2), ("secure_delete", 1), ("page_size", 4096), ("temp_store", 2)] {
        let found: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{pragma}");
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let quotas = Quotas::default();
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    let first = append(1, 1, 4096, false);
    let placed = store.append_batch(std::slice::from_ref(&first), DAYS, &quotas).await.unwrap()[0].unwrap();

    store.limit_pages(Some(20)).await.unwrap();
    let batch = [append(1, 2, 1 << 20, false), first.clone(), append(1, 3, 1024, false)];
    let results = store.append_batch(&batch, DAYS, &quotas).await.unwrap();
    assert_eq!(results[0], Err(Refused::RelayFull));
    assert_eq!(results[1].unwrap().head, placed.head, "a repeat is recognised all the same");
    assert_eq!(results[2].unwrap().head.sequence, Sequence(2), "nothing half-written, and what fits is taken");

    store.limit_pages(None).await.unwrap();
    let again = store.append_batch(&batch[..1], DAYS, &quotas).await.unwrap()[0].unwrap();
    assert_eq!(again.head.sequence, Sequence(3));
    assert_eq!(store.totals().await.unwrap().frame_bytes, (1 << 20) + 4096 + 1024);
}

#[tokio::test]
async fn swept_octets_leave_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let marker = b"a text that must not stay on this disk";
    let mut octets = marker.repeat(28);
    octets.resize(1024, 0);
    let digest = FrameDigest::of(&octets);
    let frame = Append { address: address(1), octets: octets.into(), digest, closing: false };
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    store.append_batch(&[frame], DAYS, &Quotas::default()).await.unwrap()[0].unwrap();
    let is_there = || {
        std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            let content = std::fs::read(entry.unwrap().path()).unwrap();
            content.windows(marker.len()).any(|window| window == marker)
        })
    };
    assert!(is_there());
    store.sweep(ExpiryDay(DAYS.expires.0 + 1)).await.unwrap();
    assert!(!is_there());
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    let batch: Vec<_> = (0..20).map(|octet| append(1, octet, 1024, false)).collect();
    store.append_batch(&batch, DAYS, &Quotas::default()).await.unwrap();
    let head = store.head(address(1), DAYS.today).await.unwrap();
    // No close: as after a crash.
    drop(store);
    let store = fresh(&folder, "db").await;
    assert_eq!(store.head(address(1), DAYS.today).await.unwrap(), head);
    assert_eq!(open_writer(&mut store.writer.lock().await).unwrap().totals.frame_bytes, 20 * 1024);
}

#[tokio::test]
async fn a_tail_of_any_length_is_found_again_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    drop(store);
    let frames: Vec<_> = (0..70).map(|octet| append(1, octet, 1024, octet == 69)).collect();
    for (place, frame) in (1..).zip(&frames) {
        let store = fresh(&folder, "db").await;
        let appended = store.append_batch(std::slice::from_ref(frame), DAYS, &Quotas::default()).await.unwrap();
        let head = appended[0].unwrap().head;
        assert_eq!(head.sequence, Sequence(place));
        drop(store);
        let store = fresh(&folder, "db").await;
        assert_eq!(store.head(address(1), DAYS.today).await.unwrap(), Some(head));
        let page = store.page(address(1), Sequence(place - 1), 1, DAYS.today).await.unwrap().unwrap();
        assert_eq!(page.head, Some(head));
        let repeated = store.append_batch(&frames[..place as usize], DAYS, &Quotas::default()).await.unwrap();
        assert!(repeated.into_iter().all(|repeated| !repeated.unwrap().is_new));
    }
}

#[tokio::test]
async fn what_expired_makes_room_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let file = folder.path().join("db");
    let mut lengths = Vec::new();
    for day in [100, 200, 300] {
        let days = Days { today: ExpiryDay(day), expires: ExpiryDay(day + 30) };
        store.sweep(days.today).await.unwrap();
        assert_eq!(store.totals().await.unwrap(), Totals::default());
        for name in 1..=10 {
            store.open_batch(&[free(name)], days, &Quotas::default()).await.unwrap();
            let frames: Vec<_> = (0..50).map(|octet| append(name, octet, 4096, false)).collect();
            store.append_batch(&frames, days, &Quotas::default()).await.unwrap();
        }
        store.sweep(days.today).await.unwrap();
        lengths.push(file.metadata().unwrap().len());
    }
    assert!(lengths[0] > 500 * 4096 && lengths[2] <= lengths[0] + lengths[0] / 50, "{lengths:?}");
}

#[tokio::test]
async fn the_log_is_copied_beside_the_writer_and_stays_short() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    for octet in 0..200 {
        store.append_batch(&[append(1, octet, 1 << 20, false)], DAYS, &Quotas::default()).await.unwrap()[0].unwrap();
    }
    let log = folder.path().join("db-wal").metadata().unwrap().len();
    assert!(log < 2 * checkpoint::LOG_BYTES_MAX, "{log} octets");
    let page = store.page(address(1), Sequence(199), 1, DAYS.today).await.unwrap().unwrap();
    assert_eq!(page.frames[0].octets, append(1, 199, 1 << 20, false).octets);
}

#[tokio::test]
async fn mailboxes_that_are_opened_and_never_written_keep_the_log_short_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let named = |name: u32| Open::free(MailboxAddress::from_bytes(*FrameDigest::of(&name.to_be_bytes()).as_bytes()));
    let opens: Vec<_> = (0..20_000).map(named).collect();
    let quotas = Quotas { mailboxes_max: u64::MAX, ..Quotas::default() };
    for opens in opens.chunks(100) {
        assert!(store.open_batch(opens, DAYS, &quotas).await.unwrap().iter().all(Result::is_ok));
    }
    let log = folder.path().join("db-wal").metadata().unwrap().len();
    assert!(log < 2 * checkpoint::LOG_BYTES_MAX, "{log} octets");
}

#[tokio::test]
async fn readers_keep_the_log_from_beginning_anew_for_a_moment_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    // Connections that always read, each for a while: one of them has the log whenever it could begin anew.
    let file = folder.path().join("db");
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (connection, stop) = (Database::at(&file).reader().unwrap(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let moment = connection.unchecked_transaction().unwrap();
                    let count = |_| {
                        moment
                            .query_row("select sum(length(octets)) from frame", [], |row| row.get::<_, Option<i64>>(0))
                    };
                    assert!((0..20).map(count).all(|counted| counted.is_ok()));
                }
            })
        })
        .collect();
    for octet in 0..200 {
        store.append_batch(&[append(1, octet, 1 << 20, false)], DAYS, &Quotas::default()).await.unwrap()[0].unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    let log = folder.path().join("db-wal").metadata().unwrap().len();
    assert!(log < 4 * checkpoint::LOG_BYTES_MAX, "{log} octets");
}

#[tokio::test]
async fn a_large_mailbox_that_expired_is_opened_again_without_waiting_for_its_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    let later = Days { today: ExpiryDay(200), expires: ExpiryDay(230) };
    store.open_batch(&[free(1)], DAYS, &Quotas::default()).await.unwrap();
    let frames: Vec<_> = (0..10).map(|octet| append(1, octet, 64 << 10, false)).collect();
    store.append_batch(&frames, DAYS, &Quotas::default()).await.unwrap();
    assert!(store.open_batch(&[free(1)], later, &Quotas::default()).await.unwrap()[0].unwrap().is_new);
    assert_eq!(store.totals().await.unwrap().mailboxes, 2, "the old one waits for the sweep");
    let first = store.append_batch(&frames[..1], later, &Quotas::default()).await.unwrap()[0].unwrap();
    assert!(first.is_new && first.head.sequence == Sequence(1));
    assert_eq!(store.sweep(later.today).await.unwrap(), 1);
    assert_eq!(store.totals().await.unwrap(), Totals { mailboxes: 1, frame_bytes: 64 << 10 });
    let page = store.page(address(1), Sequence::START, 1 << 20, later.today).await.unwrap().unwrap();
    assert_eq!(page.frames.len(), 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(&folder, "db").await;
    open_writer(&mut store.writer.lock().await).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
    store.close().await;
    let newer = SqliteStore::open(&folder.path().join("db")).await;
    assert!(matches!(newer, Err(StoreError::Newer)));
    assert!(matches!(store.check().await, Err(StoreError::Closed)));
}
