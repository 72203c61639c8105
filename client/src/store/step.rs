//! One step on the store: all of it is kept, or nothing.

use crate::ClientError;
use sqlx::{Database, SqlSafeStr, Sqlite, SqliteConnection};
use sqlx_core::transaction::TransactionManager;
use std::ops::{Deref, DerefMut};
use tokio::sync::OwnedMutexGuard;

/// Takes the turn among processes at once, so that nobody has to give up what it has read.
const BEGIN: &str = "begin immediate";

type Transactions = <Sqlite as Database>::TransactionManager;

/// A transaction that may write. Dropped without [`Step::commit`], it is rolled back.
#[derive(Debug)]
pub(crate) struct Step {
    connection: OwnedMutexGuard<SqliteConnection>,
    open: bool,
}

impl Step {
    pub(super) async fn begin(mut connection: OwnedMutexGuard<SqliteConnection>) -> Result<Self, ClientError> {
        let begun = Transactions::begin(&mut connection, Some(BEGIN.into_sql_str())).await;
        if let Err(sqlx::Error::InvalidSavePointStatement) = begun {
            // A commit failed (the disk was full, say), SQLite gave the transaction up by itself, and sqlx counts it still:
            // it is given something to roll back.
            drop(sqlx::query("begin").execute(&mut *connection).await);
            Transactions::rollback(&mut connection).await?;
            Transactions::begin(&mut connection, Some(BEGIN.into_sql_str())).await?;
        } else {
            begun?;
        }
        Ok(Self { connection, open: true })
    }

    pub(crate) async fn commit(mut self) -> Result<(), ClientError> {
        Transactions::commit(&mut self.connection).await?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Step {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Step {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.open {
            // Whatever is asked of the connection next waits for it.
            Transactions::start_rollback(&mut self.connection);
        }
    }
}
