//! Connections themselves: what TLS negotiates, who is trusted, how many there may be.

use crate::harness::{TestRelay, key, relay, relay_with};
use crate::pinned;
use rustls::{CertificateError, Error, NamedGroup, ProtocolVersion};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::{RelayKey, Sequence, Verb, WatchEntry, WatchRequest};

pub(crate) async fn connect(relay: &TestRelay, key: RelayKey) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", relay.running.address().port())).await?;
    let tls = TlsConnector::from(Arc::new(pinned::client_config(key, &["http/1.1"])));
    tls.connect("localhost".try_into().unwrap(), stream).await
}

/// A request over a connection that then stays.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    read_answer(stream).await.unwrap()
}

/// What there is of an answer.
async fn read_answer(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await?;
    answer.truncate(read);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn the_key_exchange_is_hybrid_and_the_key_is_the_pinned_one() {
    let relay = relay().await;
    let key = *relay.running.address().key();
    let mut stream = connect(&relay, key).await.unwrap();
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    let (_, tls) = stream.get_ref();
    assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(tls.negotiated_key_exchange_group().map(|group| group.name()), Some(NamedGroup::X25519MLKEM768));

    let other = RelayKey::from_bytes([9; 32]);
    let refused = connect(&relay, other).await.unwrap_err().into_inner().unwrap();
    let expected = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
    assert_eq!(refused.downcast_ref::<Error>(), Some(&expected));
}

/// A request that proves a mailbox, over a connection that then stays: opens it.
async fn prove(relay: &TestRelay, stream: &mut TlsStream<TcpStream>, name: u8) {
    let (mailbox, proof) = (key(name), relay.client.prove(&key(name), Verb::Open, b""));
    let head = format!(
        "PUT /v1/mailboxes/{} HTTP/1.1\r\nhost: localhost\r\ntwiza-proof: {proof}\r\ncontent-length: 0\r\n\r\n",
        mailbox.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_answer(stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

/// Whether the relay has hung up, or answers.
async fn is_hung_up_on(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.read_u8().await.is_err()
}

#[tokio::test]
async fn with_no_room_the_oldest_stranger_makes_place_and_who_proved_a_mailbox_stays() {
    let relay = relay_with(|settings| settings.connections_max = 3).await;
    let pin = *relay.running.address().key();
    let mut known = connect(&relay, pin).await.unwrap();
    prove(&relay, &mut known, 1).await;
    let mut oldest = connect(&relay, pin).await.unwrap();
    let mut stranger = connect(&relay, pin).await.unwrap();
    assert!(ask(&mut stranger).await.starts_with("HTTP/1.1 200"));

    let mut newcomer = connect(&relay, pin).await.unwrap();
    assert!(is_hung_up_on(&mut oldest).await, "a stranger that says nothing");
    prove(&relay, &mut newcomer, 1).await;
    let mut next = connect(&relay, pin).await.unwrap();
    assert!(is_hung_up_on(&mut stranger).await, "asking without a proof makes nobody known");
    prove(&relay, &mut next, 2).await;
    for stream in [&mut known, &mut newcomer, &mut next] {
        assert!(ask(stream).await.starts_with("HTTP/1.1 200"), "those who proved a mailbox stay");
    }
}

#[tokio::test]
async fn a_proof_of_a_mailbox_that_is_not_there_makes_nobody_known() {
    let relay = relay_with(|settings| settings.connections_max = 1).await;
    let pin = *relay.running.address().key();
    let mut stranger = connect(&relay, pin).await.unwrap();
    let after = Sequence::START;
    let proof = relay.client.prove(&key(9), Verb::Watch { after }, b"");
    let entry = WatchEntry { address: key(9).address(), after, proof };
    let body = serde_json::to_string(&WatchRequest { mailboxes: vec![entry] }).unwrap();
    let head = format!(
        "POST /v1/watch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stranger.write_all(head.as_bytes()).await.unwrap();
    assert!(read_answer(&mut stranger).await.unwrap().starts_with("HTTP/1.1 200"), "the watch itself is answered");
    let mut newcomer = connect(&relay, pin).await.unwrap();
    assert!(ask(&mut newcomer).await.starts_with("HTTP/1.1 200"));
    while !is_hung_up_on(&mut stranger).await {}
}

#[tokio::test]
async fn one_connection_too_many_is_hung_up_on_until_another_leaves() {
    let relay = relay_with(|settings| settings.connections_max = 2).await;
    let pin = *relay.running.address().key();
    let mut first = connect(&relay, pin).await.unwrap();
    let mut second = connect(&relay, pin).await.unwrap();
    prove(&relay, &mut first, 1).await;
    prove(&relay, &mut second, 2).await;
    connect(&relay, pin).await.unwrap_err();
    assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"), "those that are there stay");
    first.shutdown().await.unwrap();
    drop(first);
    // The relay hears of it in its own time.
    let mut next = loop {
        if let Ok(next) = connect(&relay, pin).await {
            break next;
        }
        tokio::task::yield_now().await;
    };
    assert!(ask(&mut next).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut second).await.starts_with("HTTP/1.1 200"));
}
