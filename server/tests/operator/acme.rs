//! Certificates by ACME: a real authority (Pebble, the testing one of Let's Encrypt), and the program confined as it always is.

use crate::program::{output, relay, text};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use twiza_protocol::{Describe, RelayAddress};

const HOST: &str = "relay.example.test";

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, or gone now.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// An authority that finds every name on this machine, and looks at the relay's port in place of 443.
struct Authority {
    _pebble: Running,
    _names: Running,
    directory: String,
    management: String,
    root: PathBuf,
}

impl Authority {
    fn start(folder: &Path, relay_port: u16) -> Self {
        let [port, management, dns, names_management] = [(); 4].map(|()| free_port());
        let (own_key, root) = (folder.join("pebble.key"), folder.join("pebble.pem"));
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&root, own.pem()).unwrap();
        std::fs::write(&own_key, key.serialize_pem()).unwrap();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"), "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": root, "privateKey": own_key, "httpPort": 1, "tlsPort": relay_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        } });
        let file = folder.join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        names.args(["-dns01", &format!("127.0.0.1:{dns}")]);
        names.args(["-management", &format!("127.0.0.1:{names_management}")]);
        let mut names = quiet(&mut names);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(file).args(["-strict", "-dnsserver", &format!("127.0.0.1:{dns}")]);
        let mut pebble = quiet(pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0"));
        until_open(&mut names, names_management);
        until_open(&mut pebble, port);
        until_open(&mut pebble, management);
        let directory = format!("https://localhost:{port}/dir");
        Self { _pebble: pebble, _names: names, directory, management: format!("localhost:{management}"), root }
    }

    /// The certificate that this authority's are signed by, which is another at each start.
    fn issuer(&self) -> CertificateDer<'static> {
        let roots = CertificateDer::pem_file_iter(&self.root).unwrap().map(Result::unwrap).collect();
        let port = self.management.rsplit_once(':').unwrap().1.parse().unwrap();
        let answer = get(port, "localhost", "/roots/0", roots);
        CertificateDer::from_pem_slice(answer.split_once("\r\n\r\n").unwrap().1.as_bytes()).unwrap()
    }
}

fn quiet(command: &mut Command) -> Running {
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn until_open(process: &mut Running, port: u16) {
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert_eq!(process.0.try_wait().unwrap(), None, "it ended");
        std::thread::yield_now();
    }
}

/// An answer over TLS, by a certificate that one of these vouches for.
fn get(port: u16, host: &str, path: &str, roots: Vec<CertificateDer<'static>>) -> String {
    let mut store = RootCertStore::empty();
    roots.into_iter().for_each(|root| store.add(root).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(store).with_no_client_auth());
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Some servers hang up without saying goodbye.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

fn serve(data: &Path) -> (Running, BufReader<ChildStderr>, RelayAddress) {
    let mut child = relay(&["serve"], data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    (Running(child), log, address.trim().parse().unwrap())
}

/// Reads the log up to a line with these words.
fn until_told(log: &mut BufReader<ChildStderr>, words: &str) {
    let mut told = String::new();
    while !told.lines().any(|line| line.contains(words)) {
        assert!(log.read_line(&mut told).unwrap() > 0, "the relay ended: {told}");
        assert!(!told.contains("ERROR") && !told.contains("no certificate could be had"), "{told}");
    }
}

fn describe(port: u16, roots: &CertificateDer<'static>) -> Describe {
    let answer = get(port, HOST, "/v1/relay", vec![roots.clone()]);
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn a_relay_gets_its_certificate_itself_and_keeps_it() {
    if Command::new("pebble").arg("-h").output().is_err() {
        writeln!(std::io::stderr(), "SKIPPED: pebble is not here: apt-get install pebble").unwrap();
        return;
    }
    let folder: TempDir = tempfile::tempdir().unwrap();
    let (data, port) = (folder.path().join("relay"), free_port());
    let authority = Authority::start(folder.path(), port);
    let listen = format!("127.0.0.1:{port}");
    let made = output(&["init", "--listen", &listen, "--public-host", HOST], &data);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file = data.join("relay.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let changes = [
        ("transport = \"pinned\"", "transport = \"acme\"".to_owned()),
        ("https://acme-v02.api.letsencrypt.org/directory", authority.directory.clone()),
        ("# acme_root_file = \"/etc/ssl/own-authority.pem\"", format!("acme_root_file = {:?}", authority.root)),
    ];
    let settings = changes.iter().fold(settings, |settings, (from, to)| {
        assert!(settings.contains(from), "{from}");
        settings.replace(from, to)
    });
    std::fs::write(&file, settings).unwrap();

    let (running, mut log, address) = serve(&data);
    assert_eq!(address.to_string(), format!("https://{HOST}:{port}/{}", address.key()));
    until_told(&mut log, "serving with a new certificate");
    let issuer = authority.issuer();
    assert_eq!(describe(port, &issuer).relay_key, *address.key());
    drop((running, log));
    let kept = std::fs::read(data.join("acme.pem")).unwrap();
    for name in ["acme.pem", "acme.account"] {
        assert_eq!(data.join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }

    // Without the authority: what it has is good.
    drop(authority);
    let (_running, mut log, _) = serve(&data);
    until_told(&mut log, "serving with the certificate of before");
    assert_eq!(describe(port, &issuer).relay_key, *address.key());
    assert_eq!(std::fs::read(data.join("acme.pem")).unwrap(), kept);
    let doctor = output(&["doctor", "--json"], &data);
    let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let found = doctor["findings"].as_array().unwrap().iter().filter(|finding| finding["subject"] == "certificate");
    let found: Vec<_> = found.map(|finding| finding["found"].as_str().unwrap()).collect();
    assert!(found.len() == 2 && found[0].contains("443") && found[1].starts_with("good from"), "{found:?}");
    let told = output(&["seizure"], &data);
    assert!(!text(&told.stdout).contains("not the relay's: see"), "{}", text(&told.stdout));
}
