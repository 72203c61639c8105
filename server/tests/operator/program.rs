//! The program, as an operator starts it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use twiza_protocol::RelayAddress;

pub(crate) fn relay(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twiza-relay"));
    command.env_clear().args(arguments).arg("--data").arg(data);
    command
}

pub(crate) fn output(arguments: &[&str], data: &Path) -> Output {
    relay(arguments, data).output().unwrap()
}

pub(crate) fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

/// A relay that was just made, in a folder of its own.
pub(crate) fn made() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let made = output(&["init", "--listen", "127.0.0.1:0", "--public-host", "127.0.0.1"], &data);
    assert!(made.status.success(), "{}", text(&made.stderr));
    (folder, data)
}

pub(crate) fn serve(data: &Path, more: &[&str]) -> (Child, RelayAddress) {
    let mut command = relay(&[&["serve"], more].concat(), data);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

/// Stops it, and gives its log.
pub(crate) fn stop(child: &mut Child) -> String {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}
