//! One frame to many live watchers.

use crate::bare_tls;
use crate::connection::Connection;
use crate::served::Served;
use crate::{RECORD_BYTES, ROUNDS, frame, median};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use twiza_protocol::{Record, RelayKey, Sequence, Verb, WatchEntry, WatchRequest};

const WATCHERS: usize = 500;
const FRAMES: usize = 40;

/// A frame's record as a chunk of HTTP/1.1: its length in hexadecimal, and two line ends.
const CHUNK_BYTES: usize = RECORD_BYTES + 8;

/// A head's record as a chunk: two digits, two line ends.
const HEAD_CHUNK_BYTES: usize = 112 + 6;

pub(crate) fn compare(runtime: &Runtime) {
    let (mut relay, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        relay.push(through_relay(runtime));
        bare.push(through_loop(runtime));
    }
    let (relay, bare) = (median(relay), median(bare));
    println!("fan-out to {WATCHERS}: relay {relay:.1} ms, bare loop {bare:.1} ms, ratio {:.2}", bare / relay);
}

fn on_thread<F: Future<Output = f64>>(work: impl FnOnce() -> F + Send + 'static) -> f64 {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, work())
    });
    thread.join().unwrap()
}

fn milliseconds(times: Vec<Duration>) -> f64 {
    median(times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect())
}

/// Lets readers that are ready tell of each chunk that they have whole.
fn read_all(readers: Vec<Connection>) -> mpsc::UnboundedReceiver<()> {
    let (told, tells) = mpsc::unbounded_channel();
    for mut reader in readers {
        let told = told.clone();
        tokio::task::spawn_local(async move {
            for _ in 0..FRAMES {
                reader.exactly(CHUNK_BYTES).await;
                told.send(()).unwrap();
            }
        });
    }
    tells
}

async fn all(tells: &mut mpsc::UnboundedReceiver<()>) {
    for _ in 0..WATCHERS {
        tells.recv().await.unwrap();
    }
}

fn through_relay(runtime: &Runtime) -> f64 {
    let served = Served::with_frames(runtime, 0);
    let (address, key, mailbox) = (served.address, served.key, served.mailbox.address());
    let after = Sequence::START;
    let entry = WatchEntry { address: mailbox, after, proof: served.prove(Verb::Watch { after }, b"") };
    let watch = serde_json::to_vec(&WatchRequest { mailboxes: vec![entry] }).unwrap();
    let append = |count| {
        let octets = frame(count);
        let proof = served.prove(Verb::Append { closing: false }, &octets);
        let head = format!(
            "POST /v1/mailboxes/{mailbox}/frames HTTP/1.1\r\ntwiza-proof: {proof}\r\n\
             content-type: application/octet-stream"
        );
        (head, octets)
    };
    let appends: Vec<_> = (0..FRAMES).map(append).collect();
    let time = on_thread(move || publish(address, key, watch, appends));
    served.stop(runtime);
    time
}

async fn publish(relay: SocketAddr, key: RelayKey, watch: Vec<u8>, appends: Vec<(String, Vec<u8>)>) -> f64 {
    let mut readers = Vec::new();
    for _ in 0..WATCHERS {
        let mut reader = Connection::to(relay, key).await;
        reader.send("POST /v1/watch HTTP/1.1\r\ncontent-type: application/json", &watch).await;
        reader.head_and(HEAD_CHUNK_BYTES).await;
        readers.push(reader);
    }
    let mut publisher = Connection::to(relay, key).await;
    let mut tells = read_all(readers);
    let mut times = Vec::new();
    for (head, octets) in appends {
        let started = Instant::now();
        publisher.send(&head, &octets).await;
        all(&mut tells).await;
        times.push(started.elapsed());
        publisher.object().await;
    }
    milliseconds(times)
}

fn through_loop(runtime: &Runtime) -> f64 {
    let (key, tls) = bare_tls::config();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (go, goes) = mpsc::unbounded_channel();
    let server = runtime.spawn(write_all(listener, TlsAcceptor::from(tls), goes));
    let time = on_thread(move || async move {
        let mut readers = Vec::new();
        for _ in 0..WATCHERS {
            readers.push(Connection::to(address, key).await);
        }
        let mut tells = read_all(readers);
        let mut times = Vec::new();
        for count in 0..FRAMES {
            let started = Instant::now();
            go.send(count).unwrap();
            all(&mut tells).await;
            times.push(started.elapsed());
        }
        milliseconds(times)
    });
    runtime.block_on(server).unwrap();
    time
}

async fn write_all(listener: TcpListener, tls: TlsAcceptor, mut goes: mpsc::UnboundedReceiver<usize>) {
    let mut streams: Vec<TlsStream<TcpStream>> = Vec::new();
    while streams.len() < WATCHERS {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(tls.accept(stream).await.unwrap());
    }
    while let Some(count) = goes.recv().await {
        let record = Record::Frame { slot: 0, sequence: Sequence(1), closing: false, octets: frame(count) };
        let chunk = [b"1010\r\n", &record.encode()[..], b"\r\n"].concat();
        for stream in &mut streams {
            stream.write_all(&chunk).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}
