//! The relay's router, over a real store and without a connection: any method, path, headers and body, and requests that
//! are right up to a point.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{
    CoarseTime, FrameDigest, MailboxKey, Problem, ProblemCode, RelayKey, Sequence, Verb, WatchEntry, WatchRequest,
};
use twiza_relay::settings::TransportMode;
use twiza_relay::store::SqliteStore;
use twiza_relay::{ManualClock, Running, Settings, cli, start_on};

const NOW: CoarseTime = CoarseTime(29_000_000);

const METHODS: [&str; 9] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FANCY"];

/// Octets of an answer that are read: a page and more.
const ANSWER_BYTES_MAX: usize = 8 << 20;

struct Relay {
    runtime: Runtime,
    router: Router,
    key: RelayKey,
    _running: Running,
    _folder: TempDir,
}

impl Relay {
    fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut settings = Settings::in_folder(folder.path().join("relay"));
        settings.listen = "127.0.0.1:0".parse()?;
        settings.transport = TransportMode::Plain;
        cli::init::create(&settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let running = runtime.block_on(async {
            let store = Arc::new(SqliteStore::open(&settings.folder().prepare_database()?).await?);
            let listener = TcpListener::bind(settings.listen)?;
            let clock = Arc::new(ManualClock::at(NOW));
            anyhow::Ok(start_on(store, settings, listener, clock, CancellationToken::new()).await?)
        })?;
        let key = *running.address().key();
        Ok(Self { runtime, router: running.router(), key, _running: running, _folder: folder })
    }
}

fn relay() -> &'static Mutex<Relay> {
    static RELAY: OnceLock<Mutex<Relay>> = OnceLock::new();
    RELAY.get_or_init(|| Mutex::new(Relay::start().expect("a relay")))
}

/// One request; whether the relay did what it asked for.
pub fn request(data: &[u8]) -> bool {
    let mut relay = relay().lock().unwrap_or_else(PoisonError::into_inner);
    let mut input = Input(data);
    let kind = input.octet() % 6;
    let Some(request) = build(kind, &mut input, &relay.key) else { return false };
    let (head, watches) = (request.method() == Method::HEAD, request.uri().path() == "/v1/watch");
    let Relay { runtime, router, .. } = &mut *relay;
    runtime.block_on(async {
        let Ok(response) = router.call(request).await;
        check(response, head, watches).await
    })
}

/// Every answer is one of the protocol's: a problem in every respect, or a success.
async fn check(response: Response<Body>, head: bool, watches: bool) -> bool {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["cache-control"], "no-store");
    if status < 300 {
        // A watch goes on for ever: that it began is all there is to see.
        if !watches {
            to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.expect("an answer that ends");
        }
        return true;
    }
    assert_eq!(response.headers()["content-type"], "application/problem+json", "status {status}");
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.expect("a short answer");
    if !head {
        let problem: Problem = serde_json::from_slice(&body).expect("a problem");
        assert_eq!((problem.status, problem.code.status()), (status, status));
        assert_ne!(problem.code, ProblemCode::Internal, "the relay failed");
        assert_ne!(problem.code, ProblemCode::Unknown);
    }
    false
}

fn build(kind: u8, input: &mut Input<'_>, relay: &RelayKey) -> Option<Request<Body>> {
    if kind == 0 {
        return raw(input);
    }
    let key = MailboxKey::from_seed(&[input.octet() % 4 + 1; 32]);
    let flags = input.octet();
    let mailbox = format!("/v1/mailboxes/{}", key.address());
    match kind {
        1 => {
            let body = if input.0.is_empty() { b"{}".to_vec() } else { input.0.to_vec() };
            Some(signed(relay, &key, "PUT", &mailbox, Verb::Open, "application/json", body, flags))
        }
        2 => {
            let closing = flags & 4 != 0;
            let mut body = input.0.to_vec();
            body.resize(if flags & 8 == 0 { 1024 } else { body.len() }, 0);
            let path = format!("{mailbox}/frames?closing={closing}");
            Some(signed(relay, &key, "POST", &path, Verb::Append { closing }, "application/octet-stream", body, flags))
        }
        3 => {
            let after = number(input);
            let path = format!("{mailbox}/frames?after={}", after.0);
            Some(signed(relay, &key, "GET", &path, Verb::Read { after }, "text/plain", Vec::new(), flags))
        }
        4 => watch(input, relay, flags),
        _ => {
            let place = ["/v1/relay", "/v1/openapi.json", "/healthz"][usize::from(flags % 3)];
            let query = String::from_utf8_lossy(input.0);
            Request::get(format!("{place}?{query}")).body(Body::empty()).ok()
        }
    }
}

/// Method, path, up to four headers and a body, as they come.
fn raw(input: &mut Input<'_>) -> Option<Request<Body>> {
    let method = METHODS[usize::from(input.octet()) % METHODS.len()];
    let uri = Uri::try_from(input.counted()).ok()?;
    let mut request = Request::builder().method(method).uri(uri);
    for _ in 0..input.octet() % 5 {
        let (name, value) = (HeaderName::from_bytes(input.counted()), HeaderValue::from_bytes(input.counted()));
        if let (Ok(name), Ok(value)) = (name, value) {
            request = request.header(name, value);
        }
    }
    request.body(Body::from(input.0.to_vec())).ok()
}

fn number(input: &mut Input<'_>) -> Sequence {
    let mut octets = [0; 8];
    let found = input.counted();
    let length = found.len().min(8);
    octets[8 - length..].copy_from_slice(&found[..length]);
    Sequence(u64::from_be_bytes(octets))
}

/// A request that is right, unless the flags spoil its proof (1) or its media type (2).
#[expect(clippy::too_many_arguments, reason = "a request has so many parts, and this is their only place")]
fn signed(
    relay: &RelayKey,
    key: &MailboxKey,
    method: &str,
    path: &str,
    verb: Verb,
    media_type: &str,
    body: Vec<u8>,
    flags: u8,
) -> Request<Body> {
    let time = if flags & 1 == 0 { NOW } else { CoarseTime(u64::from(flags)) };
    let proof = key.prove(&twiza_protocol::Request { relay, verb, time, body: FrameDigest::of(&body) });
    let media_type = if flags & 2 == 0 { media_type } else { "text/html; charset=utf-8" };
    let request = Request::builder().method(method).uri(path).header("content-type", media_type);
    request.header(PROOF_HEADER, proof.to_string()).body(Body::from(body)).expect("a request")
}

fn watch(input: &mut Input<'_>, relay: &RelayKey, flags: u8) -> Option<Request<Body>> {
    let entry = |input: &mut Input<'_>| {
        let key = MailboxKey::from_seed(&[input.octet() % 5 + 1; 32]);
        let after = number(input);
        let (verb, body) = (Verb::Watch { after }, FrameDigest::of(b""));
        let proof = key.prove(&twiza_protocol::Request { relay, verb, time: NOW, body });
        WatchEntry { address: key.address(), after, proof }
    };
    let mailboxes = (0..flags >> 2).map(|_| entry(input)).collect();
    let mut body = serde_json::to_vec(&WatchRequest { mailboxes }).ok()?;
    // What is left of the input overwrites the end of a right body.
    let place = body.len().saturating_sub(if flags & 1 == 0 { 0 } else { input.0.len() });
    body.splice(place.., input.0.iter().copied().filter(|_| flags & 1 != 0));
    let request = Request::post("/v1/watch").header("content-type", "application/json");
    request.body(Body::from(body)).ok()
}

/// Octets taken off from the front as a target needs them; zeros after the end.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many octets as the next one says.
    fn counted(&mut self) -> &'a [u8] {
        let count = usize::from(self.octet()).min(self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
}
