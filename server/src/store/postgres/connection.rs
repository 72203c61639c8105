//! Connecting, and bringing the database to the present schema.

use super::url::DatabaseUrl;
use super::{StoreError, StoreResult};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::time::Duration;
use tokio::time::timeout;
use twiza_protocol::RelayKey;

/// Connections of one node, beside the one that listens: one writes, one sweeps at times, the others read.
const CONNECTIONS_MAX: u32 = 7;

/// How long a request waits for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long an answer may take, before the way to the database counts as lost. A lost machine says nothing itself.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// One node brings the schema up to date while others wait. Any number would do.
const MIGRATION_LOCK: i64 = 0x7477_697a_6101;

/// One file per step, in order. The database remembers in `schema_version` how many it has had.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../../../migrations/relay/postgres/0001_mailboxes.sql"),
    include_str!("../../../../migrations/relay/postgres/0002_tails.sql"),
    include_str!("../../../../migrations/relay/postgres/0003_spent_tokens.sql"),
];

/// What a connection is set to, whatever the server's defaults are. Why:
/// - what is confirmed has to be on the disk; where the server goes further than that, with standbys, it stays so;
/// - each statement has to see what was committed before it;
/// - a plan that was good for an empty table is not good for a full one, and making one anew for each batch is dear:
///   the statements here have one good plan each, whatever is in the tables;
/// - a batch of large frames would go through temporary files, which would outlive what is deleted.
const SESSION: &str = "\
    select set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'off' then 'on' else current_setting('synchronous_commit') end, false);
    set default_transaction_isolation = 'read committed';
    set enable_seqscan = off;
    set jit = off;
    set plan_cache_mode = force_generic_plan;
    set work_mem = '128MB';";

/// The connections of a node. None is made before it is needed.
pub(super) fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECT_TIME_MAX)
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SESSION).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(options)
}

/// How to connect. Statements are not logged: they are not ours to tell.
pub(super) fn options(url: &DatabaseUrl) -> StoreResult<PgConnectOptions> {
    let options = url.options().map_err(|error| StoreError::Database(error.into()))?;
    Ok(options.application_name("twiza-relay").disable_statement_logging())
}

/// Checks that the server keeps what it confirms, brings the schema up to date, and makes sure that all nodes on this
/// database are one relay.
pub(super) async fn prepare(options: &PgConnectOptions, key: &RelayKey) -> StoreResult<()> {
    let connecting = timeout(CONNECT_TIME_MAX, PgConnection::connect_with(options)).await;
    let mut connection = connecting.map_err(|late| StoreError::Away(late.into()))??;
    check_durability(&mut connection).await?;
    migrate(&mut connection).await?;
    claim(&mut connection, key).await?;
    Ok(connection.close().await?)
}

async fn check_durability(connection: &mut PgConnection) -> StoreResult<()> {
    for setting in ["fsync", "full_page_writes"] {
        let value: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&mut *connection).await?;
        if value != "on" {
            return Err(StoreError::NotDurable(setting));
        }
    }
    Ok(())
}

/// Applies the migrations that the database has not had, in one transaction.
async fn migrate(connection: &mut PgConnection) -> StoreResult<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *transaction).await?;
    sqlx::query("create table if not exists schema_version (version integer primary key)")
        .execute(&mut *transaction)
        .await?;
    let applied: i64 = sqlx::query_scalar("select count(*) from schema_version").fetch_one(&mut *transaction).await?;
    let applied = usize::try_from(applied).unwrap_or_default();
    if applied > MIGRATIONS.len() {
        return Err(StoreError::Newer);
    }
    for (migration, version) in MIGRATIONS.iter().zip(1_i32..).skip(applied) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        sqlx::query("insert into schema_version values ($1)").bind(version).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// The first node writes down whose database it is.
async fn claim(connection: &mut PgConnection, key: &RelayKey) -> StoreResult<()> {
    sqlx::query("insert into relay (public_key) values ($1) on conflict do nothing")
        .bind(&key.as_bytes()[..])
        .execute(&mut *connection)
        .await?;
    let owner: Vec<u8> = sqlx::query_scalar("select public_key from relay").fetch_one(connection).await?;
    if owner == key.as_bytes() { Ok(()) } else { Err(StoreError::OtherRelay) }
}
