//! A relay on a real TLS listener, and a client that can also do wrong.

use crate::pinned;
use reqwest::{Client, Method, Response};
use std::net::TcpListener;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{
    CoarseTime, FrameDigest, MailboxKey, Problem, ProblemCode, Proof, Receipt, Record, RecordDecoder, RelayAddress,
    RelayKey, Request, Sequence, Verb, WatchEntry, WatchRequest,
};
use twiza_relay::store::SqliteStore;
use twiza_relay::{ManualClock, Running, Settings, cli, start_on};

pub(crate) const NOW: CoarseTime = CoarseTime(29_000_000);

pub(crate) struct TestRelay {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) running: Running,
    pub(crate) shutdown: CancellationToken,
    pub(crate) settings: Settings,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) client: TestClient,
}

/// Starts a relay with settings changed from the defaults.
pub(crate) async fn relay_with(change: impl FnOnce(&mut Settings)) -> TestRelay {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::in_folder(folder.path().join("relay"));
    settings.listen = "127.0.0.1:0".parse().unwrap();
    cli::init::create(&settings).unwrap();
    change(&mut settings);
    serve(folder, settings, Arc::new(ManualClock::at(NOW))).await
}

pub(crate) async fn relay() -> TestRelay {
    relay_with(|_| ()).await
}

async fn serve(folder: TempDir, settings: Settings, clock: Arc<ManualClock>) -> TestRelay {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let listener = TcpListener::bind(settings.listen).unwrap();
    let shutdown = CancellationToken::new();
    let store = Arc::new(SqliteStore::open(&settings.folder().prepare_database().unwrap()).await.unwrap());
    let started = start_on(store.clone(), settings.clone(), listener, clock.clone(), shutdown.clone());
    let running = started.await.unwrap();
    let client = TestClient::to(running.address(), NOW);
    TestRelay { folder, clock, running, shutdown, settings, store, client }
}

impl TestRelay {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.stopped().await.unwrap();
    }

    /// Stops, and starts again in the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.shutdown.cancel();
        self.running.stopped().await.unwrap();
        serve(self.folder, self.settings, self.clock).await
    }
}

#[derive(Clone)]
pub(crate) struct TestClient {
    pub(crate) http: Client,
    pub(crate) base: String,
    pub(crate) relay: RelayKey,
    pub(crate) now: CoarseTime,
}

pub(crate) fn key(name: u8) -> MailboxKey {
    MailboxKey::from_seed(&[name; 32])
}

pub(crate) fn frame(octet: u8) -> Vec<u8> {
    vec![octet; 1024]
}

impl TestClient {
    /// A client of the relay that holds the address's key, on the loopback interface.
    pub(crate) fn to(relay: &RelayAddress, now: CoarseTime) -> Self {
        let tls = pinned::client_config(*relay.key(), &["h2", "http/1.1"]);
        let http = Client::builder().tls_backend_preconfigured(tls).build().unwrap();
        Self { http, base: format!("https://127.0.0.1:{}", relay.port()), relay: *relay.key(), now }
    }

    /// The same client of the same relay, at another address.
    pub(crate) fn at(&self, address: std::net::SocketAddr) -> Self {
        Self { base: format!("https://{address}"), ..self.clone() }
    }

    pub(crate) fn prove(&self, key: &MailboxKey, verb: Verb, body: &[u8]) -> Proof {
        self.prove_at(key, verb, body, self.now)
    }

    pub(crate) fn prove_at(&self, key: &MailboxKey, verb: Verb, body: &[u8], time: CoarseTime) -> Proof {
        key.prove(&Request { relay: &self.relay, verb, time, body: FrameDigest::of(body) })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn mailbox(&self, key: &MailboxKey) -> String {
        format!("{}/v1/mailboxes/{}", self.base, key.address())
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        proof: Option<&Proof>,
        media_type: &str,
        body: Vec<u8>,
    ) -> Response {
        let mut request = self.http.request(method, url).header("content-type", media_type).body(body);
        if let Some(proof) = proof {
            request = request.header(PROOF_HEADER, proof.to_string());
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn open(&self, key: &MailboxKey, body: &str) -> Response {
        let proof = self.prove(key, Verb::Open, body.as_bytes());
        self.send(Method::PUT, &self.mailbox(key), Some(&proof), "application/json", body.into()).await
    }

    pub(crate) async fn append(&self, key: &MailboxKey, octets: Vec<u8>, closing: bool) -> Response {
        self.try_append(key, octets, closing).await.unwrap()
    }

    /// As `append`, of a relay that may go away.
    pub(crate) async fn try_append(
        &self,
        key: &MailboxKey,
        octets: Vec<u8>,
        closing: bool,
    ) -> reqwest::Result<Response> {
        let proof = self.prove(key, Verb::Append { closing }, &octets);
        let url = format!("{}/frames?closing={closing}", self.mailbox(key));
        let request = self.http.post(url).header("content-type", "application/octet-stream");
        request.header(PROOF_HEADER, proof.to_string()).body(octets).send().await
    }

    pub(crate) async fn read(&self, key: &MailboxKey, after: u64) -> Response {
        let after = Sequence(after);
        let proof = self.prove(key, Verb::Read { after }, b"");
        let url = format!("{}/frames?after={after}", self.mailbox(key));
        self.send(Method::GET, &url, Some(&proof), "application/octet-stream", Vec::new()).await
    }

    pub(crate) fn entry(&self, key: &MailboxKey, after: u64) -> WatchEntry {
        let after = Sequence(after);
        WatchEntry { address: key.address(), after, proof: self.prove(key, Verb::Watch { after }, b"") }
    }

    pub(crate) async fn watch(&self, mailboxes: Vec<WatchEntry>) -> Response {
        self.try_watch(mailboxes).await.unwrap()
    }

    /// As `watch`, of a relay that may go away.
    pub(crate) async fn try_watch(&self, mailboxes: Vec<WatchEntry>) -> reqwest::Result<Response> {
        let body = serde_json::to_vec(&WatchRequest { mailboxes }).unwrap();
        self.http
            .post(format!("{}/v1/watch", self.base))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
    }
}

/// A problem answer must be one in every respect.
pub(crate) async fn problem(response: Response) -> Problem {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let status = response.status().as_u16();
    let problem: Problem = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((problem.status, problem.code.status()), (status, status));
    problem
}

pub(crate) async fn code(response: Response) -> ProblemCode {
    problem(response).await.code
}

pub(crate) async fn receipt(response: Response, status: u16) -> Receipt {
    assert_eq!(response.status().as_u16(), status);
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

pub(crate) async fn records(response: Response) -> Vec<Record> {
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.twiza.records");
    let mut decoder = RecordDecoder::default();
    decoder.push(&response.bytes().await.unwrap());
    let records = std::iter::from_fn(|| decoder.next_record().unwrap()).collect();
    assert!(decoder.is_at_boundary());
    records
}

/// A watch that is read record by record.
pub(crate) struct Watching {
    response: Response,
    decoder: RecordDecoder,
}

impl Watching {
    pub(crate) fn new(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200);
        Self { response, decoder: RecordDecoder::default() }
    }

    /// The next record, heartbeats aside; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Record> {
        loop {
            match self.decoder.next_record().unwrap() {
                Some(Record::Heartbeat) => {}
                Some(record) => return Some(record),
                None => self.decoder.push(&self.response.chunk().await.unwrap()?),
            }
        }
    }
}
