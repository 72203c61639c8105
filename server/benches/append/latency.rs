//! One connection, one frame at a time: the acknowledgement beside the three things it cannot do without.

use crate::load::{Connection, Proofs, frame};
use crate::{Bench, FRAME_BYTES, ROUNDS, bare_tls, median, micros, percentile, raw};
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use twiza_protocol::{FrameDigest, MailboxKey, PassIssuer, Proof, RelayKey, RelaySigningKey, Request, Verb};
use twiza_relay::{Clock, SystemClock};

const SAMPLES: usize = 2000;

/// A request's head and an answer, in octets, as the load's are.
const HEAD_BYTES: usize = 320;
const ANSWER_BYTES: usize = 340;

pub(crate) fn compare(bench: &Bench) {
    println!("\none connection, one frame at a time; medians in microseconds");
    println!(
        "{:>10} {:>15} {:>14} {:>14} {:>11} {:>5} {:>5} {:>9}",
        "proofs", "acknowledgement", "one-row insert", "TLS round trip", "proof check", "sum", "ratio", "no store"
    );
    for proofs in [Proofs::Passes, Proofs::Signatures] {
        compare_with(bench, proofs);
    }
}

fn compare_with(bench: &Bench, proofs: Proofs) {
    let (mut relay, mut no_store) = (Vec::new(), Vec::new());
    let (mut row, mut round_trip, mut proof) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        relay.push(micros(bench.relay(1, SAMPLES, proofs).p50));
        no_store.push(micros(bench.no_store(1, SAMPLES, proofs).p50));
        row.push(middle(raw::single_rows(bench.fresh().path(), SAMPLES)));
        round_trip.push(middle(echo(bench)));
        proof.push(middle(proof_checks(proofs)));
    }
    let (relay, row, round_trip, proof) = (median(relay), median(row), median(round_trip), median(proof));
    let no_store = median(no_store);
    let sum = row + round_trip + proof;
    println!(
        "{:>10} {relay:>15.0} {row:>14.0} {round_trip:>14.0} {proof:>11.0} {sum:>5.0} {:>5.2} {no_store:>9.0}",
        format!("{proofs:?}"),
        relay / sum
    );
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    micros(percentile(&times, 0.5))
}

/// A frame there, an answer back, over TLS and nothing else. The server is on the relay's runtime, the client on the
/// load's kind of thread.
fn echo(bench: &Bench) -> Vec<Duration> {
    let (key, tls) = bare_tls::config();
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let server = bench.runtime.spawn(answer(listener, TlsAcceptor::from(tls)));
    let times = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(address, key))
    });
    let times = times.join().unwrap();
    bench.runtime.block_on(server).unwrap();
    times
}

async fn answer(listener: TcpListener, tls: TlsAcceptor) {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = tls.accept(stream).await.unwrap();
    let mut request = vec![0; HEAD_BYTES + FRAME_BYTES];
    let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {:0>9}\r\n\r\n", 0);
    let length = ANSWER_BYTES - head.len();
    let answer = head.replace("000000000", &format!("{length:0>9}")) + &"x".repeat(length);
    while stream.read_exact(&mut request).await.is_ok() {
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

async fn ask(address: SocketAddr, key: RelayKey) -> Vec<Duration> {
    let mut connection = Connection::to(address, key).await;
    let head = [b'h'; HEAD_BYTES];
    let mut times = Vec::with_capacity(SAMPLES);
    for count in 0..SAMPLES {
        let started = Instant::now();
        connection.request(&head, &frame(count)).await;
        times.push(started.elapsed());
    }
    times
}

/// Digest of the frame, text form and signature or MAC, as a request needs it.
fn proof_checks(proofs: Proofs) -> Vec<Duration> {
    let (key, relay) = (MailboxKey::from_seed(&[1; 32]), RelaySigningKey::from_seed(&[2; 32]));
    let (issuer, relay) = (PassIssuer::of(&relay), relay.public());
    let (address, verb, time) = (key.address(), Verb::Append { closing: false }, SystemClock.now());
    let pass = issuer.issue(&address, time);
    let made = (0..SAMPLES).map(|count| {
        let request = Request { relay: &relay, verb, time, body: FrameDigest::of(&frame(count)) };
        let text = match proofs {
            Proofs::Passes => pass.prove(&address, &request).to_string(),
            Proofs::Signatures => key.prove(&request).to_string(),
        };
        (count, text)
    });
    let check = |(count, text): (usize, String)| {
        let octets = frame(count);
        let started = Instant::now();
        let body = FrameDigest::of(&octets);
        let verified = match proofs {
            Proofs::Passes => issuer.verify(&text.parse().unwrap(), &address, &relay, verb, body, time),
            Proofs::Signatures => text.parse::<Proof>().unwrap().verify(&address, &relay, verb, body, time),
        };
        black_box(verified).unwrap();
        started.elapsed()
    };
    made.collect::<Vec<_>>().into_iter().map(check).collect()
}
