//! What one node stores, all have; and where several want the same, one wins.

use super::{Shared, next_frame};
use crate::harness::{Watching, code, frame, key, receipt, records};
use futures_util::future::join_all;
use std::collections::HashSet;
use twiza_protocol::{Chain, FrameDigest, ProblemCode, Record, Sequence};

#[tokio::test]
async fn whoever_watches_one_node_sees_what_another_stores() {
    let Some(shared) = Shared::new() else { return };
    let (here, there, key) = (shared.node().await, shared.node().await, key(1));
    here.client.open(&key, "").await;
    let mut watchers = Vec::new();
    for _ in 0..3 {
        let mut watching = Watching::new(there.client.watch(vec![there.client.entry(&key, 0)]).await);
        assert!(matches!(watching.next().await, Some(Record::Head { .. })));
        watchers.push(watching);
    }
    let sizes = [1 << 10, 1 << 12, 1 << 20, 1 << 10];
    for (octet, size) in (1..).zip(sizes) {
        here.client.append(&key, vec![octet; size], octet == 4).await;
    }
    for watching in &mut watchers {
        for (place, size) in (1..).zip(sizes) {
            let (sequence, octets) = next_frame(watching).await;
            assert_eq!((sequence, octets.len()), (Sequence(place), size));
        }
        let Some(Record::Head { receipt, .. }) = watching.next().await else { panic!() };
        assert!(receipt.closed && receipt.verify(&there.client.relay, &key.address()).is_ok());
    }
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn one_closing_frame_wins_over_all_nodes() {
    let Some(shared) = Shared::new() else { return };
    let nodes = [shared.node().await, shared.node().await];
    for name in 1..=10 {
        let key = key(name);
        nodes[0].client.open(&key, "").await;
        let closers = (0..8).map(|octet| nodes[usize::from(octet) % 2].client.append(&key, frame(octet), true));
        let mut won = Vec::new();
        for answer in join_all(closers).await {
            match answer.status().as_u16() {
                201 => won.push(receipt(answer, 201).await),
                _ => assert_eq!(code(answer).await, ProblemCode::MailboxClosed),
            }
        }
        assert_eq!(won.len(), 1, "mailbox {name}");
        for node in &nodes {
            let Some(Record::Head { receipt, .. }) = records(node.client.read(&key, 0).await).await.pop() else {
                panic!()
            };
            assert_eq!(receipt, won[0]);
        }
    }
}

#[tokio::test]
async fn one_frame_through_two_nodes_is_there_once() {
    let Some(shared) = Shared::new() else { return };
    let (one, two) = (shared.node().await, shared.node().await);
    for name in 1..=10 {
        let key = key(name);
        let opened = join_all([one.client.open(&key, ""), two.client.open(&key, "")]).await;
        let mut statuses: Vec<_> = opened.iter().map(|answer| answer.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "one of them made it");

        let both = [one.client.append(&key, frame(7), false), two.client.append(&key, frame(7), false)];
        let mut answers = join_all(both).await;
        answers.sort_by_key(|answer| answer.status().as_u16());
        let [repeat, first] = answers.try_into().unwrap();
        assert_eq!(receipt(repeat, 200).await, receipt(first, 201).await);
    }
}

#[tokio::test]
async fn places_have_no_gap_and_the_chain_holds_whoever_appends() {
    const FRAMES: usize = 120;
    let Some(shared) = Shared::new() else { return };
    let (nodes, key) = ([shared.node().await, shared.node().await, shared.node().await], key(1));
    nodes[0].client.open(&key, "").await;
    let append = async |count: usize| {
        let mut octets = frame(0);
        octets[..8].copy_from_slice(&(count as u64).to_be_bytes());
        let digest = FrameDigest::of(&octets);
        (receipt(nodes[count % 3].client.append(&key, octets, false).await, 201).await, digest)
    };
    let mut stored = join_all((0..FRAMES).map(append)).await;
    stored.sort_by_key(|(receipt, _)| receipt.sequence);
    let mut chain = Chain::start(&key.address());
    for ((receipt, digest), place) in stored.iter().zip(1..) {
        chain = chain.append(Sequence(place), false, digest);
        assert_eq!((receipt.sequence, receipt.chain), (Sequence(place), chain));
    }
    assert_eq!(stored.iter().map(|(_, digest)| digest).collect::<HashSet<_>>().len(), FRAMES);
}
