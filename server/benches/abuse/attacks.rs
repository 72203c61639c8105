//! Attacks by strangers. Each is what one connection of many does, again and again until it is stopped.

use crate::pinned;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::{FrameDigest, MailboxKey, RelayKey, Request, Sequence, Verb, WatchEntry, WatchRequest};
use twiza_relay::{Clock, SystemClock};

/// Where the relay is.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) key: RelayKey,
    pub(crate) socket: SocketAddr,
}

/// What the attacker with this number does.
pub(crate) type Attack = fn(Target, usize) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("connections that say nothing", |target, _| Box::pin(again(target, silent))),
    ("handshakes without end", |target, _| Box::pin(again(target, handshake))),
    ("headers, an octet a second", |target, _| Box::pin(again(target, slow_header))),
    ("a frame, an octet a second", |target, _| Box::pin(again(target, slow_body))),
    ("headers without end", |target, _| Box::pin(again(target, huge_header))),
    ("half-closed after a request", |target, _| Box::pin(again(target, half_closed))),
    ("answers that nobody reads", |target, _| Box::pin(again(target, unread))),
    ("packed bodies", |target, _| Box::pin(again(target, packed))),
    ("mailboxes without end", |target, number| Box::pin(opens(target, number))),
    ("watches without end", |target, number| Box::pin(watches(target, number))),
];

async fn again<F: Future<Output = io::Result<()>>>(target: Target, attack: fn(Target) -> F) {
    loop {
        if attack(target).await.is_err() {
            // Hung up on: it comes again.
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn connect(target: Target) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(target.socket).await?;
    let tls = TlsConnector::from(Arc::new(pinned::client_config(target.key, &["http/1.1"])));
    tls.connect("localhost".try_into().map_err(io::Error::other)?, stream).await
}

/// Waits until the other side hangs up.
async fn wait(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let mut octets = [0; 1024];
    while stream.read(&mut octets).await? > 0 {}
    Err(io::ErrorKind::ConnectionAborted.into())
}

async fn silent(target: Target) -> io::Result<()> {
    let mut stream = TcpStream::connect(target.socket).await?;
    let mut octet = [0];
    stream.read_exact(&mut octet).await.map(|_| ())
}

async fn handshake(target: Target) -> io::Result<()> {
    connect(target).await.map(drop)
}

async fn dribble(stream: &mut TlsStream<TcpStream>, octets: &[u8]) -> io::Result<()> {
    for octet in octets.iter().cycle() {
        stream.write_all(&[*octet]).await?;
        stream.flush().await?;
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn slow_header(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    stream.write_all(b"GET /v1/relay HTTP/1.1\r\nhost: localhost\r\nx-a: ").await?;
    dribble(&mut stream, b"a").await
}

pub(crate) fn prove(target: Target, mailbox: &MailboxKey, verb: Verb, body: &[u8]) -> String {
    let (time, body) = (SystemClock.now(), FrameDigest::of(body));
    mailbox.prove(&Request { relay: &target.key, verb, time, body }).to_string()
}

async fn slow_body(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    let mailbox = MailboxKey::from_seed(&[2; 32]);
    let proof = prove(target, &mailbox, Verb::Append { closing: false }, b"");
    let head = format!(
        "POST /v1/mailboxes/{}/frames HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n\
         twiza-proof: {proof}\r\ncontent-length: 1048576\r\n\r\n",
        mailbox.address()
    );
    stream.write_all(head.as_bytes()).await?;
    dribble(&mut stream, b"a").await
}

async fn huge_header(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    stream.write_all(b"GET /v1/relay HTTP/1.1\r\nhost: localhost\r\n").await?;
    loop {
        stream.write_all(&[b"x-a: ".as_slice(), &[b'a'; 16_000], b"\r\n"].concat()).await?;
        stream.flush().await?;
    }
}

async fn half_closed(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    stream.write_all(b"POST /v1/watch HTTP/1.1\r\nhost: localhost\r\ncontent-length: 65536\r\ncontent-type: application/json\r\n\r\n{").await?;
    stream.shutdown().await?;
    wait(&mut stream).await
}

async fn unread(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    loop {
        stream.write_all(&b"GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(16)).await?;
        stream.flush().await?;
    }
}

async fn packed(target: Target) -> io::Result<()> {
    let mut stream = connect(target).await?;
    let head =
        b"POST /v1/watch HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\n";
    // What it would unpack to does not matter: it is refused before.
    stream.write_all(&[head.as_slice(), b"content-length: 1024\r\n\r\n", &[0x1f; 1024]].concat()).await?;
    stream.flush().await?;
    wait(&mut stream).await
}

fn mailbox(number: usize, count: u64) -> MailboxKey {
    let mut seed = [3; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    seed[8..16].copy_from_slice(&count.to_be_bytes());
    MailboxKey::from_seed(&seed)
}

/// Opens one new mailbox after the other.
async fn opens(target: Target, number: usize) {
    for count in 0.. {
        let attempt = async {
            let mut stream = connect(target).await?;
            for step in 0..100 {
                let mailbox = mailbox(number, count * 100 + step);
                let proof = prove(target, &mailbox, Verb::Open, b"");
                let address = mailbox.address();
                let head = format!(
                    "PUT /v1/mailboxes/{address} HTTP/1.1\r\nhost: localhost\r\ntwiza-proof: {proof}\r\ncontent-length: 0\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                stream.flush().await?;
                let mut answer = [0; 2048];
                if stream.read(&mut answer).await? == 0 {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Ok::<(), io::Error>(())
        };
        if attempt.await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Watches as many mailboxes as one watch may, and reads nothing.
async fn watches(target: Target, number: usize) {
    loop {
        let attempt = async {
            let mut stream = connect(target).await?;
            let entry = |count| {
                let (mailbox, after) = (mailbox(number, count), Sequence::START);
                let proof = prove(target, &mailbox, Verb::Watch { after }, b"").parse().map_err(io::Error::other)?;
                Ok::<_, io::Error>(WatchEntry { address: mailbox.address(), after, proof })
            };
            let mailboxes = (0..100).map(entry).collect::<Result<_, _>>()?;
            let body = serde_json::to_vec(&WatchRequest { mailboxes })?;
            let head = format!(
                "POST /v1/watch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).await?;
            stream.flush().await?;
            sleep(Duration::from_secs(3600)).await;
            Ok::<(), io::Error>(())
        };
        if attempt.await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}
