//! The load: one thread, any number of connections, each with one append under way at a time.
//!
//! As lean as can be, because it shares the processors with what is measured: no HTTP library, buffers that are
//! reused, and every proof signed before the clock starts.

use crate::{FRAME_BYTES, percentile, pinned};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use twiza_protocol::{FrameDigest, MailboxKey, RelayKey, Request, Verb};
use twiza_relay::{Clock, Running, SystemClock};

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

/// One connection's requests: the octets of each up to the frame.
struct Publisher {
    open: Vec<u8>,
    appends: Vec<Vec<u8>>,
}

impl Load {
    pub(crate) fn new(relay: &Running, connections: usize, appends: usize) -> Self {
        let key = *relay.address().key();
        let publishers = (0..connections).map(|name| Publisher::new(&key, name, appends)).collect();
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
            connection.request(&publisher.open, &[]).await;
            connections.push((connection, publisher.appends));
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
    fn new(relay: &RelayKey, name: usize, appends: usize) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(name as u64).to_be_bytes());
        let key = MailboxKey::from_seed(&seed);
        let head = |method: &str, path: &str, verb, body: &[u8]| {
            let time = SystemClock.now();
            let proof = key.prove(&Request { relay, verb, time, body: FrameDigest::of(body) });
            format!(
                "{method} /v1/mailboxes/{}{path} HTTP/1.1\r\nhost: localhost\r\ntwiza-proof: {proof}\r\n\
                 content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                key.address(),
                body.len()
            )
            .into_bytes()
        };
        let append = |count| head("POST", "/frames", Verb::Append { closing: false }, &frame(count));
        Self { open: head("PUT", "", Verb::Open, b""), appends: (0..appends).map(append).collect() }
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
