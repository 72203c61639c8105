//! The store on SQLite: one file, nothing to install.
//!
//! ```text
//! one writing connection ── begin immediate … commit (write-ahead log, synced at every commit)
//! one copying connection ── moves the log into the database, beside the writer
//! a few reading connections ── each statement sees one snapshot, and never waits for the writer
//! ```
//!
//! The writing operations work on the thread that polls them, because handing a batch to another thread and back
//! costs more than to write it: [`crate::writer`] has a thread of its own.

mod append;
mod checkpoint;
mod connection;
mod error;
mod hot;
mod open;
pub(crate) mod parcel;
mod read;
mod readers;
mod rows;
mod sweep;
mod upkeep;

use super::{
    Append, Appended, Days, Entry, Head, Open, Opening, Page, Quotas, Refused, Store, StoreError, StoreResult, Totals,
    placement::Mailbox,
};
use checkpoint::Checkpoints;
use connection::Database;
use futures_util::future::BoxFuture;
use hot::Hot;
use readers::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use twiza_protocol::{ExpiryDay, MailboxAddress, Sequence};
pub use upkeep::SqliteUpkeep;
pub(crate) use upkeep::tables;

/// Mailboxes in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Readers,
    writer: Arc<Mutex<Option<Writer>>>,
}

/// The writing connection, and what only it changes.
#[derive(Debug)]
struct Writer {
    database: Database,
    connection: Connection,
    checkpoints: Checkpoints,
    hot: Hot,
    totals: Totals,
}

impl SqliteStore {
    /// Opens the database file, and brings it to the present schema. The file must exist (it may be empty), so that
    /// its permissions are the caller's choice; SQLite gives them to the log beside it, too.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be opened or is no such database.
    pub async fn open(file: &Path) -> StoreResult<Self> {
        let database = Database::at(file);
        let readers = Readers::new(database.clone());
        let writer = blocking(move || Writer::open(database)).await?;
        Ok(Self { readers, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Refuses to let the database grow beyond this many pages of 4 KiB, as a full disk would. For tests of what
    /// happens then; `None` lifts it.
    ///
    /// # Errors
    /// [`StoreError`] where the database fails.
    pub async fn limit_pages(&self, pages_max: Option<u32>) -> StoreResult<()> {
        let mut guard = self.writer.lock().await;
        let pages_max = pages_max.unwrap_or(u32::MAX - 1);
        Ok(open_writer(&mut guard)?.connection.pragma_update(None, "max_page_count", pages_max)?)
    }

    async fn append_all(
        &self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut guard = self.writer.lock().await;
        let writer = open_writer(&mut guard)?;
        match writer.with_room(|writer| writer.append(appends, days, quotas)) {
            Err(StoreError::Full) => writer.append_what_fits(appends, days, quotas),
            other => other,
        }
    }
}

fn open_writer<'w>(guard: &'w mut MutexGuard<'_, Option<Writer>>) -> StoreResult<&'w mut Writer> {
    guard.as_mut().ok_or(StoreError::Closed)
}

/// Runs what may wait for the disk where that keeps nobody else waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> StoreResult<T> + Send + 'static) -> StoreResult<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Database(error.into())))
}

impl Writer {
    fn open(database: Database) -> StoreResult<Self> {
        let mut connection = database.writer()?;
        connection::migrate(&mut connection)?;
        let totals = rows::load_totals(&connection)?;
        let checkpoints = Checkpoints::new(&database)?;
        Ok(Self { database, connection, checkpoints, hot: Hot::default(), totals })
    }

    /// Runs one transaction. After a failure SQLite has rolled it back; where even that failed, nobody can tell what
    /// state the connection is in, and the next transaction has a new one.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Connection, &mut Hot) -> StoreResult<T>) -> StoreResult<T> {
        self.checkpoints.between_batches();
        let changes = self.connection.total_changes();
        let result = work(&mut self.connection, &mut self.hot);
        if result.is_ok() && self.connection.total_changes() != changes {
            self.checkpoints.changed();
        }
        if !self.connection.is_autocommit() {
            self.connection = self.database.writer()?;
        }
        result
    }

    /// Where the disk is full, its log may be what fills it: it is folded into the database, and the work tried again.
    fn with_room<T>(&mut self, mut work: impl FnMut(&mut Self) -> StoreResult<T>) -> StoreResult<T> {
        match work(self) {
            Err(StoreError::Full) => {
                self.checkpoints.truncate()?;
                work(self)
            }
            other => other,
        }
    }

    fn open_mailboxes(
        &mut self,
        opens: &[Open],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Opening, Refused>>> {
        let before = self.totals;
        let opened = self.transact(|connection, hot| open::open_batch(connection, hot, opens, days, quotas, before))?;
        let deleted = self.totals.frame_bytes.saturating_sub(opened.totals.frame_bytes);
        self.checkpoints.opened(opens.len() as u64, deleted);
        self.totals = opened.totals;
        Ok(opened.results)
    }

    fn append(
        &mut self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let before = self.totals;
        let batch =
            self.transact(|connection, hot| append::append_batch(connection, hot, appends, days, quotas, before))?;
        self.committed(appends.len(), batch.totals);
        Ok(batch.results)
    }

    /// Takes note of a commit.
    fn committed(&mut self, rows: usize, totals: Totals) {
        self.checkpoints.committed(rows as u64, totals.frame_bytes.abs_diff(self.totals.frame_bytes));
        self.totals = totals;
    }

    /// Where a whole batch does not fit on the disk, some of it may: repeats, and smaller frames.
    fn append_what_fits(
        &mut self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut results = Vec::with_capacity(appends.len());
        for append in appends {
            match self.append(std::slice::from_ref(append), days, quotas) {
                Ok(one) => results.extend(one),
                Err(StoreError::Full) => results.push(Err(Refused::RelayFull)),
                Err(other) => return Err(other),
            }
        }
        Ok(results)
    }

    fn sweep_step(&mut self, today: ExpiryDay) -> StoreResult<sweep::Step> {
        let before = self.totals;
        let step = self.transact(|connection, _| sweep::step(connection, today, before))?;
        match step {
            sweep::Step::Partial(address, totals) | sweep::Step::Deleted(address, totals) => {
                self.hot.forget(&address);
                self.committed(sweep::FRAMES_PER_STEP as usize, totals);
            }
            sweep::Step::Done => self.checkpoints.truncate()?,
        }
        Ok(step)
    }
}

/// The lock is taken anew for every step, so that appends come in between.
fn sweep_all(writer: &Mutex<Option<Writer>>, today: ExpiryDay) -> StoreResult<u64> {
    let mut swept = 0;
    loop {
        match open_writer(&mut writer.blocking_lock())?.with_room(|writer| writer.sweep_step(today))? {
            sweep::Step::Partial(..) => {}
            sweep::Step::Deleted(..) => swept += 1,
            sweep::Step::Done => return Ok(swept),
        }
    }
}

impl Store for SqliteStore {
    fn open_batch<'a>(
        &'a self,
        opens: &'a [Open],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>> {
        Box::pin(async move {
            let mut guard = self.writer.lock().await;
            open_writer(&mut guard)?.with_room(|writer| writer.open_mailboxes(opens, days, quotas))
        })
    }

    fn append_batch<'a>(
        &'a self,
        appends: &'a [Append],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Appended, Refused>>>> {
        Box::pin(self.append_all(appends, days, quotas))
    }

    fn head(&self, address: MailboxAddress, today: ExpiryDay) -> BoxFuture<'_, StoreResult<Option<Head>>> {
        Box::pin(self.readers.read(move |connection| read::head(connection, &address, today)))
    }

    fn page(
        &self,
        address: MailboxAddress,
        after: Sequence,
        bytes_max: u64,
        today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>> {
        Box::pin(self.readers.read(move |connection| read::page(connection, &address, after, bytes_max, today)))
    }

    fn expiries(&self) -> BoxFuture<'_, StoreResult<Option<(ExpiryDay, ExpiryDay)>>> {
        let writer = self.writer.clone();
        Box::pin(blocking(move || read::expiries(&open_writer(&mut writer.blocking_lock())?.connection)))
    }

    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        let writer = self.writer.clone();
        Box::pin(blocking(move || sweep_all(&writer, today)))
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        Box::pin(self.readers.read(rows::load_totals))
    }

    fn check(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(self.readers.read(read::check))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.readers.close().await;
            let Some(mut writer) = self.writer.lock().await.take() else { return };
            let folded = blocking(move || writer.checkpoints.truncate()).await;
            if let Err(error) = folded {
                tracing::warn!(%error, "the log could not be folded into the database; the next start does it");
            }
        })
    }
}

#[cfg(test)]
mod tests;
