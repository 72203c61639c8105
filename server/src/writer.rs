//! Group commit: appends that come while the disk syncs share the next sync. Acknowledged after it, never before.
//!
//! ```text
//! requests ──▶ bounded queue ──▶ one thread: drain, open_batch, append_batch ──▶ hub, then replies
//!                  └─ full: busy
//! ```
//!
//! The thread does nothing else, so that it may wait for the disk, and a batch is handed over twice only: to it, and
//! back to the requests.

use crate::clock::Clock;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::room::{Room, Taken};
use crate::store::{Append, Appended, Days, Open, Opening, Quotas, Refused, Store, StoreError};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How much may wait, and how much shares a commit.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// Requests in one transaction.
    pub batch_max: usize,
    /// Requests that may wait.
    pub queue_length_max: usize,
    /// Octets of frames that may wait.
    pub queue_bytes_max: u32,
    /// Days that a written mailbox is kept.
    pub retention_days: u32,
    /// Quotas.
    pub quotas: Quotas,
}

/// Why a write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The request cannot be granted.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too much is waiting, the database is away, or the relay is stopping. Retryable.
    #[error("the writer is busy")]
    Busy,
    /// The store failed; the log has the cause.
    #[error("the store failed")]
    Failed,
}

/// How many frames shared how many commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriterStatistics {
    /// Transactions of appends.
    pub batches: u64,
    /// Appends in them.
    pub appends: u64,
}

type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

enum Job {
    Open { open: Open, reply: Reply<Opening> },
    Append { append: Append, reply: Reply<Appended>, _room: Taken },
}

/// The way to the one thread that writes.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
    room: Room,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    batches: AtomicU64,
    appends: AtomicU64,
}

impl Writer {
    /// Starts the thread. It ends, with an empty queue, once `stop` is cancelled; the receiver then wakes,
    /// with an error.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
        settings: WriterSettings,
        stop: CancellationToken,
    ) -> std::io::Result<(Self, oneshot::Receiver<Infallible>)> {
        let (queue, waiting) = mpsc::channel(settings.queue_length_max);
        let room = Room::of_bytes(u64::from(settings.queue_bytes_max));
        let counters = Arc::new(Counters::default());
        let task =
            Task { store, hub, clock, metrics, settings, counters: counters.clone(), is_full: AtomicBool::new(false) };
        let (ended, end) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            runtime.block_on(task.run(waiting, stop));
            drop(ended);
        })?;
        Ok((Self { queue, room, counters }, end))
    }

    /// Opens a mailbox; returns once that is durable.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn open(&self, open: Open) -> Result<Opening, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Job::Open { open, reply }).map_err(|_| WriteError::Busy)?;
        answer.await.unwrap_or(Err(WriteError::Busy))
    }

    /// Appends a frame; returns once that is durable.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn append(&self, append: Append) -> Result<Appended, WriteError> {
        let (reply, answer) = oneshot::channel();
        let room = self.room.take(append.octets.len() as u64).ok_or(WriteError::Busy)?;
        self.queue.try_send(Job::Append { append, reply, _room: room }).map_err(|_| WriteError::Busy)?;
        answer.await.unwrap_or(Err(WriteError::Busy))
    }

    /// Requests that wait, and how many may.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let max = self.queue.max_capacity();
        (max - self.queue.capacity(), max)
    }

    /// What was written so far.
    #[must_use]
    pub fn statistics(&self) -> WriterStatistics {
        let Counters { batches, appends } = &*self.counters;
        WriterStatistics { batches: batches.load(Ordering::Relaxed), appends: appends.load(Ordering::Relaxed) }
    }
}

struct Task {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    settings: WriterSettings,
    counters: Arc<Counters>,
    /// Whether the last frames were refused for want of room: told once, and not for each.
    is_full: AtomicBool,
}

impl Task {
    async fn run(self, mut waiting: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut jobs = Vec::with_capacity(self.settings.batch_max);
        loop {
            // Where the processors are busy, requests that are nearly here come first, and share this commit; where
            // they are not, this returns at once.
            std::thread::yield_now();
            let received = tokio::select! {
                biased;
                () = stop.cancelled(), if !waiting.is_closed() => {
                    waiting.close();
                    continue;
                }
                received = waiting.recv_many(&mut jobs, self.settings.batch_max) => received,
            };
            if received == 0 {
                return;
            }
            self.write(&mut jobs).await;
        }
    }

    async fn write(&self, jobs: &mut Vec<Job>) {
        let (mut opens, mut openers) = (Vec::new(), Vec::new());
        let (mut appends, mut appenders) = (Vec::new(), Vec::new());
        let mut rooms = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Open { open, reply } => {
                    opens.push(open);
                    openers.push(reply);
                }
                Job::Append { append, reply, _room: room } => {
                    appends.push(append);
                    appenders.push(reply);
                    rooms.push(room);
                }
            }
        }
        let today = self.clock.now().day();
        let days = Days { today, expires: today.plus_days(self.settings.retention_days) };
        if !opens.is_empty() {
            self.open(&opens, openers, days).await;
        }
        if !appends.is_empty() {
            self.append(&appends, appenders, rooms, days).await;
        }
    }

    async fn open(&self, opens: &[Open], replies: Vec<Reply<Opening>>, days: Days) {
        match self.store.open_batch(opens, days, &self.settings.quotas).await {
            Ok(results) => {
                let answers = replies.into_iter().zip(results);
                answers.for_each(|(reply, result)| answer(reply, result.map_err(WriteError::Refused)));
            }
            Err(error) => fail(replies, &error),
        }
    }

    async fn append(&self, appends: &[Append], replies: Vec<Reply<Appended>>, rooms: Vec<Taken>, days: Days) {
        let results = self.store.append_batch(appends, days, &self.settings.quotas).await;
        // Whoever has an answer finds room for the next request.
        drop(rooms);
        let results = match results {
            Ok(results) => results,
            Err(error) => {
                // Some may be stored all the same, and their repeats are no news.
                appends.iter().for_each(|append| self.hub.look(&append.address));
                return fail(replies, &error);
            }
        };
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        self.counters.appends.fetch_add(appends.len() as u64, Ordering::Relaxed);
        self.metrics.synced(appends.len());
        let is_full = results.contains(&Err(Refused::RelayFull));
        if is_full && !self.is_full.load(Ordering::Relaxed) {
            tracing::warn!("frames are refused: the disk or relay_bytes_max is full, as `twiza-relay doctor` tells");
        }
        self.is_full.store(is_full, Ordering::Relaxed);
        for ((append, reply), result) in appends.iter().zip(replies).zip(results) {
            if let Ok(appended) = &result
                && appended.is_new
            {
                self.hub.publish(append, appended.head);
            }
            answer(reply, result.map_err(WriteError::Refused));
        }
    }
}

/// A requester that went away needs no answer.
fn answer<T>(reply: Reply<T>, result: Result<T, WriteError>) {
    drop(reply.send(result));
}

fn fail<T>(replies: Vec<Reply<T>>, error: &StoreError) {
    let verdict = match error {
        StoreError::Full => WriteError::Refused(Refused::RelayFull),
        StoreError::Away(_) => WriteError::Busy,
        _ => WriteError::Failed,
    };
    match verdict {
        WriteError::Failed => tracing::error!(error = error as &dyn std::error::Error, "a write failed"),
        WriteError::Busy => tracing::warn!(error = error as &dyn std::error::Error, "a write has to wait"),
        WriteError::Refused(_) => tracing::warn!("{error}"),
    }
    replies.into_iter().for_each(|reply| answer(reply, Err(verdict)));
}

#[cfg(test)]
mod tests;
