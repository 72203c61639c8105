//! The server's limit: rows into a bare table, by arrays, each statement a durable transaction.

use crate::load::frame;
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};
use std::time::Instant;

const TABLE: &str = "\
    create table raw (id bigint generated always as identity primary key, octets bytea not null);
    alter table raw alter column octets set storage external;";

/// Rows a second, on these connections together.
pub(crate) async fn insert(url: &str, connections: usize, batches: usize, batch: usize) -> f64 {
    let mut first = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(TABLE).execute(&mut first).await.unwrap();
    let mut open = vec![first];
    for _ in 1..connections {
        open.push(PgConnection::connect(url).await.unwrap());
    }
    let started = Instant::now();
    let inserting = open.into_iter().map(|connection| tokio::spawn(insert_batches(connection, batches, batch)));
    join_all(inserting).await.into_iter().for_each(|inserted| inserted.unwrap());
    (connections * batches * batch) as f64 / started.elapsed().as_secs_f64()
}

async fn insert_batches(mut connection: PgConnection, batches: usize, batch: usize) {
    for count in 0..batches {
        let rows: Vec<_> = (count * batch..(count + 1) * batch).map(frame).collect();
        let octets: Vec<&[u8]> = rows.iter().map(|row| &row[..]).collect();
        let statement = sqlx::query("insert into raw (octets) select unnest($1::bytea[])").bind(octets);
        statement.execute(&mut connection).await.unwrap();
    }
}
