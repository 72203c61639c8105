//! A Tor network of our own, on loopback: an authority, relays between, a client, and an onion service.
//!
//! ```text
//! twiza ──SOCKS──▶ tor (client) ──▶ five relays ◀── tor (service) ──▶ twiza-relay
//!                                      ▲ one authority says which there are, anew every ten seconds
//! ```
//!
//! It is what Tor itself is tested with (`TestingTorNetwork`, tor(1)), with all of the cryptography and none of the
//! waiting.

use crate::programs::{Process, free_place};
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Relays beside the authority, which is one as well: an onion service's circuits take up to four, and its descriptor
/// needs others.
const RELAYS: usize = 5;

/// How long a network may take to start: it takes some fifteen seconds, on an idle machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// What every node is told. Tor refuses to be its own network where it is not said so.
const EVERY_NODE: &str = "TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.25
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
ShutdownWaitLength 0
Log notice stdout
";

/// How the authority agrees with itself. In seconds; Tor takes nothing shorter.
const AUTHORITY: &str = "AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo operator@example.org
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
";

/// A running network.
#[derive(Debug)]
pub struct TorNetwork {
    _nodes: Vec<Process>,
    socks: SocketAddr,
    control: SocketAddr,
    /// The name of the onion service.
    pub onion: String,
}

impl TorNetwork {
    /// Whether `tor` is on this machine.
    #[must_use]
    pub fn is_possible() -> bool {
        let mut version = Command::new("tor");
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Starts a network in an empty folder, with an onion service as `service` describes it (lines of a torrc, in which
    /// `{folder}` stands for the service's own). Returns once the client and the service have circuits.
    ///
    /// # Errors
    /// Where `tor` does not start, or says that it cannot go on.
    pub fn start(folder: &Path, service: &str) -> Result<Self> {
        let authority = Authority::new(folder)?;
        let mut nodes = vec![start(folder, "authority", &authority.torrc)?];
        for number in 0..RELAYS {
            let name = format!("relay{number}");
            let torrc =
                format!("{}{}ORPort 127.0.0.1:auto IPv4Only\nAddress 127.0.0.1\n", authority.line, NOT_A_CLIENT);
            nodes.push(start(folder, &name, &torrc)?);
        }
        let own = folder.join("service").join("onion");
        let served = service.replace("{folder}", &own.display().to_string());
        nodes.push(start_with_circuits(folder, "service", &format!("{}SocksPort 0\n{served}", authority.line))?);
        let (socks, control) = (free_place()?, free_place()?);
        let ports = format!("SocksPort {socks}\nControlPort {control}\n");
        nodes.push(start_with_circuits(folder, "client", &format!("{}{ports}", authority.line))?);
        let onion = std::fs::read_to_string(own.join("hostname"))?.trim().to_owned();
        Ok(Self { _nodes: nodes, socks, control, onion })
    }

    /// The client's proxy, as `twiza --proxy` takes it.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("socks5h://{}", self.socks)
    }

    /// The user names by which those circuits of the client were asked for that lead to the onion service.
    ///
    /// # Errors
    /// Where a circuit was asked for by none, and where the client's control port does not answer.
    pub fn circuits(&self) -> Result<Vec<String>> {
        let mut control = TcpStream::connect(self.control)?;
        control.write_all(b"AUTHENTICATE\r\nGETINFO circuit-status\r\nQUIT\r\n")?;
        let lines = BufReader::new(control).lines().collect::<std::io::Result<Vec<_>>>()?;
        let joined =
            lines.iter().filter(|line| line.contains("PURPOSE=HS_CLIENT_REND") && line.contains("HSCR_JOINED"));
        let user = |line: &String| Some(line.split_once("SOCKS_USERNAME=\"")?.1.split_once('"')?.0.to_owned());
        joined.map(|line| user(line).with_context(|| format!("a circuit without a user name: {line}"))).collect()
    }
}

/// What relays between are told.
const NOT_A_CLIENT: &str = "SocksPort 0\nExitRelay 0\n";

/// Who says which nodes there are.
struct Authority {
    torrc: String,
    /// How others are told of it.
    line: String,
}

impl Authority {
    fn new(folder: &Path) -> Result<Self> {
        let keys = folder.join("authority").join("keys");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&keys)?;
        let (or, directory) = (free_place()?, free_place()?);
        let identity = certify(&keys, directory)?;
        let ports = format!("ORPort {or} IPv4Only\nDirPort {directory} IPv4Only\nAddress {}\n", or.ip());
        let own = format!("{AUTHORITY}{NOT_A_CLIENT}{ports}");
        let of = |fingerprint: &str| {
            let place = format!("orport={} no-v2 v3ident={identity} {directory}", or.port());
            format!("DirAuthority authority {place} {fingerprint}\n")
        };
        // Its own fingerprint is part of its settings, and is made with its first start.
        let provisional = write_torrc(folder, "authority", &format!("{}{own}", of(&"0".repeat(40))))?;
        let fingerprint = fingerprint(&provisional)?;
        let line = of(&fingerprint);
        Ok(Self { torrc: format!("{line}{own}"), line })
    }
}

/// Makes the authority's keys; gives the fingerprint of the one that lasts.
fn certify(keys: &Path, directory: SocketAddr) -> Result<String> {
    let mut gencert = Command::new("tor-gencert");
    gencert.args(["--create-identity-key", "--passphrase-fd", "0", "-m", "1", "-a", &directory.to_string()]);
    for (option, file) in
        [("-i", "authority_identity_key"), ("-s", "authority_signing_key"), ("-c", "authority_certificate")]
    {
        gencert.arg(option).arg(keys.join(file));
    }
    let mut making = gencert.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    making.stdin.take().context("no input")?.write_all(b"a passphrase\n")?;
    ensure!(making.wait()?.success(), "tor-gencert failed");
    let certificate = std::fs::read_to_string(keys.join("authority_certificate"))?;
    let line = certificate.lines().find_map(|line| line.strip_prefix("fingerprint "));
    Ok(line.context("no fingerprint in the authority's certificate")?.to_owned())
}

fn fingerprint(torrc: &Path) -> Result<String> {
    let listed = Command::new("tor").args(["--list-fingerprint", "--quiet", "-f"]).arg(torrc).output()?;
    ensure!(listed.status.success(), "tor: {}", String::from_utf8_lossy(&listed.stdout));
    let line = String::from_utf8(listed.stdout)?;
    let (_, fingerprint) = line.trim().split_once(' ').context("no fingerprint")?;
    Ok(fingerprint.replace(' ', ""))
}

fn write_torrc(folder: &Path, name: &str, settings: &str) -> Result<PathBuf> {
    let file = folder.join(format!("{name}.torrc"));
    let mut torrc = String::from(EVERY_NODE);
    writeln!(torrc, "Nickname {name}\nDataDirectory {}\n{settings}", folder.join(name).display())?;
    std::fs::write(&file, torrc)?;
    Ok(file)
}

/// Starts a node, which says in a file what it does.
fn start(folder: &Path, name: &str, settings: &str) -> Result<Process> {
    let log = File::create(folder.join(format!("{name}.log")))?;
    Ok(Process(command(folder, name, settings)?.stdout(log).spawn()?))
}

/// Starts a node; returns once it has circuits.
fn start_with_circuits(folder: &Path, name: &str, settings: &str) -> Result<Process> {
    let mut node = Process(command(folder, name, settings)?.stdout(Stdio::piped()).spawn()?);
    await_circuits(node.0.stdout.take().context("no output")?)
        .with_context(|| format!("tor ({name}) has no circuits"))?;
    Ok(node)
}

fn command(folder: &Path, name: &str, settings: &str) -> Result<Command> {
    let torrc = write_torrc(folder, name, settings)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join(name))?;
    let mut tor = Command::new("tor");
    // Nothing of the machine's own.
    tor.arg("--defaults-torrc").arg("/dev/null").arg("-f").arg(torrc);
    tor.stdin(Stdio::null()).stderr(Stdio::null());
    Ok(tor)
}

/// Reads what a node says, to its end; returns once it has circuits.
fn await_circuits(said: ChildStdout) -> Result<()> {
    let (told, circuits) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if line.contains("Bootstrapped 100%") {
                // Said once; where nobody waits any more, the test has failed.
                let _ = told.send(());
            }
        }
    });
    Ok(circuits.recv_timeout(PATIENCE)?)
}
