//! The store on SQLite: one file, nothing to install.
//!
//! ```text
//! one writing connection ── begin immediate … commit (write-ahead log, synced at every commit)
//! a few reading connections ── each statement sees one snapshot, and never waits for the writer
//! ```

mod append;
mod error;
mod open;
mod read;
mod rows;
mod sweep;

use super::{
    Append, Appended, Days, Head, Opening, Page, Refused, Store, StoreError, StoreResult, Totals, placement::Mailbox,
};
use futures_util::future::BoxFuture;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use twiza_protocol::{ExpiryDay, Limits, MailboxAddress, Sequence};

const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows that SQLite may read ahead of a page: bounded, because a row may be a megabyte.
const ROWS_READ_AHEAD: usize = 8;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/relay/sqlite");

/// Mailboxes in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writing: SqliteConnectOptions,
    writer: Mutex<Writer>,
}

/// The writing connection, and what only it changes.
#[derive(Debug)]
struct Writer {
    /// Absent after a failure that may have left it in an unknown state.
    connection: Option<SqliteConnection>,
    /// Octets of frames in all mailboxes.
    relay_bytes: u64,
    /// A limit that stands in for a full disk.
    pages_max: Option<u32>,
}

impl SqliteStore {
    /// Opens the database file, and brings it to the present schema. The file must exist (it may be empty), so that
    /// its permissions are the caller's choice; SQLite gives them to the log beside it, too.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be opened or is no such database.
    pub async fn open(file: &Path) -> StoreResult<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .page_size(4096)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_READ_AHEAD)
            .disable_statement_logging();
        // Deleted octets are overwritten, and not only forgotten; temporary files would outlive that.
        let writing = options.clone().pragma("secure_delete", "on").pragma("temp_store", "memory");
        let mut connection = writing.connect().await?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| StoreError::Database(error.into()))?;
        // The migration table would tell the second at which the relay was set up.
        sqlx::query("update _sqlx_migrations set installed_on = '1970-01-01 00:00:00', execution_time = 0")
            .execute(&mut connection)
            .await?;
        let relay_bytes: i64 =
            sqlx::query_scalar("select coalesce(sum(frame_bytes), 0) from mailbox").fetch_one(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.pragma("query_only", "on").pragma("temp_store", "memory"))
            .await?;
        let writer = Writer { connection: Some(connection), relay_bytes: rows::count(relay_bytes)?, pages_max: None };
        Ok(Self { readers, writing, writer: Mutex::new(writer) })
    }

    /// Refuses to let the database grow beyond this many pages of 4 KiB, as a full disk would. For tests of what
    /// happens then; `None` lifts it.
    ///
    /// # Errors
    /// [`StoreError`] where the database fails.
    pub async fn limit_pages(&self, pages_max: Option<u32>) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        writer.pages_max = pages_max;
        // The next connection has the new limit.
        Self::recover(&mut writer).await;
        self.connection(&mut writer).await?;
        Ok(())
    }

    async fn connection<'w>(&self, writer: &'w mut MutexGuard<'_, Writer>) -> StoreResult<&'w mut SqliteConnection> {
        let connection = match writer.connection.take() {
            Some(connection) => connection,
            None => self.connect(writer.pages_max).await?,
        };
        Ok(writer.connection.insert(connection))
    }

    async fn connect(&self, pages_max: Option<u32>) -> StoreResult<SqliteConnection> {
        let options = match pages_max {
            Some(pages_max) => self.writing.clone().pragma("max_page_count", pages_max.to_string()),
            None => self.writing.clone(),
        };
        Ok(options.connect().await?)
    }

    /// Gives the writing connection up after a failure: SQLite may have rolled the transaction back on its own (it
    /// does on a full disk), and sqlx would not know.
    async fn recover(writer: &mut MutexGuard<'_, Writer>) {
        if let Some(connection) = writer.connection.take() {
            drop(connection.close().await);
        }
    }

    async fn open_all(&self, addresses: &[MailboxAddress], days: Days) -> StoreResult<Vec<Opening>> {
        let mut writer = self.writer.lock().await;
        let result = open::open_batch(self.connection(&mut writer).await?, addresses, days).await;
        match result {
            Ok(opened) => {
                writer.relay_bytes = writer.relay_bytes.saturating_sub(opened.bytes_deleted);
                Ok(opened.openings)
            }
            Err(error) => {
                Self::recover(&mut writer).await;
                Err(error)
            }
        }
    }

    async fn append_all(
        &self,
        appends: &[Append],
        days: Days,
        limits: &Limits,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut writer = self.writer.lock().await;
        let relay_bytes = writer.relay_bytes;
        let result =
            append::append_batch(self.connection(&mut writer).await?, appends, days, limits, relay_bytes).await;
        match result {
            Ok(batch) => {
                writer.relay_bytes = batch.relay_bytes;
                Ok(batch.results)
            }
            Err(error) => {
                Self::recover(&mut writer).await;
                Err(error)
            }
        }
    }

    /// Where a whole batch does not fit on the disk, some of it may: repeats, and smaller frames.
    async fn append_what_fits(
        &self,
        appends: &[Append],
        days: Days,
        limits: &Limits,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut results = Vec::with_capacity(appends.len());
        for append in appends {
            match self.append_all(std::slice::from_ref(append), days, limits).await {
                Ok(one) => results.extend(one),
                Err(StoreError::Full) => results.push(Err(Refused::RelayFull)),
                Err(other) => return Err(other),
            }
        }
        Ok(results)
    }

    async fn sweep_all(&self, today: ExpiryDay) -> StoreResult<u64> {
        let mut swept = 0;
        loop {
            // The lock is taken anew for every step, so that appends come in between.
            let mut writer = self.writer.lock().await;
            match sweep::step(self.connection(&mut writer).await?, today).await {
                Ok(sweep::Step::Partial) => {}
                Ok(sweep::Step::Deleted { bytes }) => {
                    writer.relay_bytes = writer.relay_bytes.saturating_sub(bytes);
                    swept += 1;
                }
                Ok(sweep::Step::Done) => {
                    sweep::checkpoint(self.connection(&mut writer).await?).await?;
                    return Ok(swept);
                }
                Err(error) => {
                    Self::recover(&mut writer).await;
                    return Err(error);
                }
            }
        }
    }
}

impl Store for SqliteStore {
    fn open_batch<'a>(
        &'a self,
        addresses: &'a [MailboxAddress],
        days: Days,
    ) -> BoxFuture<'a, StoreResult<Vec<Opening>>> {
        Box::pin(self.open_all(addresses, days))
    }

    fn append_batch<'a>(
        &'a self,
        appends: &'a [Append],
        days: Days,
        limits: &'a Limits,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Appended, Refused>>>> {
        Box::pin(async move {
            match self.append_all(appends, days, limits).await {
                Err(StoreError::Full) => self.append_what_fits(appends, days, limits).await,
                other => other,
            }
        })
    }

    fn head(&self, address: MailboxAddress, today: ExpiryDay) -> BoxFuture<'_, StoreResult<Option<Head>>> {
        Box::pin(read::head(&self.readers, address, today))
    }

    fn page(
        &self,
        address: MailboxAddress,
        after: Sequence,
        bytes_max: u64,
        today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>> {
        Box::pin(read::page(&self.readers, address, after, bytes_max, today))
    }

    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        Box::pin(self.sweep_all(today))
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        Box::pin(read::totals(&self.readers))
    }

    fn check(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(read::check(&self.readers))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.readers.close().await;
            let connection = self.writer.lock().await.connection.take();
            if let Some(mut connection) = connection {
                if let Err(error) = sweep::checkpoint(&mut connection).await {
                    tracing::warn!(%error, "the log could not be folded into the database; the next start does it");
                }
                drop(connection.close().await);
            }
        })
    }
}

#[cfg(test)]
mod tests;
