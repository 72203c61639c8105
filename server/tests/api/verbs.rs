//! Open, append, read, describe: what they do when all is well, and after a restart.

use crate::harness::{code, frame, key, receipt, records, relay, relay_with};
use twiza_protocol::{Chain, Describe, FrameDigest, Opened, ProblemCode, Record, Sequence};

#[tokio::test]
async fn a_mailbox_is_opened_filled_read_and_closed() {
    let relay = relay().await;
    let (client, key) = (&relay.client, key(1));
    let opened = client.open(&key, "").await;
    assert_eq!((opened.status().as_u16(), &opened.headers()["cache-control"]), (201, &"no-store".parse().unwrap()));
    let opened: Opened = serde_json::from_slice(&opened.bytes().await.unwrap()).unwrap();
    opened.head.verify(&client.relay, &key.address()).unwrap();
    assert_eq!(opened.head.chain, Chain::start(&key.address()));
    assert_eq!(client.open(&key, "{}").await.status().as_u16(), 200);

    let first = receipt(client.append(&key, frame(1), false).await, 201).await;
    let last = receipt(client.append(&key, vec![2; 1 << 20], true).await, 201).await;
    let chain = Chain::start(&key.address()).append(Sequence(1), false, &FrameDigest::of(&frame(1)));
    assert_eq!((first.sequence, first.chain, first.closed), (Sequence(1), chain, false));
    assert!(last.closed && last.verify(&client.relay, &key.address()).is_ok());
    assert_eq!(receipt(client.append(&key, frame(1), false).await, 200).await, first, "a repeat has the first place");

    let records = records(client.read(&key, 0).await).await;
    assert!(
        matches!(&records[0], Record::Frame { slot: 0, sequence: Sequence(1), closing: false, octets } if *octets == frame(1))
    );
    assert!(matches!(&records[1], Record::Frame { sequence: Sequence(2), closing: true, .. }));
    assert_eq!(records[2..], [Record::Head { slot: 0, receipt: last }]);
    relay.stop().await;
}

#[tokio::test]
async fn a_full_page_says_that_there_is_more() {
    let relay = relay_with(|settings| settings.limits.page_bytes_max = 2048).await;
    let (client, key) = (&relay.client, key(1));
    client.open(&key, "").await;
    for octet in 0..5 {
        client.append(&key, frame(octet), false).await;
    }
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let mut page = records(client.read(&key, after).await).await;
        let last = page.pop().unwrap();
        after += page.len() as u64;
        found.extend(page);
        match last {
            Record::More { slot: 0 } => {}
            Record::Head { receipt, .. } => break assert_eq!(receipt.sequence, Sequence(5)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found.len(), 5);
}

#[tokio::test]
async fn of_many_closers_one_wins() {
    let relay = relay().await;
    let key = key(1);
    relay.client.open(&key, "").await;
    let attempts = (0..40).map(|octet| {
        let (client, key) = (relay.client.clone(), crate::harness::key(1));
        tokio::spawn(async move { client.append(&key, frame(octet), true).await })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        let response = attempt.await.unwrap();
        if response.status().as_u16() == 201 {
            won += 1;
        } else {
            assert_eq!(code(response).await, ProblemCode::MailboxClosed);
        }
    }
    assert_eq!(won, 1);
    let records = records(relay.client.read(&key, 0).await).await;
    assert!(matches!(&records[..], [Record::Frame { closing: true, .. }, Record::Head { .. }]));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_restart() {
    let relay = relay().await;
    let key = key(1);
    relay.client.open(&key, "").await;
    let first = receipt(relay.client.append(&key, frame(1), false).await, 201).await;
    let relay = relay.restart().await;
    assert_eq!(receipt(relay.client.append(&key, frame(1), false).await, 200).await, first);
    let second = receipt(relay.client.append(&key, frame(2), false).await, 201).await;
    assert_eq!(second.sequence, Sequence(2));
    assert_eq!(records(relay.client.read(&key, 0).await).await.len(), 3);
}

#[tokio::test]
async fn the_relay_describes_itself_and_its_api() {
    let relay = relay().await;
    let get = async |path: &str| relay.client.http.get(format!("{}{path}", relay.client.base)).send().await.unwrap();
    let described: Describe = serde_json::from_slice(&get("/v1/relay").await.bytes().await.unwrap()).unwrap();
    assert_eq!((described.relay_key, described.relay_time), (relay.client.relay, crate::harness::NOW));
    assert_eq!(get("/healthz").await.status().as_u16(), 200);
    assert_eq!(get("/v1/openapi.json").await.text().await.unwrap(), twiza_relay::http::openapi::document());
}

/// `TWIZA_REWRITE=1 cargo test -p twiza-relay` writes the file anew.
#[test]
fn the_checked_in_document_is_the_served_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let served = twiza_relay::http::openapi::document();
    if std::env::var_os("TWIZA_REWRITE").is_some() {
        std::fs::write(path, served).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), served, "write it anew with TWIZA_REWRITE=1");
}
