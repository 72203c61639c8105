//! Behind nginx and Caddy, with the settings that `deploy/proxies` has: every verb, and a watch that is not held back.

use crate::harness::{TestClient, TestRelay, Watching, frame, key, receipt, records, relay_with};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::Certificate;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use twiza_protocol::{MailboxKey, Record};
use twiza_relay::settings::TransportMode;

/// How long something may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Watches that are tried.
const ATTEMPTS: u8 = 4;

/// A proxy before a relay. Killed when dropped.
struct Proxy {
    relay: TestRelay,
    process: Child,
    _folder: TempDir,
    url: String,
    authority: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Proxy {
    async fn start(start: impl FnOnce(&Path, u16, u16) -> Command) -> Self {
        let relay = relay_with(|settings| settings.transport = TransportMode::Plain).await;
        let folder = tempfile::tempdir().unwrap();
        let authority = certify(folder.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = start(folder.path(), port, relay.running.address().port());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { relay, process, _folder: folder, url: format!("https://localhost:{port}"), authority }
    }

    fn client(&self, http1_only: bool) -> TestClient {
        let authority = Certificate::from_pem(self.authority.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().tls_certs_only([authority]);
        if http1_only {
            builder = builder.http1_only();
        }
        let client = self.relay.client.clone();
        TestClient { http: builder.build().unwrap(), base: self.url.clone(), ..client }
    }

    /// Waits until the proxy leads to the relay.
    async fn ready(&self) {
        let client = self.client(false).http;
        let url = format!("{}/healthz", self.url);
        let answers = async {
            while !client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers).await.expect("the proxy answers");
    }
}

/// A certificate for localhost, `chain.pem` and `key.pem`; gives the authority's.
fn certify(folder: &Path) -> String {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("chain.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    pem
}

fn example(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../deploy/proxies/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The example, with each of these once and replaced.
fn adapted(name: &str, replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(example(name), |text, (from, to)| {
        assert!(text.contains(from), "{name} has {from}");
        text.replace(from, to)
    })
}

fn nginx(folder: &Path, port: u16, relay: u16) -> Command {
    let place = folder.display();
    let site = adapted(
        "nginx.conf",
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("server_name relay.example.org", "server_name localhost"),
            ("/etc/letsencrypt/live/relay.example.org/fullchain.pem", &format!("{place}/chain.pem")),
            ("/etc/letsencrypt/live/relay.example.org/privkey.pem", &format!("{place}/key.pem")),
            ("server 127.0.0.1:7443", &format!("server 127.0.0.1:{relay}")),
        ],
    );
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {place}/{kind};"))
        .concat();
    let file = folder.join("nginx.conf");
    let whole = format!("pid {place}/pid; daemon off; error_log /dev/null; events {{}} http {{ {folders}\n{site} }}");
    std::fs::write(&file, whole).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(file);
    command
}

fn caddy(folder: &Path, port: u16, relay: u16) -> Command {
    let place = folder.display();
    let site = format!("https://localhost:{port} {{\n\ttls {place}/chain.pem {place}/key.pem");
    let example = adapted(
        "Caddyfile",
        &[
            ("relay.example.org {", &site),
            ("reverse_proxy 127.0.0.1:7443", &format!("reverse_proxy 127.0.0.1:{relay}")),
            ("admin off", "admin off\n\tauto_https disable_redirects"),
        ],
    );
    let file = folder.join("Caddyfile");
    std::fs::write(&file, example).unwrap();
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", folder);
    command
}

/// Whether this program can be started; where not, says so past the test runner.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        let told = writeln!(std::io::stderr(), "SKIPPED: {program} is not here: apt-get install {program}");
        told.unwrap();
    }
    found
}

async fn serves_through(proxy: &Proxy, http1_only: bool, name: u8) {
    let (client, key) = (proxy.client(http1_only), key(name));
    assert_eq!(client.open(&key, "").await.status(), 201);
    receipt(client.append(&key, vec![1; 1 << 20], false).await, 201).await;
    assert_eq!(records(client.read(&key, 0).await).await.len(), 2);

    // Caddy 2.6 now and then closes its own way to the relay while a watch passes ("use of closed network connection" in its log);
    // a client watches again, as it does after any cut.
    for attempt in 0..ATTEMPTS {
        let watched = watch_through(&client, &key, attempt);
        if tokio::time::timeout(PATIENCE, watched).await.expect("a watch is not held back") {
            return;
        }
    }
    panic!("each of {ATTEMPTS} watches was cut");
}

/// Watches from the end while three frames are appended. Whether all came.
async fn watch_through(client: &TestClient, key: &MailboxKey, attempt: u8) -> bool {
    let end = records(client.read(key, 0).await).await.len() as u64 - 1;
    let mut watching = Watching::new(client.watch(vec![client.entry(key, end)]).await);
    let Some(first) = watching.next().await else { return false };
    assert!(matches!(first, Record::Head { .. }), "{first:?}");
    for place in 1..4 {
        receipt(client.append(key, frame(16 * attempt + place), false).await, 201).await;
        let Some(next) = watching.next().await else { return false };
        let Record::Frame { sequence, .. } = next else { panic!("a frame comes at once, and not {next:?}") };
        assert_eq!(sequence.0, end + u64::from(place));
    }
    true
}

async fn serves(proxy: Proxy) {
    proxy.ready().await;
    serves_through(&proxy, false, 1).await;
    serves_through(&proxy, true, 2).await;
}

#[tokio::test]
async fn a_relay_serves_behind_nginx() {
    if has("nginx") {
        serves(Proxy::start(nginx).await).await;
    }
}

#[tokio::test]
async fn a_relay_serves_behind_caddy() {
    if has("caddy") {
        serves(Proxy::start(caddy).await).await;
    }
}
