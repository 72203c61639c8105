//! A relay that is an onion service, as `deploy/proxies/torrc` makes it one, and people who reach it through Tor.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};
use twiza_tests::programs;
use twiza_tests::programs::{Person, Process, RelayProcess, free_place};
use twiza_tests::tor::TorNetwork;

/// How long it may take until an onion service is found that was just made known.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program that watches. Ends when dropped.
struct Watching {
    _process: Process,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(person: &Person) -> Result<Self> {
        let mut watch = person.command(&["--json", "watch"]);
        let mut process = Process(watch.stdout(Stdio::piped()).spawn()?);
        let lines = BufReader::new(process.0.stdout.take().context("no output")?).lines();
        Ok(Self { _process: process, lines })
    }

    /// What somebody says next; `None` where the program ended.
    fn next_text(&mut self) -> Option<String> {
        let text =
            |line: String| Some(serde_json::from_str::<Value>(&line).ok()?["entry"]["text"].as_str()?.to_owned());
        self.lines.by_ref().map_while(Result::ok).find_map(text)
    }
}

/// The part of the example that makes the service, with this port of the relay's.
fn service(port: u16) -> Result<String> {
    let example = std::fs::read_to_string(format!("{}/../deploy/proxies/torrc", env!("CARGO_MANIFEST_DIR")))?;
    let replaced =
        [("HiddenServiceDir /var/lib/tor/twiza-relay/", "HiddenServiceDir {folder}"), ("7443", &port.to_string())];
    replaced.into_iter().try_fold(example, |text, (from, to)| {
        ensure!(text.contains(from), "the example has {from}");
        Ok(text.replace(from, to))
    })
}

/// Somebody who reaches relays through this network only.
fn person(home: &Path, name: &str, network: &TorNetwork) -> Result<Person> {
    let mut person = Person::new(programs!(), home, name);
    person.proxy = network.proxy();
    person.types(&["init", "--name", name, "--organisation", "Nour"])?;
    Ok(person)
}

fn check_until_found(person: &Person, address: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let checked = person.tries(&["relay", "check", address])?;
        if checked.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&checked.stderr).into_owned();
        ensure!(started.elapsed() < PATIENCE, "the onion service is not found: {why}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn an_alliance_lives_at_an_onion_service() -> Result<()> {
    if !TorNetwork::is_possible() {
        writeln!(std::io::stderr(), "SKIPPED: tor is not here: apt-get install tor")?;
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let port = free_place()?.port();
    let network = TorNetwork::start(folder.path(), &service(port)?)?;
    let data = folder.path().join("twiza-relay");
    RelayProcess::init(programs!(), &data, &format!("127.0.0.1:{port}"))?;
    let relay = RelayProcess::serve(programs!(), &data, &["--public-host", &network.onion])?;
    assert!(relay.address.contains(".onion:"), "{}", relay.address);
    let amina = person(folder.path(), "amina", &network)?;
    let karim = person(folder.path(), "karim", &network)?;
    check_until_found(&amina, &relay.address)?;
    amina.types(&["alliance", "create", "Tafukt", "--relay", &relay.address])?;
    amina.lets_in(&karim, "member", &[])?;
    amina.types(&["send", "azul"])?;
    let mut watch = Watching::start(&karim)?;
    assert_eq!(watch.next_text().as_deref(), Some("azul"));
    amina.types(&["send", "timlilit"])?;
    assert_eq!(watch.next_text().as_deref(), Some("timlilit"), "it comes while it is watched");

    // `circuits` fails where one has no credentials: nothing went by a circuit that others may share.
    assert!(network.circuits()?.len() > 1);
    Ok(())
}
