//! The store on PostgreSQL: any number of relay nodes on one database.
//!
//! ```text
//! one writing connection ── load or remember, decide, write where nothing has changed: see append.rs
//! a few others           ── each statement sees one moment, and never waits for a writer
//! one that listens       ── what other nodes stored: see listener.rs
//! ```
//!
//! A connection that is lost, or does not answer, is replaced, and what was under way is done once more: everything here
//! may be repeated. Where that fails too, the store is *away*, which passes.

mod append;
mod connection;
mod error;
mod listener;
mod open;
mod read;
mod remembered;
mod rows;
mod sweep;
mod url;

use super::{
    Append, Appended, Days, Entry, Head, News, Open, Opening, Page, Quotas, Refused, Store, StoreError, StoreResult,
    Totals,
};
use connection::ANSWER_TIME_MAX;
use data_encoding::BASE64URL_NOPAD;
use futures_util::future::BoxFuture;
use listener::Listener;
use remembered::Remembered;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use twiza_protocol::{ExpiryDay, MailboxAddress, RelayKey, Sequence};

pub use url::{DatabaseUrl, DatabaseUrlError};

/// Parts of the totals that nodes write to.
const PARTS: u64 = 64;

/// What is lost with its connection is done once more on another.
const ATTEMPTS: usize = 2;

/// Mailboxes in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    node: Node,
    writer: Mutex<Writer>,
    listener: Mutex<Listener>,
}

/// One of the relay's processes.
#[derive(Debug, Clone)]
struct Node {
    name: NodeName,
    /// The part of the totals that it writes to. Two nodes of one part wait for each other, and nothing worse.
    part: i16,
}

/// A random name, by which a node knows its own news. Where it cannot know what came of a write, it takes the next one:
/// what it did under its old name is then news to itself, whenever that comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NodeName([u8; 6]);

impl NodeName {
    fn random() -> StoreResult<Self> {
        let mut name = [0; 6];
        getrandom::fill(&mut name).map_err(StoreError::Randomness)?;
        Ok(Self(name))
    }

    fn next(self) -> Self {
        let mut number = [0; 8];
        number[2..].copy_from_slice(&self.0);
        let [_, _, next @ ..] = u64::from_be_bytes(number).wrapping_add(1).to_be_bytes();
        Self(next)
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// The writing connection, once there is one.
#[derive(Debug)]
struct Writer {
    pool: PgPool,
    node: Node,
    connection: Option<PoolConnection<Postgres>>,
    /// Tells the listener the node's name.
    name: watch::Sender<NodeName>,
    remembered: Remembered,
}

impl PostgresStore {
    /// Connects to a database, brings it to the present schema, and claims it for the relay with this key.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be reached, does not keep what it confirms, or is another relay's.
    pub async fn open(url: &DatabaseUrl, key: &RelayKey) -> StoreResult<Self> {
        let options = connection::options(url)?;
        connection::prepare(&options, key).await?;
        let pool = connection::pool(options.clone());
        let part = getrandom::u64().map_err(StoreError::Randomness)? % PARTS;
        let node = Node { name: NodeName::random()?, part: part as i16 };
        let (name, names) = watch::channel(node.name);
        let listener = Mutex::new(Listener::new(options, names));
        let writer = Writer {
            pool: pool.clone(),
            node: node.clone(),
            connection: None,
            name,
            remembered: Remembered::default(),
        };
        let writer = Mutex::new(writer);
        Ok(Self { pool, node, writer, listener })
    }

    async fn append_all(
        &self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut writer = self.writer.lock().await;
        match writer.append(appends, days, quotas).await {
            Err(StoreError::Full) => {}
            other => return other,
        }
        // Where a whole batch does not fit on the disk, some of it may: repeats, and smaller frames.
        let mut results = Vec::with_capacity(appends.len());
        for append in appends {
            match writer.append(std::slice::from_ref(append), days, quotas).await {
                Ok(one) => results.extend(one),
                Err(StoreError::Full) => results.push(Err(Refused::RelayFull)),
                Err(other) => return Err(other),
            }
        }
        Ok(results)
    }

    /// Runs one statement that reads.
    async fn read<T>(
        &self,
        statement: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>>,
    ) -> StoreResult<T> {
        let mut result = Err(StoreError::Closed);
        for _ in 0..ATTEMPTS {
            let mut connection = self.pool.acquire().await?;
            result = in_time(statement(&mut connection)).await;
            if !matches!(result, Err(StoreError::Away(_))) {
                break;
            }
            connection.close_on_drop();
        }
        result
    }
}

impl Writer {
    async fn append(
        &mut self,
        appends: &[Append],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Appended, Refused>>> {
        let mut result = Err(StoreError::Closed);
        for _ in 0..ATTEMPTS {
            let mut connection = self.connect().await?;
            let (node, remembered) = (&self.node, &mut self.remembered);
            result = in_time(append::append_batch(&mut connection, appends, days, quotas, node, remembered)).await;
            if self.keep(connection, &result) {
                break;
            }
        }
        result
    }

    async fn open(
        &mut self,
        opens: &[Open],
        days: Days,
        quotas: &Quotas,
    ) -> StoreResult<Vec<Result<Opening, Refused>>> {
        let mut result = Err(StoreError::Closed);
        for _ in 0..ATTEMPTS {
            let mut connection = self.connect().await?;
            result = in_time(open::open_batch(&mut connection, opens, days, quotas, &self.node)).await;
            if self.keep(connection, &result) {
                break;
            }
        }
        result
    }

    async fn connect(&mut self) -> StoreResult<PoolConnection<Postgres>> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(self.pool.acquire().await?),
        }
    }

    /// A connection that failed is used no more, and what was remembered is doubted. Whatever was not answered as asked may be done in
    /// part, or yet be done, and this node's watchers were not told.
    fn keep<T>(&mut self, mut connection: PoolConnection<Postgres>, result: &StoreResult<T>) -> bool {
        let has_answered = !matches!(result, Err(StoreError::Away(_)));
        if result.is_err() {
            self.remembered = Remembered::default();
            self.node.name = self.node.name.next();
            self.name.send_replace(self.node.name);
        }
        if has_answered {
            self.connection = Some(connection);
        } else {
            connection.close_on_drop();
        }
        has_answered
    }
}

/// Waits for an answer, but not for ever.
async fn in_time<T>(work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    timeout(ANSWER_TIME_MAX, work).await.unwrap_or_else(|late| Err(StoreError::Away(late.into())))
}

impl Store for PostgresStore {
    fn open_batch<'a>(
        &'a self,
        opens: &'a [Open],
        days: Days,
        quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>> {
        Box::pin(async move { self.writer.lock().await.open(opens, days, quotas).await })
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
        Box::pin(async move { self.read(move |connection| Box::pin(read::head(connection, address, today))).await })
    }

    fn page(
        &self,
        address: MailboxAddress,
        after: Sequence,
        bytes_max: u64,
        today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>> {
        Box::pin(async move {
            self.read(move |connection| Box::pin(read::page(connection, address, after, bytes_max, today))).await
        })
    }

    fn expiries(&self) -> BoxFuture<'_, StoreResult<Option<(ExpiryDay, ExpiryDay)>>> {
        Box::pin(async move { self.read(|connection| Box::pin(read::expiries(connection))).await })
    }

    fn sweep(&self, today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        Box::pin(async move {
            let mut connection = self.pool.acquire().await?;
            let swept = sweep::sweep(&mut connection, today, &self.node).await;
            if let Err(StoreError::Away(_)) = swept {
                connection.close_on_drop();
            }
            swept
        })
    }

    fn news(&self) -> BoxFuture<'_, News> {
        Box::pin(async move { self.listener.lock().await.next().await })
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        Box::pin(async move { self.read(|connection| Box::pin(read::totals(connection))).await })
    }

    fn check(&self) -> BoxFuture<'_, StoreResult<()>> {
        Box::pin(async move { self.read(|connection| Box::pin(read::check(connection))).await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.listener.lock().await.close();
            self.writer.lock().await.connection = None;
            self.pool.close().await;
        })
    }
}

#[cfg(test)]
mod tests;
