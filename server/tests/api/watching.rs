//! Watching: backlog, live frames, closing, refusals, heartbeats, the end.

use crate::harness::{Watching, frame, key, relay};
use twiza_protocol::{ProblemCode, Record, Sequence};

fn place(record: Option<Record>) -> (u16, u64) {
    match record {
        Some(Record::Frame { slot, sequence, .. }) => (slot, sequence.0),
        other => panic!("no frame: {other:?}"),
    }
}

#[tokio::test]
async fn backlog_then_head_then_live_then_closed() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    for octet in 1..=3 {
        client.append(&key, frame(octet), false).await;
    }
    let mut watching = Watching::new(client.watch(vec![client.entry(&key, 1)]).await);
    assert_eq!(place(watching.next().await), (0, 2));
    assert_eq!(place(watching.next().await), (0, 3));
    let Some(Record::Head { slot: 0, receipt }) = watching.next().await else { panic!() };
    assert_eq!((receipt.sequence, receipt.closed), (Sequence(3), false));

    client.append(&key, vec![4; 1 << 16], false).await;
    assert_eq!(place(watching.next().await), (0, 4));
    client.append(&key, frame(5), true).await;
    assert_eq!(place(watching.next().await), (0, 5));
    let Some(Record::Head { receipt, .. }) = watching.next().await else { panic!() };
    assert!(receipt.closed && receipt.verify(&client.relay, &key.address()).is_ok());
}

#[tokio::test]
async fn one_entry_that_fails_leaves_the_others() {
    let relay = relay().await;
    let (client, good, unknown, foreign) = (&relay.client, key(1), key(2), key(3));
    client.open(&good, "").await;
    client.open(&foreign, "").await;
    let mut wrong = client.entry(&foreign, 0);
    wrong.proof = client.entry(&good, 0).proof;
    let entries = vec![client.entry(&unknown, 0), wrong, client.entry(&good, 0)];
    let mut watching = Watching::new(client.watch(entries).await);
    let (mut refused, mut heads) = (Vec::new(), 0);
    for _ in 0..3 {
        match watching.next().await.unwrap() {
            Record::Refused { slot, code } => refused.push((slot, code)),
            Record::Head { slot: 2, .. } => heads += 1,
            other => panic!("{other:?}"),
        }
    }
    refused.sort_by_key(|(slot, _)| *slot);
    assert_eq!(refused, [(0, ProblemCode::MailboxUnknown), (1, ProblemCode::ProofInvalid)]);
    assert_eq!(heads, 1);
    client.append(&good, frame(1), false).await;
    assert_eq!(place(watching.next().await), (2, 1));
}

#[tokio::test]
async fn a_watcher_that_falls_behind_misses_nothing() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    let mut watching = Watching::new(client.watch(vec![client.entry(&key, 0)]).await);
    // Far more than the relay keeps for a watcher that does not read.
    for octet in 0..40 {
        assert_eq!(client.append(&key, vec![octet; 1 << 18], octet == 39).await.status().as_u16(), 201);
    }
    let mut expected = 1;
    loop {
        match watching.next().await.unwrap() {
            Record::Frame { sequence, octets, .. } => {
                assert_eq!((sequence.0, octets.len()), (expected, 1 << 18));
                expected += 1;
            }
            Record::Head { receipt, .. } if receipt.closed => break,
            Record::Head { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(expected, 41);
}

#[tokio::test]
async fn a_silent_watch_ends_when_the_relay_stops() {
    let relay = relay().await;
    relay.client.open(&key(1), "").await;
    let mut watching = Watching::new(relay.client.watch(vec![relay.client.entry(&key(1), 0)]).await);
    assert!(matches!(watching.next().await, Some(Record::Head { .. })));
    let stopping = tokio::spawn(relay.stop());
    assert_eq!(watching.next().await, None);
    stopping.await.unwrap();
}
