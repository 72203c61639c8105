//! What somebody without anybody's key can do to the others: nothing that they notice.

use crate::connections::connect;
use crate::harness::{TestClient, TestRelay, Watching, code, frame, key, problem, relay, relay_with};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use twiza_protocol::{ProblemCode, Record, Verb};

const MEBIBYTE: usize = 1 << 20;

/// Mailboxes with three frames of 1 MiB each: far more than a connection takes while nobody reads.
async fn fill(client: &TestClient, names: std::ops::Range<u8>) {
    for name in names {
        client.open(&key(name), "").await;
        for count in 0..3 {
            let octets = vec![name * 3 + count; MEBIBYTE];
            assert_eq!(client.append(&key(name), octets, false).await.status().as_u16(), 201);
        }
    }
}

#[tokio::test]
async fn watches_that_nobody_reads_keep_nobody_from_reading() {
    let relay = relay().await;
    let client = &relay.client;
    fill(client, 0..8).await;
    client.open(&key(99), "").await;
    client.append(&key(99), frame(1), false).await;
    let entries = || (0..8).map(|name| client.entry(&key(name), 0)).collect();
    let together = client.watch(entries()).await;
    let each = join_all(entries().into_iter().map(|entry| client.watch(vec![entry]))).await;
    assert!(each.iter().chain([&together]).all(|watch| watch.status().as_u16() == 200));
    let other = TestClient::to(relay.running.address(), crate::harness::NOW);
    for _ in 0..20 {
        assert_eq!(other.read(&key(99), 0).await.status().as_u16(), 200);
        assert_eq!(other.http.get(format!("{}/healthz", other.base)).send().await.unwrap().status().as_u16(), 200);
    }
}

#[tokio::test]
async fn pages_that_nobody_reads_are_bounded() {
    let relay = relay().await;
    let client = &relay.client;
    client.open(&key(1), "").await;
    for octet in 0..4 {
        assert_eq!(client.append(&key(1), vec![octet; MEBIBYTE], false).await.status().as_u16(), 201);
    }
    let mut unread = Vec::new();
    // Of an answer on this connection, only the head comes as long as the others fill its window. The one for which there is no room
    // waits.
    while let Ok(page) = timeout(Duration::from_secs(3), client.read(&key(1), 0)).await {
        assert_eq!(page.status().as_u16(), 200);
        unread.push(page);
        assert!(unread.len() < 100, "more than 128 MiB of pages");
    }
    assert!(unread.len() >= 64, "16 whole pages, then small ones: {}", unread.len());
    // Who appends is served all the same, and who reads once the one who reads nothing had to make room.
    let other = TestClient::to(relay.running.address(), crate::harness::NOW);
    assert_eq!(other.append(&key(1), frame(9), false).await.status().as_u16(), 201);
    assert_eq!(other.read(&key(1), 4).await.status().as_u16(), 200);
    let mut broken = unread.pop().unwrap();
    let broken = async {
        while broken.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    };
    broken.await.unwrap_err();
}

#[tokio::test]
async fn large_frames_of_many_mailboxes_come_whole() {
    let relay = relay().await;
    let client = &relay.client;
    fill(client, 0..8).await;
    let mut watching = Watching::new(client.watch((0..8).map(|name| client.entry(&key(name), 0)).collect()).await);
    let mut next_places = [1; 8];
    let (mut live, mut heads) = (Vec::new(), 0);
    while next_places != [5; 8] {
        match watching.next().await.unwrap() {
            Record::Frame { slot, sequence, octets, .. } => {
                let place = &mut next_places[usize::from(slot)];
                assert_eq!(sequence.0, *place);
                *place += 1;
                let octet = slot as u8 * 3 + sequence.0 as u8 - 1;
                assert!(octets.len() == MEBIBYTE && octets.iter().all(|found| *found == octet || sequence.0 == 4));
            }
            Record::Head { .. } => heads += 1,
            other => panic!("{other:?}"),
        }
        if heads == 8 && live.is_empty() {
            live = (0..8)
                .map(|name| {
                    let client = client.clone();
                    tokio::spawn(async move { client.append(&key(name), vec![77; MEBIBYTE], false).await })
                })
                .collect();
        }
    }
}

#[tokio::test]
async fn a_watch_names_each_mailbox_once() {
    let relay = relay().await;
    let client = &relay.client;
    let entries = vec![client.entry(&key(1), 0), client.entry(&key(2), 0), client.entry(&key(1), 5)];
    assert_eq!(code(client.watch(entries).await).await, ProblemCode::MalformedRequest);
}

#[tokio::test]
async fn mailboxes_that_are_watched_are_bounded_and_a_watch_that_ends_makes_room() {
    let relay = relay_with(|settings| {
        settings.limits.mailboxes_per_watch_max = 2;
        settings.watched_mailboxes_max = 3;
    })
    .await;
    let client = &relay.client;
    let entries = |names: &[u8]| names.iter().map(|name| client.entry(&key(*name), 0)).collect::<Vec<_>>();
    client.open(&key(1), "").await;
    client.open(&key(2), "").await;
    let first = Watching::new(client.watch(entries(&[1, 2])).await);
    let refused = problem(client.watch(entries(&[1, 2])).await).await;
    assert_eq!(refused.code, ProblemCode::RelayBusy);
    assert!(refused.retry_after_seconds.is_some());
    // A mailbox that is not there takes no place, and neither does one with another's proof.
    let mut wrong = entries(&[2]);
    wrong[0].proof = entries(&[1])[0].proof.clone();
    let mut kept = Vec::new();
    for entries in [entries(&[9]), wrong, entries(&[9])] {
        let mut refused = Watching::new(client.watch(entries).await);
        assert!(matches!(refused.next().await, Some(Record::Refused { .. })));
        kept.push(refused);
    }
    let _one = Watching::new(client.watch(entries(&[1])).await);
    drop(first);
    // The relay hears of it in its own time.
    while client.watch(entries(&[1, 2])).await.status().as_u16() != 200 {
        tokio::task::yield_now().await;
    }
}

/// Announces an append of 1 MiB with a proof of the right form, sends a little of it, and no more.
async fn begin(relay: &TestRelay, length: &str) -> TlsStream<TcpStream> {
    let mut stream = connect(relay, *relay.running.address().key()).await.unwrap();
    let proof = relay.client.prove(&key(50), Verb::Append { closing: false }, b"");
    let head = format!(
        "POST /v1/mailboxes/{}/frames HTTP/1.1\r\nhost: localhost\r\ntwiza-proof: {proof}\r\n\
         content-type: application/octet-stream\r\n{length}\r\n\r\n",
        key(50).address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The status of an answer, and the connection, which lives as long as the answer does.
async fn status(mut stream: TlsStream<TcpStream>) -> (u16, TlsStream<TcpStream>) {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    (String::from_utf8_lossy(&answer)[9..].parse().unwrap(), stream)
}

#[tokio::test]
async fn unfinished_bodies_are_bounded_and_small_frames_still_pass() {
    let relay = relay_with(|settings| settings.bodies_bytes_max = 8 << 20).await;
    let client = &relay.client;
    client.open(&key(1), "").await;
    let announced = ["content-length: 1048576", "transfer-encoding: chunked"];
    let begun = join_all((0..30).map(|count| begin(&relay, announced[count % 2]))).await;
    let mut answers: FuturesUnordered<_> = begun.into_iter().map(status).collect();
    // Room is for seven at most; one that announces no length takes an octet more than a frame.
    for _ in 0..23 {
        assert_eq!(answers.next().await.unwrap().0, 503);
    }
    assert_eq!(code(client.append(&key(1), vec![1; MEBIBYTE], false).await).await, ProblemCode::RelayBusy);
    assert_eq!(client.append(&key(1), frame(1), false).await.status().as_u16(), 201);
    assert_eq!(client.append(&key(1), vec![2; 16 << 10], false).await.status().as_u16(), 201);
    drop(answers);
    // The relay hears of it in its own time.
    while client.append(&key(1), vec![1; MEBIBYTE], false).await.status().as_u16() != 201 {
        tokio::task::yield_now().await;
    }
}
