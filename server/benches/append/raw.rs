//! The disk's limit: rows into a bare table, by prepared statement, with the relay's durability.

use crate::load::frame;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::time::{Duration, Instant};

fn table(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("raw.sqlite3")).unwrap();
    connection.pragma_update(None, "page_size", 4096).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.pragma_update(None, "synchronous", "full").unwrap();
    connection.execute_batch("create table frame (id integer primary key, octets blob not null) strict").unwrap();
    connection
}

fn insert_rows(connection: &mut Connection, rows: std::ops::Range<usize>) {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut insert = transaction.prepare_cached("insert into frame (octets) values (?)").unwrap();
    for row in rows {
        insert.execute([&frame(row)[..]]).unwrap();
    }
    drop(insert);
    transaction.commit().unwrap();
}

/// Rows a second, this many in each transaction.
pub(crate) fn insert(folder: &Path, rows: usize, batch: usize) -> f64 {
    let mut connection = table(folder);
    let started = Instant::now();
    for first in (0..rows).step_by(batch) {
        insert_rows(&mut connection, first..rows.min(first + batch));
    }
    rows as f64 / started.elapsed().as_secs_f64()
}

/// How long each of these single rows takes.
pub(crate) fn single_rows(folder: &Path, rows: usize) -> Vec<Duration> {
    let mut connection = table(folder);
    let timed = |row| {
        let started = Instant::now();
        insert_rows(&mut connection, row..row + 1);
        started.elapsed()
    };
    (0..rows).map(timed).collect()
}
