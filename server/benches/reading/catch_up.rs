//! One reader and a long backlog.

use crate::bare_tls;
use crate::connection::Connection;
use crate::served::Served;
use crate::{RECORD_BYTES, ROUNDS, median};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use bytes::Bytes;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;
use tokio::runtime::Runtime;
use twiza_protocol::{Limits, RelayKey, Sequence, Verb};

const FRAMES: usize = 10_000;

pub(crate) fn compare(runtime: &Runtime) {
    let frames_per_page = usize::try_from(Limits::default().page_bytes_max).unwrap() / crate::FRAME_BYTES;
    let served = Served::with_frames(runtime, FRAMES);
    let pages: Vec<_> = (0..FRAMES).step_by(frames_per_page).collect();
    let requests: Vec<_> = pages
        .iter()
        .map(|after| {
            let proof = served.prove(Verb::Read { after: Sequence(*after as u64) }, b"");
            let mailbox = served.mailbox.address();
            format!("GET /v1/mailboxes/{mailbox}/frames?after={after} HTTP/1.1\r\ntwiza-proof: {proof}")
        })
        .collect();
    let (key, address) = serve_static(runtime, frames_per_page * RECORD_BYTES);
    let static_requests: Vec<_> = pages
        .iter()
        .map(|after| {
            let path = if FRAMES - after < frames_per_page { FRAMES - after } else { frames_per_page };
            format!("GET /{path} HTTP/1.1")
        })
        .collect();
    let (mut relay, mut fixed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        relay.push(read(served.address, served.key, requests.clone()));
        fixed.push(read(address, key, static_requests.clone()));
    }
    let (relay, fixed) = (median(relay), median(fixed));
    println!(
        "catch-up of {FRAMES}: relay {:.0} frames/s, static pages {:.0} frames/s, ratio {:.2}",
        FRAMES as f64 / relay,
        FRAMES as f64 / fixed,
        fixed / relay
    );
    served.stop(runtime);
}

/// Pages of so many records, which the path tells, without anything behind them.
fn serve_static(runtime: &Runtime, page_bytes: usize) -> (RelayKey, SocketAddr) {
    let (key, tls) = bare_tls::config();
    let page = Bytes::from(vec![0x5a; page_bytes]);
    let answer = async move |axum::extract::Path(frames): axum::extract::Path<usize>| {
        let octets = page.slice(..frames * RECORD_BYTES);
        Body::from_stream(futures_util::stream::iter([Ok::<_, Infallible>(octets)]))
    };
    let router = Router::new().route("/{frames}", get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let server = from_tcp_rustls(listener, RustlsConfig::from_config(tls)).unwrap();
        server.serve(router.into_make_service()).await.unwrap();
    });
    (key, address)
}

/// Seconds to read all pages, one after the other.
fn read(server: SocketAddr, key: RelayKey, requests: Vec<String>) -> f64 {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = Connection::to(server, key).await;
            let started = Instant::now();
            let mut octets = 0;
            for request in &requests {
                connection.send(request, &[]).await;
                octets += connection.whole().await;
            }
            assert!(octets >= FRAMES * RECORD_BYTES, "{octets}");
            started.elapsed().as_secs_f64()
        })
    });
    thread.join().unwrap()
}
