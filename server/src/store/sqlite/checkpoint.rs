//! Moving the write-ahead log into the database, beside the writer and not in its way.
//!
//! SQLite would copy the log back within the commit that makes it long, and keep that batch's requesters waiting for
//! it. Here another connection copies while commits go on; only what they add meanwhile, little, is copied between
//! two batches, and then the log begins anew.
//!
//! ```text
//! COPY_BYTES in the log ─▶ copy, beside the writer; and again, while much was added meanwhile
//!                          ─▶ copy the rest between two batches ─▶ the log begins anew with the next
//! LOG_BYTES_MAX in it   ─▶ the writer waits for the copy, and for readers of the log
//! ```
//!
//! SQLite before 3.51.3 may lose what was copied if a checkpoint begins right after a whole one, and a commit begins the
//! log anew meanwhile (<https://www.sqlite.org/wal.html#walresetbug>). So a copy beside the writer begins only where a
//! commit came after the one before; the others are made by the writer's thread, between commits.

use super::StoreResult;
use super::connection::Database;
use rusqlite::{Connection, Row};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
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

/// Octets of a page in the log, with its header.
const LOG_PAGE_BYTES: u64 = 4096 + 24;

/// Octets that may be left to be copied between two batches.
const LEFT_BYTES_MAX: u64 = 1 << 20;

/// Copies beside the writer before it has to wait for the rest all the same.
const COPIES_MAX: u32 = 4;

/// How long the writer waits for those who read the log, where it has to begin anew.
const READERS_TIME_MAX: Duration = Duration::from_secs(1);

/// Decides when the log is copied.
#[derive(Debug)]
pub(super) struct Checkpoints {
    copier: Arc<Mutex<Copier>>,
    /// Octets in the log that nothing has copied yet, about.
    log_bytes: u64,
    copying: Copying,
    /// The length at which the log is made to begin anew. More than [`LOG_BYTES_MAX`] while readers have kept it from that.
    restart_bytes: u64,
}

/// The one connection that copies the log.
#[derive(Debug)]
struct Copier {
    connection: Connection,
    /// Which copy is the present one: one that was late to begin is none any more.
    copy: u64,
}

/// How far a copy beside the writer is.
#[derive(Debug)]
enum Copying {
    /// There is none.
    No,
    /// So many have begun; `added` octets came to the log since the last one did.
    Yes { copies: u32, added: u64, copy: JoinHandle<()> },
    /// The last one has ended, and much was added. The next waits for a commit that changes something.
    Again { copies: u32, added: u64, may_begin: bool },
}

/// What a checkpoint tells: whether somebody was in its way, and the length of the log in pages.
struct Copied {
    busy: bool,
    log_pages: u64,
}

impl Checkpoints {
    pub(super) fn new(database: &Database) -> StoreResult<Self> {
        let connection = database.writer()?;
        connection.busy_timeout(READERS_TIME_MAX)?;
        let copier = Arc::new(Mutex::new(Copier { connection, copy: 0 }));
        Ok(Self { copier, log_bytes: 0, copying: Copying::No, restart_bytes: LOG_BYTES_MAX })
    }

    /// Told of the rows that a commit wrote or deleted, and of the octets of frames among them.
    pub(super) const fn committed(&mut self, frames: u64, bytes: u64) {
        self.grew(PAGE_BYTES_PER_COMMIT + frames * PAGE_BYTES_PER_FRAME + bytes);
    }

    /// Told of the mailboxes that a commit opened, and of the octets of frames that it deleted.
    pub(super) const fn opened(&mut self, mailboxes: u64, bytes: u64) {
        // A frame that is deleted dirties its own pages, and one of its neighbours' at most.
        self.grew(PAGE_BYTES_PER_COMMIT + mailboxes * BYTES_PER_MAILBOX + 4 * bytes);
    }

    const fn grew(&mut self, bytes: u64) {
        self.log_bytes += bytes;
        if let Copying::Yes { added, .. } | Copying::Again { added, .. } = &mut self.copying {
            *added += bytes;
        }
    }

    /// Told that a commit has changed something.
    pub(super) const fn changed(&mut self) {
        if let Copying::Again { may_begin, .. } = &mut self.copying {
            *may_begin = true;
        }
    }

    /// Called by the writer between two batches.
    pub(super) fn between_batches(&mut self) {
        if self.log_bytes > LOG_BYTES_MAX {
            return self.copy_rest();
        }
        match &self.copying {
            Copying::No if self.log_bytes > COPY_BYTES => self.copy_beside(0),
            Copying::Yes { copies, added, copy } if copy.is_finished() => match *added {
                ..=LEFT_BYTES_MAX => self.copy_rest(),
                _ if *copies >= COPIES_MAX => self.copy_rest(),
                // What comes from now on is after the copy's end.
                added => self.copying = Copying::Again { copies: *copies, added, may_begin: false },
            },
            Copying::Again { copies, may_begin: true, .. } => self.copy_beside(*copies),
            Copying::No | Copying::Yes { .. } | Copying::Again { .. } => {}
        }
    }

    fn copy_beside(&mut self, copies: u32) {
        let copier = self.copier.clone();
        let number = lock(&copier).next_copy();
        let copy = tokio::task::spawn_blocking(move || {
            let copier = lock(&copier);
            if copier.copy == number {
                // A failure shows again, and is told, when the writer copies the rest.
                drop(copier.checkpoint("passive"));
            }
        });
        self.copying = Copying::Yes { copies: copies + 1, added: 0, copy };
    }

    /// Copies all that is left, on the writer's thread; where the log has grown long all the same, because somebody was reading
    /// it whenever it could have begun anew, waits for those who do.
    fn copy_rest(&mut self) {
        (self.copying, self.log_bytes) = (Copying::No, 0);
        let mut copier = lock(&self.copier);
        copier.next_copy();
        let copied = copier.checkpoint("passive").and_then(|copied| {
            let is_long = copied.log_pages * LOG_PAGE_BYTES > self.restart_bytes;
            if is_long { copier.checkpoint("restart").map(Some) } else { Ok(None) }
        });
        drop(copier);
        match copied {
            Ok(None) => {}
            Ok(Some(Copied { busy: false, .. })) => self.restart_bytes = LOG_BYTES_MAX,
            Ok(Some(Copied { log_pages, .. })) => {
                self.restart_bytes = 2 * log_pages * LOG_PAGE_BYTES;
                tracing::warn!(
                    mebibytes = (log_pages * LOG_PAGE_BYTES) >> 20,
                    "somebody reads the database for long, a backup for instance, and its log grows meanwhile"
                );
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the log cannot be copied, and grows");
            }
        }
    }

    /// Moves all of the log, and truncates it: until then it still has what was deleted. The writer waits.
    pub(super) fn truncate(&mut self) -> StoreResult<()> {
        let mut copier = lock(&self.copier);
        copier.next_copy();
        let copied = copier.checkpoint("truncate")?;
        drop(copier);
        if copied.busy {
            tracing::warn!("readers kept the log from being truncated; the next sweep tries again");
        } else {
            (self.copying, self.log_bytes, self.restart_bytes) = (Copying::No, 0, LOG_BYTES_MAX);
        }
        Ok(())
    }
}

fn lock(copier: &Mutex<Copier>) -> MutexGuard<'_, Copier> {
    copier.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Copier {
    /// Begins another copy: one that waits for the connection is none any more.
    const fn next_copy(&mut self) -> u64 {
        self.copy += 1;
        self.copy
    }

    fn checkpoint(&self, mode: &str) -> StoreResult<Copied> {
        let copied = |row: &Row<'_>| {
            let pages: i64 = row.get("log")?;
            Ok(Copied { busy: row.get("busy")?, log_pages: pages.max(0).cast_unsigned() })
        };
        Ok(self.connection.query_row(&format!("pragma wal_checkpoint({mode})"), [], copied)?)
    }
}
