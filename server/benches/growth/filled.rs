//! A store with so many frames in so many mailboxes, at random.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use twiza_protocol::{ExpiryDay, FrameDigest, MailboxAddress, Sequence};
use twiza_relay::store::{Append, Days, Open, Quotas, SqliteStore, Store};

/// Frames in one commit while a store is filled.
const BATCH: usize = 256;

/// Frames in one page that is read.
const PAGE_FRAMES: u64 = 16;

pub(crate) struct Filled {
    file: PathBuf,
    store: SqliteStore,
    mailboxes: usize,
    frame_bytes: usize,
    frames: usize,
    days: Days,
    random: u64,
}

fn address(name: usize) -> MailboxAddress {
    MailboxAddress::from_bytes(*FrameDigest::of(&name.to_be_bytes()).as_bytes())
}

fn quotas() -> Quotas {
    Quotas { relay_bytes_max: u64::MAX, ..Quotas::default() }
}

impl Filled {
    pub(crate) async fn new(folder: &Path, mailboxes: usize, frame_bytes: usize) -> Self {
        let file = folder.join("relay.sqlite3");
        std::fs::File::create_new(&file).unwrap();
        let store = SqliteStore::open(&file).await.unwrap();
        let days = Days { today: ExpiryDay(100), expires: ExpiryDay(130) };
        let filled = Self { file, store, mailboxes, frame_bytes, frames: 0, days, random: 1 };
        filled.open().await;
        filled
    }

    async fn open(&self) {
        let opens: Vec<_> = (0..self.mailboxes).map(|name| Open::free(address(name))).collect();
        for opens in opens.chunks(BATCH) {
            let opened = self.store.open_batch(opens, self.days, &quotas()).await.unwrap();
            assert!(opened.iter().all(Result::is_ok));
        }
    }

    /// Any mailbox: xorshift, so that every run has the same.
    fn mailbox(&mut self) -> MailboxAddress {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        address((self.random % self.mailboxes as u64) as usize)
    }

    fn batch(&mut self, length: usize) -> Vec<Append> {
        let append = |_| {
            let mut octets = vec![0x5a; self.frame_bytes];
            octets[..8].copy_from_slice(&(self.frames as u64).to_be_bytes());
            self.frames += 1;
            let digest = FrameDigest::of(&octets);
            Append { address: self.mailbox(), octets: octets.into(), digest, closing: false }
        };
        (0..length).map(append).collect()
    }

    pub(crate) async fn append(&mut self, frames: usize) {
        self.times(frames.div_ceil(BATCH), BATCH).await;
    }

    /// How long each of so many commits takes.
    pub(crate) async fn times(&mut self, commits: usize, batch: usize) -> Vec<Duration> {
        let mut times = Vec::with_capacity(commits);
        for _ in 0..commits {
            let appends = self.batch(batch);
            let started = Instant::now();
            let appended = self.store.append_batch(&appends, self.days, &quotas()).await.unwrap();
            times.push(started.elapsed());
            assert!(appended.iter().all(Result::is_ok));
        }
        times
    }

    /// How long each of so many pages takes.
    pub(crate) async fn page_times(&mut self, pages: usize) -> Vec<Duration> {
        let mut times = Vec::with_capacity(pages);
        for _ in 0..pages {
            let (address, today) = (self.mailbox(), self.days.today);
            let started = Instant::now();
            let head = self.store.head(address, today).await.unwrap().unwrap();
            let after = Sequence(head.sequence.0.saturating_sub(PAGE_FRAMES));
            self.store.page(address, after, 4 << 20, today).await.unwrap().unwrap();
            times.push(started.elapsed());
        }
        times
    }

    pub(crate) async fn close(&self) {
        self.store.close().await;
    }

    /// Goes on with a copy of the files, as they were at that moment: how long that takes to the first answer.
    pub(crate) async fn copied(&mut self) -> Duration {
        let copy = self.file.with_file_name("copy.sqlite3");
        for end in ["", "-wal"] {
            let of = |file: &Path| PathBuf::from(format!("{}{end}", file.display()));
            if of(&self.file).exists() {
                std::fs::copy(of(&self.file), of(&copy)).unwrap();
                std::fs::File::open(of(&copy)).unwrap().sync_all().unwrap();
                std::fs::remove_file(of(&self.file)).unwrap();
            }
        }
        self.file = copy;
        self.reopened().await
    }

    /// Opens the files: how long that takes to the first answer.
    pub(crate) async fn reopened(&mut self) -> Duration {
        let (address, today) = (self.mailbox(), self.days.today);
        let started = Instant::now();
        let store = SqliteStore::open(&self.file).await.unwrap();
        store.head(address, today).await.unwrap().unwrap();
        let elapsed = started.elapsed();
        // The one before ends here, and not on the clock.
        self.store = store;
        elapsed
    }

    pub(crate) async fn frame_bytes(&self) -> u64 {
        self.store.totals().await.unwrap().frame_bytes
    }

    pub(crate) fn bytes_on_disk(&self) -> u64 {
        self.file.metadata().unwrap().len()
    }

    /// Lets everything expire and writes as much again: octets on the disk then, for each before.
    pub(crate) async fn again(&mut self) -> f64 {
        let before = self.bytes_on_disk();
        self.days = Days { today: ExpiryDay(200), expires: ExpiryDay(230) };
        self.store.sweep(self.days.today).await.unwrap();
        assert_eq!(self.frame_bytes().await, 0);
        self.open().await;
        self.append(self.frames).await;
        self.store.sweep(self.days.today).await.unwrap();
        self.bytes_on_disk() as f64 / before as f64
    }
}
