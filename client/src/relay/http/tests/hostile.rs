//! A relay with the pinned key that answers every request alike, and as long as somebody listens.

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use twiza_protocol::{RelayAddress, RelaySigningKey, Transport};

/// What comes before an Ed25519 seed in PKCS#8 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// "Endless", where a client takes it all: much more than any answer may have.
const ENDLESS_BYTES: usize = 64 << 20;

/// The key of every hostile relay.
pub(super) fn key() -> RelaySigningKey {
    RelaySigningKey::from_seed(&[9; 32])
}

/// What it answers.
pub(super) struct Answer {
    head: String,
    start: Vec<u8>,
    repeated: Vec<u8>,
}

impl Answer {
    /// These octets, and an end.
    pub(super) fn once(status: u16, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, start: body.to_vec(), repeated: Vec::new() }
    }

    /// These octets, and a connection that ends where more was announced.
    pub(super) fn cut(body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
        Self { head, start: body.to_vec(), repeated: Vec::new() }
    }

    /// These octets, and then these again and again.
    pub(super) fn endless(status: u16, start: &[u8], repeated: &[u8]) -> Self {
        let repeated = repeated.repeat((1_usize << 16).div_ceil(repeated.len()));
        Self { head: format!("HTTP/1.1 {status} X\r\n\r\n"), start: start.to_vec(), repeated }
    }

    /// Whether the client took it to its end.
    fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        stream.write_all(self.head.as_bytes())?;
        stream.write_all(&self.start)?;
        for _ in 0..ENDLESS_BYTES.checked_div(self.repeated.len()).unwrap_or(0) {
            stream.write_all(&self.repeated)?;
        }
        stream.flush()
    }
}

/// A running one.
pub(super) struct HostileRelay {
    pub(super) address: RelayAddress,
    connections: Arc<AtomicUsize>,
    /// Of every connection, whether its client took everything.
    ends: mpsc::Receiver<bool>,
}

impl HostileRelay {
    pub(super) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = RelayAddress::new(Transport::Pinned, "127.0.0.1", port, key().public()).unwrap();
        let (connections, config, answer) = (Arc::new(AtomicUsize::new(0)), config(), Arc::new(answer));
        let (sender, ends) = mpsc::channel();
        let counter = connections.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
                let (config, answer, sender) = (config.clone(), answer.clone(), sender.clone());
                std::thread::spawn(move || {
                    let took_all = connection.and_then(|stream| serve(stream, config, &answer)).is_ok();
                    // The test may be over.
                    let _ = sender.send(took_all);
                });
            }
        });
        Self { address, connections, ends }
    }

    /// How many have come.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every client that came went away before the end.
    pub(super) fn assert_was_hung_up_on(&self) {
        let came = self.connections();
        assert!(came > 0);
        for _ in 0..came {
            assert!(!self.ends.recv_timeout(super::PATIENCE).unwrap(), "a client took an endless answer to its end");
        }
    }
}

/// Answers one request.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, answer: &Answer) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut octets = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut octets)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&octets[..count]),
        }
    }
    answer.write(&mut stream)
}

fn config() -> Arc<ServerConfig> {
    let private = [&PKCS8_PREFIX[..], key().expose_seed().as_slice()].concat();
    let private = PrivatePkcs8KeyDer::from(private);
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&private, &PKCS_ED25519).unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private.into())
        .unwrap();
    Arc::new(config)
}

/// An address before a relay, at which so many connections are hung up on, and the next one gets through.
pub(super) fn hanging_up(hang_ups: usize, relay: &RelayAddress) -> RelayAddress {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = relay.port();
    std::thread::spawn(move || {
        for _ in 0..hang_ups {
            drop(listener.accept().unwrap());
        }
        let (client, _) = listener.accept().unwrap();
        let relay = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), relay.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let (mut from, mut to) = (relay, client);
        // Over when one of them hangs up.
        drop(std::io::copy(&mut from, &mut to));
    });
    RelayAddress::new(Transport::Pinned, "127.0.0.1", port, key().public()).unwrap()
}
