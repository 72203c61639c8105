//! Moving the write-ahead log into the database, beside the writer and not in its way.
//!
//! SQLite would copy the log back within the commit that makes it long, and keep that batch's requesters waiting for
//! it. Here another connection copies while commits go on; only what they add meanwhile, little, is copied between
//! two batches, and then the log begins anew.
//!
//! ```text
//! COPY_BYTES in the log ─▶ copy, beside the writer, until little is left ─▶ copy the rest between two batches
//! LOG_BYTES_MAX in it   ─▶ the writer waits for the copy
//! ```

use super::StoreResult;
use super::connection::Database;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// Octets in the log that start a copy.
const COPY_BYTES: u64 = 4 << 20;

/// Octets in the log that let nobody write until the copy is done.
pub(super) const LOG_BYTES_MAX: u64 = 4 * COPY_BYTES;

/// What a frame costs in the log beside its octets: a page of its neighbours, and a part of others.
const PAGE_BYTES_PER_FRAME: u64 = 4096 + 1024;

/// What a mailbox that is opened costs in the log: a page of its row's neighbours, and one of its address's.
const BYTES_PER_MAILBOX: u64 = 2 * 4096;

/// What a commit costs in the log beside its frames.
const PAGE_BYTES_PER_COMMIT: u64 = 3 * 4096;

/// Pages that may be left to be copied between two batches.
const PAGES_LEFT_MAX: i64 = 256;

/// Copies beside the writer before it has to wait for the rest all the same.
const COPIES_MAX: u32 = 4;

/// The one connection that copies the log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    connection: Arc<Mutex<Connection>>,
    log_bytes: u64,
    copying: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn new(database: &Database) -> StoreResult<Self> {
        let connection = Arc::new(Mutex::new(database.writer()?));
        Ok(Self { connection, log_bytes: 0, copying: None })
    }

    /// Told of the rows that a commit wrote or deleted, and of the octets of frames among them.
    pub(super) const fn committed(&mut self, frames: u64, bytes: u64) {
        self.log_bytes += PAGE_BYTES_PER_COMMIT + frames * PAGE_BYTES_PER_FRAME + bytes;
    }

    /// Told of the mailboxes that a commit opened.
    pub(super) const fn opened(&mut self, mailboxes: u64) {
        self.log_bytes += PAGE_BYTES_PER_COMMIT + mailboxes * BYTES_PER_MAILBOX;
    }

    /// Called by the writer between two batches.
    pub(super) fn between_batches(&mut self) {
        let copied = self.copying.take_if(|copying| copying.is_finished()).is_some();
        if copied || self.log_bytes > LOG_BYTES_MAX {
            if let Err(error) = copy(&lock(&self.connection)) {
                tracing::warn!(error = &error as &dyn std::error::Error, "the log cannot be copied, and grows");
            }
            self.log_bytes = 0;
        } else if self.copying.is_none() && self.log_bytes > COPY_BYTES {
            let connection = self.connection.clone();
            self.copying = Some(tokio::task::spawn_blocking(move || copy_most(&connection)));
        }
    }

    /// Moves all of the log, and truncates it: until then it still has what was deleted. The writer waits.
    pub(super) fn truncate(&mut self) -> StoreResult<()> {
        let connection = lock(&self.connection);
        let busy: bool = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        if busy {
            tracing::warn!("readers kept the log from being truncated; the next sweep tries again");
        } else {
            self.log_bytes = 0;
        }
        Ok(())
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies until so little was added meanwhile that the writer can do the rest.
fn copy_most(connection: &Mutex<Connection>) {
    let connection = lock(connection);
    let mut pages_before = 0;
    for _ in 0..COPIES_MAX {
        // Failures show again, and are told, when the writer copies the rest.
        let Ok(pages) = copy(&connection) else { return };
        if pages - pages_before <= PAGES_LEFT_MAX {
            return;
        }
        pages_before = pages;
    }
}

/// Copies what is in the log now, without waiting for anybody, and gives its length in pages.
fn copy(connection: &Connection) -> StoreResult<i64> {
    Ok(connection.query_row("pragma wal_checkpoint(passive)", [], |row| row.get("log"))?)
}
