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
mod open;
pub(crate) mod parcel;
mod read;
mod readers;
mod rows;
mod sweep;
mod upkeep;

use super::{
    Append, Appended, Days, Head, Opening, Page, Quotas, Refused, Store, StoreError, StoreResult, Totals,
    placement::Mailbox,
};
use checkpoint::Checkpoints;
use connection::Database;
use futures_util::future::BoxFuture;
use readers::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};
use twiza_protocol::{ExpiryDay, MailboxAddress, Sequence};
pub use upkeep::SqliteUpkeep;

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
    /// Octets of frames in all mailboxes.
    relay_bytes: u64,
    /// Mailboxes, expired ones that are not swept yet included.
    mailboxes: u64,
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
        match writer.append(appends, days, quotas) {
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
        let Totals { mailboxes, frame_bytes } = read::totals(&connection)?;
        let checkpoints = Checkpoints::new(&database)?;
        Ok(Self { database, connection, checkpoints, relay_bytes: frame_bytes, mailboxes })
    }

    /// Runs one transaction. After a failure SQLite has rolled it back; where even that failed, nobody can tell what
    /// state the connection is in, and the next transaction has a new one.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Connection) -> StoreResult<T>) -> StoreResult<T> {
        let result = work(&mut self.connection);
        if !self.connection.is_autocommit() {
            self.connection = self.database.writer()?;
        }
        result
    }

    fn open_mailboxes(
        &mut self,
        addresses: &[MailboxAddress],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Opening, Refused>>> {
        let before = self.mailboxes;
        let opened = self.transact(|connection| open::open_batch(connection, addresses, days, quotas, before))?;
        self.mailboxes = opened.mailboxes;
        self.relay_bytes = self.relay_bytes.saturating_sub(opened.bytes_deleted);
        self.checkpoints.committed(addresses.len() as u64, opened.bytes_deleted);
        Ok(opened.results)
    }

    fn append(
        &mut self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        self.checkpoints.between_batches();
        let before = self.relay_bytes;
        let batch = self.transact(|connection| append::append_batch(connection, appends, days, quotas, before))?;
        self.relay_bytes = batch.relay_bytes;
        self.checkpoints.committed(appends.len() as u64, batch.relay_bytes - before);
        Ok(batch.results)
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
        self.checkpoints.between_batches();
        let step = self.transact(|connection| sweep::step(connection, today))?;
        match step {
            sweep::Step::Partial { bytes } => self.checkpoints.committed(sweep::FRAMES_PER_STEP, bytes),
            sweep::Step::Deleted { bytes } => {
                self.relay_bytes = self.relay_bytes.saturating_sub(bytes);
                self.mailboxes = self.mailboxes.saturating_sub(1);
                self.checkpoints.committed(sweep::FRAMES_PER_STEP, 0);
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
        match open_writer(&mut writer.blocking_lock())?.sweep_step(today)? {
            sweep::Step::Partial { .. } => {}
            sweep::Step::Deleted { .. } => swept += 1,
            sweep::Step::Done => return Ok(swept),
        }
    }
}

impl Store for SqliteStore {
    fn open_batch<'a>(
        &'a self,
        addresses: &'a [MailboxAddress],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>> {
        Box::pin(async move { open_writer(&mut self.writer.lock().await)?.open_mailboxes(addresses, days, quotas) })
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

    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        let writer = self.writer.clone();
        Box::pin(blocking(move || sweep_all(&writer, today)))
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        Box::pin(self.readers.read(read::totals))
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
