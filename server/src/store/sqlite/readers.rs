//! A few reading connections. Each statement sees one snapshot, and never waits for the writer.

use super::connection::Database;
use super::{StoreError, StoreResult};
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

const READERS_MAX: u32 = 4;

#[derive(Debug)]
pub(super) struct Readers {
    database: Database,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(database: Database) -> Self {
        Self { database, idle: Arc::default(), permits: Arc::new(Semaphore::new(READERS_MAX as usize)) }
    }

    /// Runs one statement on a thread that may wait for the disk. Requests beyond the connections wait their turn.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (database, idle) = (self.database.clone(), self.idle.clone());
        super::blocking(move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = taken.map_or_else(|| database.reader(), Ok)?;
            let result = statement(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            result
        })
        .await
    }

    /// Waits for reads to end and closes the connections.
    pub(super) async fn close(&self) {
        drop(self.permits.acquire_many(READERS_MAX).await);
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
