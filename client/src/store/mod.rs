//! A profile's store: one SQLite file under SQLCipher, its key in a vault file beside it.
//!
//! Every file is born 0600, every folder 0700. Whatever belongs to one step is written in one transaction, begun with
//! [`Store::begin`]; two processes of one profile take turns.

pub mod alliances;
pub(crate) mod ends;
pub(crate) mod groups;
pub mod history;
pub mod invitations;
pub(crate) mod kept;
pub mod motions;
pub(crate) mod outbox;
pub(crate) mod profile;
pub(crate) mod reading;
pub(crate) mod recovery;
pub(crate) mod said;
pub mod shown;
mod step;
pub(crate) mod suppressed;
pub(crate) mod tokens;
pub(crate) mod watched;

pub(crate) use step::Step;

use crate::ClientError;
use crate::store::profile::Profile;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use twiza_crypto::vault::{self, StoreKey, VaultCost};
use twiza_crypto::{CryptoError, Random};

const VAULT_FILE: &str = "vault";
const UNFINISHED_VAULT_FILE: &str = "vault.unfinished";
const STORE_FILE: &str = "store.sqlite3";

/// How long one process waits for another's step.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Statements that are kept prepared: more than there are.
const STATEMENTS: usize = 300;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/client");

/// An open store. Its users take turns at its one connection. (A pool of one costs two more ways to the connection's
/// thread and back each time.)
#[derive(Debug)]
pub struct Store {
    connection: Arc<Mutex<SqliteConnection>>,
    folder: PathBuf,
}

impl Store {
    /// Makes a store in a folder that has none.
    ///
    /// # Errors
    /// [`ClientError::ProfileExists`], [`ClientError::File`] or [`ClientError::Store`].
    pub(crate) async fn create(
        folder: &Path,
        passphrase: &str,
        cost: VaultCost,
        random: &Random,
        profile: &Profile,
    ) -> Result<Self, ClientError> {
        let path = folder.join(VAULT_FILE);
        if path.exists() {
            return Err(ClientError::ProfileExists(folder.to_owned()));
        }
        create_private_folder(folder)?;
        let (octets, key) = vault::create(passphrase, cost, random)?;
        let store = Self::connect(folder, &key, true).await?;
        profile::insert(&mut *store.reader().await?, profile).await?;
        // The vault comes last: without it there is no profile, and making one can be tried again.
        // Under its name it is whole: a crash while it is written leaves a file that the next attempt replaces.
        let unfinished = folder.join(UNFINISHED_VAULT_FILE);
        remove_if_there(&unfinished)?;
        write_private_file(&unfinished, &octets)?;
        let named = fs::rename(&unfinished, &path).and_then(|()| fs::File::open(folder)?.sync_all());
        named.map_err(|source| ClientError::File { path, source })?;
        Ok(store)
    }

    /// Opens the store in a folder.
    ///
    /// # Errors
    /// [`ClientError::NoProfile`], [`ClientError::WrongPassphrase`], [`ClientError::File`] or [`ClientError::Store`].
    pub async fn open(folder: &Path, passphrase: &str) -> Result<Self, ClientError> {
        let path = folder.join(VAULT_FILE);
        let octets = match fs::read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ClientError::NoProfile(folder.to_owned()));
            }
            Err(source) => return Err(ClientError::File { path, source }),
        };
        let key = vault::open(&octets, passphrase).map_err(|error| match error {
            CryptoError::Unverified(_) => ClientError::WrongPassphrase,
            CryptoError::Malformed(_) => ClientError::Store("the vault file is damaged".to_owned()),
            other => other.into(),
        })?;
        Self::connect(folder, &key, false).await
    }

    /// Whether a folder has a profile.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(VAULT_FILE).exists()
    }

    /// The folder of this store.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn connect(folder: &Path, key: &StoreKey, create: bool) -> Result<Self, ClientError> {
        let path = folder.join(STORE_FILE);
        if create {
            // A store without a vault is what an interrupted `create` left: nobody has its key.
            remove_if_there(&path)?;
            write_private_file(&path, &[])?;
        }
        let hex = data_encoding::HEXLOWER.encode(key.expose());
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .pragma("key", format!("\"x'{hex}'\""))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        let query = sqlx::query_scalar("pragma cipher_version");
        let cipher: Option<String> = query.fetch_optional(&mut connection).await?;
        if cipher.is_none_or(|version| version.is_empty()) {
            return Err(ClientError::Store("this build has no SQLCipher and would write plaintext".to_owned()));
        }
        MIGRATOR.run(&mut connection).await.map_err(|error| ClientError::Store(error.to_string()))?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), folder: folder.to_owned() })
    }

    /// Begins a step. Nothing of it is kept unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Step, ClientError> {
        Step::begin(self.reader().await?).await
    }

    /// The connection, for reading only.
    pub(crate) async fn reader(&self) -> Result<OwnedMutexGuard<SqliteConnection>, ClientError> {
        let turn = tokio::time::timeout(BUSY_TIMEOUT, self.connection.clone().lock_owned()).await;
        turn.map_err(|_| ClientError::Store("another step of this program does not end".to_owned()))
    }

    /// Asks before each commit to disk; one that is not granted fails and leaves nothing, as if the power had gone.
    #[cfg(feature = "test-utils")]
    pub(crate) async fn decide_commits(
        &self,
        decide: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), ClientError> {
        self.reader().await?.lock_handle().await?.set_commit_hook(decide);
        Ok(())
    }

    /// Closes the store: the write-ahead log is folded in.
    pub async fn close(self) {
        if let Some(connection) = Arc::into_inner(self.connection) {
            // What was committed is on the disk, folded in or not.
            drop(connection.into_inner().close().await);
        }
    }
}

/// The number of the row that an insert made.
pub(crate) async fn last_row(connection: &mut SqliteConnection) -> Result<i64, ClientError> {
    Ok(sqlx::query_scalar("select last_insert_rowid()").fetch_one(connection).await?)
}

/// A column whose value is not what this program writes.
pub(crate) fn corrupt(table: &'static str, column: &'static str, row: i64) -> ClientError {
    ClientError::Store(format!("{table}.{column} of row {row} is not valid"))
}

fn create_private_folder(path: &Path) -> Result<(), ClientError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| ClientError::File { path: path.to_owned(), source })
}

pub(crate) fn write_private_file(path: &Path, octets: &[u8]) -> Result<(), ClientError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(octets).and_then(|()| file.sync_all()));
    written.map_err(|source| ClientError::File { path: path.to_owned(), source })
}

fn remove_if_there(path: &Path) -> Result<(), ClientError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ClientError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
