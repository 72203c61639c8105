//! The database is restarted, and crashes, under load: whoever comes meanwhile is told to come back, and nothing is lost.

use super::Shared;
use super::load::Load;
use std::sync::Arc;
use twiza_test_postgres::Cluster;

const ACKNOWLEDGED: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_is_survived() {
    let Some(cluster) = Cluster::own() else { return };
    let shared = Shared::on(Arc::new(cluster));
    let nodes = [shared.node().await, shared.node().await];
    let ways: Vec<_> = nodes.iter().map(|node| node.client.clone()).collect();
    // No connection to a node breaks.
    let mut load = Load::start(&ways, 0).await;
    load.acknowledged(ACKNOWLEDGED).await;
    let outages: [fn(&Cluster); 3] = [
        Cluster::restart,
        |cluster| {
            cluster.crash();
            cluster.start_again();
        },
        Cluster::restart,
    ];
    for outage in outages {
        let cluster = shared.cluster.clone();
        tokio::task::spawn_blocking(move || outage(&cluster)).await.unwrap();
        load.acknowledged(ACKNOWLEDGED).await;
    }
    load.stop().await;
    for node in &nodes {
        load.check(&node.client).await;
    }
    for node in nodes {
        node.stop().await;
    }
}
