//! The way by which nodes hear of each other is cut, or the database goes away: nobody misses anything.

use super::{Shared, next_frame};
use crate::harness::{Watching, frame, key};
use twiza_protocol::{Record, Sequence};

#[tokio::test]
async fn what_comes_while_a_node_is_deaf_reaches_its_watchers_all_the_same() {
    let Some(shared) = Shared::new() else { return };
    let (here, there, key) = (shared.node().await, shared.node().await, key(1));
    here.client.open(&key, "").await;
    let mut watching = Watching::new(there.client.watch(vec![there.client.entry(&key, 0)]).await);
    assert!(matches!(watching.next().await, Some(Record::Head { .. })));
    let mut place = 0;
    for _ in 0..3 {
        // Heard for certain: the way is there.
        place += 1;
        here.client.append(&key, frame(place), false).await;
        expect(&mut watching, place).await;

        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where query like 'LISTEN%' and datname = current_database()";
        // One node or both: the one that watched listens for certain, the other may still be on its way back.
        assert_ne!(shared.cluster.execute(&shared.url, cut), "0");
        place += 1;
        here.client.append(&key, frame(place), false).await;
        expect(&mut watching, place).await;
    }
    here.stop().await;
    there.stop().await;
}

async fn expect(watching: &mut Watching, place: u8) {
    assert_eq!(next_frame(watching).await, (Sequence(u64::from(place)), frame(place)));
}
