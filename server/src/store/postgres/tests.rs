//! PostgreSQL's part: the contract, and what is peculiar to a server with several writers.

use super::*;
use crate::store::contract;
use twiza_test_postgres::Cluster;

fn key() -> RelayKey {
    RelayKey::from_bytes([7; 32])
}

async fn store(url: &str) -> PostgresStore {
    PostgresStore::open(&url.parse().unwrap(), &key()).await.unwrap()
}

#[tokio::test]
async fn postgres_keeps_the_contract() {
    let Some(cluster) = Cluster::shared() else { return };
    contract::check(async || Arc::new(store(&cluster.database()).await) as Arc<dyn Store>).await;
}
