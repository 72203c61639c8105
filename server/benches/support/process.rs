//! The built relay in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use twiza_protocol::{RelayAddress, RelayKey};
use twiza_relay::{Settings, cli};

/// The built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_twiza-relay");

pub(crate) struct Process {
    program: Child,
    pub(crate) key: RelayKey,
    pub(crate) socket: SocketAddr,
}

impl Process {
    /// Starts it on a free port, with a data folder that is there.
    pub(crate) fn start(data: &Path) -> Self {
        let mut program = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address: RelayAddress = line.trim().parse().unwrap();
        Self { program, key: *address.key(), socket: SocketAddr::from(([127, 0, 0, 1], address.port())) }
    }

    /// What Linux tells of its resident memory.
    pub(crate) fn resident_kib(&self) -> u64 {
        resident_kib_of(&self.program)
    }
}

/// Makes a relay's data folder there, with these settings in the place of those that `init` writes.
pub(crate) fn made_in(folder: &Path, settings: &str) -> PathBuf {
    let data = folder.join("relay");
    let mut made = Settings::in_folder(data.clone());
    made.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    cli::init::create(&made).unwrap();
    std::fs::write(data.join("relay.toml"), settings).unwrap();
    data
}

/// What Linux tells of a process's resident memory.
pub(crate) fn resident_kib_of(program: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}
