//! Opening the database file, and bringing it to the present schema.

use super::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages of 4 KiB that the writing connection keeps: a batch touches pages all over the database, because slots are
/// random.
const WRITER_CACHE_PAGES: u32 = 4096;

/// One file per step, in order. A database remembers in `user_version` how many it has had.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../../../migrations/relay/sqlite/0001_mailboxes.sql"),
    include_str!("../../../../migrations/relay/sqlite/0002_tails.sql"),
    include_str!("../../../../migrations/relay/sqlite/0003_spent_tokens.sql"),
];

/// A database file, and how to connect to it.
#[derive(Debug, Clone)]
pub(super) struct Database {
    file: PathBuf,
}

impl Database {
    pub(super) fn at(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// A connection that changes things. What its commits returned from is on the disk.
    pub(super) fn writer(&self) -> StoreResult<Connection> {
        let connection = self.connect()?;
        // Deleted octets are overwritten, and not only forgotten.
        connection.pragma_update(None, "secure_delete", "on")?;
        connection.pragma_update(None, "cache_size", WRITER_CACHE_PAGES)?;
        // `checkpoint.rs` does it, while nobody waits for an answer.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    }

    /// A connection that changes nothing.
    pub(super) fn reader(&self) -> StoreResult<Connection> {
        let connection = self.connect()?;
        connection.pragma_update(None, "query_only", "on")?;
        Ok(connection)
    }

    fn connect(&self) -> StoreResult<Connection> {
        // The file has to be there: its permissions are the caller's choice, and SQLite gives them to the log too.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "page_size", 4096)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Temporary files would outlive what is deleted.
        connection.pragma_update(None, "temp_store", "memory")?;
        Ok(connection)
    }
}

/// Applies the migrations that a database has not had. Each is one transaction with its number.
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let applied: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if applied > MIGRATIONS.len() {
        return Err(StoreError::Newer);
    }
    if applied == MIGRATIONS.len() {
        // Nothing is written, and no start waits for the disk.
        return Ok(());
    }
    for migration in &MIGRATIONS[applied..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}
