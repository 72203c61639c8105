//! The load: one thread, any number of connections, each with one append under way at a time.
//!
//! As lean as can be, because it shares the processors with what is measured: no HTTP library, buffers that are
//! reused, and every proof made before the clock starts.

use crate::{FRAME_BYTES, percentile, pinned};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::{FrameDigest, MailboxKey, Pass, RelayKey, Request, Verb};
use twiza_relay::{Clock, Running, SystemClock};

/// How the appends are proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proofs {
    /// By the mailbox's pass, as a client does it that was answered lately.
    Passes,
    /// By a signature each, as a client's first request is.
    Signatures,
}

/// What was measured.
pub(crate) struct Outcome {
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) frames_per_commit: f64,
    /// Processor time an append, of this whole program.
    pub(crate) processor: Duration,
}

/// A load that is ready to start.
pub(crate) struct Load {
    relay: SocketAddr,
    key: RelayKey,
    publishers: Vec<Publisher>,
}

/// One connection's mailbox, and what it will append.
struct Publisher {
    relay: RelayKey,
    mailbox: MailboxKey,
    proofs: Proofs,
    appends: usize,
}

impl Load {
    pub(crate) fn new(relay: &Running, connections: usize, appends: usize, proofs: Proofs) -> Self {
        let key = *relay.address().key();
        let publishers = (0..connections).map(|name| Publisher::new(key, name, appends, proofs)).collect();
        Self { relay: SocketAddr::from(([127, 0, 0, 1], relay.address().port())), key, publishers }
    }

    /// Connects and opens the mailboxes; then appends, on the clock.
    pub(crate) fn run(self) -> Outcome {
        let load = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, self.publish())
        });
        load.join().unwrap()
    }

    async fn publish(self) -> Outcome {
        let Self { relay, key, publishers } = self;
        let mut connections = Vec::new();
        for publisher in publishers {
            let mut connection = Connection::to(relay, key).await;
            connection.request(&publisher.open(), &[]).await;
            let pass = connection.header("twiza-pass").parse().unwrap();
            connections.push((connection, publisher.appends(&pass)));
        }
        let (started, processor) = (Instant::now(), processor_time());
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|(connection, appends)| tokio::task::spawn_local(append_all(connection, appends)))
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.unwrap());
        }
        let rate = latencies.len() as f64 / started.elapsed().as_secs_f64();
        let processor = (processor_time() - processor) / latencies.len() as u32;
        latencies.sort_unstable();
        let (p50, p99) = (percentile(&latencies, 0.5), percentile(&latencies, 0.99));
        Outcome { rate, p50, p99, frames_per_commit: 0.0, processor }
    }
}

async fn append_all(mut connection: Connection, appends: Vec<Vec<u8>>) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(appends.len());
    for (count, head) in appends.iter().enumerate() {
        let started = Instant::now();
        connection.request(head, &frame(count)).await;
        latencies.push(started.elapsed());
    }
    latencies
}

impl Publisher {
    fn new(relay: RelayKey, name: usize, appends: usize, proofs: Proofs) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(name as u64).to_be_bytes());
        Self { relay, mailbox: MailboxKey::from_seed(&seed), proofs, appends }
    }

    fn open(&self) -> Vec<u8> {
        let proof = self.mailbox.prove(&self.request(Verb::Open, b""));
        self.head("PUT", "", &proof.to_string(), 0)
    }

    /// The octets of each request up to the frame.
    fn appends(&self, pass: &Pass) -> Vec<Vec<u8>> {
        let append = |count| {
            let frame = frame(count);
            let request = self.request(Verb::Append { closing: false }, &frame);
            let proof = match self.proofs {
                Proofs::Passes => pass.prove(&self.mailbox.address(), &request).to_string(),
                Proofs::Signatures => self.mailbox.prove(&request).to_string(),
            };
            self.head("POST", "/frames", &proof, frame.len())
        };
        (0..self.appends).map(append).collect()
    }

    fn request(&self, verb: Verb, body: &[u8]) -> Request<'_> {
        Request { relay: &self.relay, verb, time: SystemClock.now(), body: FrameDigest::of(body) }
    }

    fn head(&self, method: &str, path: &str, proof: &str, length: usize) -> Vec<u8> {
        format!(
            "{method} /v1/mailboxes/{}{path} HTTP/1.1\r\nhost: localhost\r\ntwiza-proof: {proof}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n",
            self.mailbox.address(),
        )
        .into_bytes()
    }
}

pub(crate) fn frame(count: usize) -> [u8; FRAME_BYTES] {
    let mut octets = [0x5a; FRAME_BYTES];
    octets[..8].copy_from_slice(&(count as u64).to_be_bytes());
    octets
}

/// One TLS connection that speaks just enough HTTP/1.1.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    written: Vec<u8>,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn to(relay: SocketAddr, key: RelayKey) -> Self {
        let tls = TlsConnector::from(Arc::new(pinned::client_config(key, &["http/1.1"])));
        let stream = TcpStream::connect(relay).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = tls.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        Self { stream, written: Vec::new(), read: Vec::new() }
    }

    /// Sends a request and reads the answer, which must be `201 Created`. Gives its length.
    pub(crate) async fn request(&mut self, head: &[u8], body: &[u8]) -> usize {
        self.written.clear();
        self.written.extend_from_slice(head);
        self.written.extend_from_slice(body);
        self.stream.write_all(&self.written).await.unwrap();
        self.stream.flush().await.unwrap();
        self.read.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "the relay hung up");
            if let Some(length) = answer_length(&self.read)
                && length <= self.read.len()
            {
                assert!(self.read.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&self.read));
                return length;
            }
        }
    }
}

impl Connection {
    /// A header of the last answer.
    pub(crate) fn header(&self, name: &str) -> &str {
        let answer = std::str::from_utf8(&self.read).unwrap();
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("no header {name}"))
    }
}

/// Length of head and body together, once the head is there.
fn answer_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some(head + length.map_or(0, |length| length.parse::<usize>().unwrap()))
}

/// What this program has used of the processors, as Linux tells it: in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    Duration::from_millis(10) * ticks
}
