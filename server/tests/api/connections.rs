//! Connections themselves: what TLS negotiates, who is trusted, how many there may be.

use crate::harness::{TestRelay, relay, relay_with};
use crate::pinned;
use rustls::{CertificateError, Error, NamedGroup, ProtocolVersion};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::RelayKey;

pub(crate) async fn connect(relay: &TestRelay, key: RelayKey) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", relay.running.address().port())).await?;
    let tls = TlsConnector::from(Arc::new(pinned::client_config(key, &["http/1.1"])));
    tls.connect("localhost".try_into().unwrap(), stream).await
}

/// A request over a connection that then stays.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 64];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
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

#[tokio::test]
async fn one_connection_too_many_is_hung_up_on_until_another_leaves() {
    let relay = relay_with(|settings| settings.connections_max = 2).await;
    let key = *relay.running.address().key();
    let mut first = connect(&relay, key).await.unwrap();
    let mut second = connect(&relay, key).await.unwrap();
    connect(&relay, key).await.unwrap_err();
    assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"), "those that are there stay");
    first.shutdown().await.unwrap();
    drop(first);
    // The relay hears of it in its own time.
    let mut next = loop {
        if let Ok(next) = connect(&relay, key).await {
            break next;
        }
        tokio::task::yield_now().await;
    };
    assert!(ask(&mut next).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut second).await.starts_with("HTTP/1.1 200"));
}
