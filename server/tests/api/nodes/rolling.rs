//! Nodes are stopped and started one after the other, behind one address: nobody who uses it sees an error.

use super::Shared;
use super::balancer::balance;
use super::load::{Load, MAILBOXES};
use crate::crash::{Program, relay};
use crate::harness::{TestClient, Watching, key};
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;
use twiza_protocol::{Record, Sequence};

const ROUNDS: usize = 2;
const ACKNOWLEDGED: usize = 100;

/// A node that is just leaving hangs up on whoever is just connecting, and a client then tries once more, as
/// `client/src/relay/http` does.
const BROKEN_MAX: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_is_not_noticed() {
    let Some(shared) = Shared::new() else { return };
    let data = shared.folder.path().join("program");
    assert!(relay(&["init", "--listen", "127.0.0.1:0"], &data).output().unwrap().status.success());
    let serve = |listen: &str| Program::serve(&data, &["--database", &shared.url, "--listen", listen]);
    let mut nodes = [serve("127.0.0.1:0"), serve("127.0.0.1:0")];
    let listens = nodes.each_ref().map(|node| SocketAddr::from(([127, 0, 0, 1], node.port)));
    let entrance = balance(listens.to_vec()).await;
    let client = nodes[0].client.at(entrance);

    let mut load = Load::start(std::slice::from_ref(&client), BROKEN_MAX).await;
    let end = CancellationToken::new();
    let watchers: Vec<_> =
        (0..MAILBOXES).map(|mailbox| tokio::spawn(follow(client.clone(), mailbox, end.clone()))).collect();
    for _ in 0..ROUNDS {
        for (node, listen) in nodes.iter_mut().zip(listens) {
            load.acknowledged(ACKNOWLEDGED).await;
            node.terminate();
            load.acknowledged(ACKNOWLEDGED).await;
            *node = serve(&listen.to_string());
        }
    }
    load.stop().await;
    load.check(&client).await;
    end.cancel();
    for watcher in watchers {
        watcher.await.unwrap();
    }
}

/// Watches a mailbox for as long as it takes, again after each end, and misses nothing. At the end, it has all.
async fn follow(client: TestClient, mailbox: u8, end: CancellationToken) {
    let (key, mut place) = (key(mailbox), 0);
    loop {
        let Ok(answer) = client.try_watch(vec![client.entry(&key, place)]).await else { continue };
        let mut watching = Watching::new(answer);
        loop {
            let record = tokio::select! {
                record = watching.next() => record,
                () = end.cancelled() => {
                    let last = crate::crash::stored(&client, mailbox).await.len() as u64;
                    while place < last {
                        place = next_place(watching.next().await, place);
                    }
                    return;
                }
            };
            if record.is_none() {
                break;
            }
            place = next_place(record, place);
        }
    }
}

fn next_place(record: Option<Record>, place: u64) -> u64 {
    match record {
        Some(Record::Frame { sequence, .. }) => {
            assert_eq!(sequence, Sequence(place + 1), "in order, and each once");
            place + 1
        }
        Some(Record::Head { .. }) => place,
        other => panic!("{other:?}"),
    }
}
