//! A full disk, as a client sees it: refused whole, and over once there is space.

use crate::harness::{frame, key, problem, receipt, records, relay};
use twiza_protocol::{Chain, FrameDigest, ProblemCode, Record, Sequence};

#[tokio::test]
async fn a_full_relay_refuses_what_is_new_answers_repeats_and_goes_on_with_space() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    let first = receipt(client.append(&key, frame(1), false).await, 201).await;
    let large = vec![2; 1 << 20];

    relay.store.limit_pages(Some(1)).await.unwrap();
    for _ in 0..2 {
        let refused = problem(client.append(&key, large.clone(), true).await).await;
        assert_eq!((refused.code, refused.status), (ProblemCode::RelayFull, 507));
        assert!(refused.retry_after_seconds.is_some());
    }
    assert_eq!(receipt(client.append(&key, frame(1), false).await, 200).await, first);
    let stored = records(client.read(&key, 0).await).await;
    assert!(matches!(&stored[..], [Record::Frame { .. }, Record::Head { receipt, .. }] if *receipt == first));

    relay.store.limit_pages(None).await.unwrap();
    let last = receipt(client.append(&key, large.clone(), true).await, 201).await;
    let chain = Chain::start(&key.address()).append(Sequence(1), false, &FrameDigest::of(&frame(1))).append(
        Sequence(2),
        true,
        &FrameDigest::of(&large),
    );
    assert_eq!((last.sequence, last.chain, last.closed), (Sequence(2), chain, true));
    assert_eq!(records(client.read(&key, 0).await).await.len(), 3);
    relay.stop().await;
}
