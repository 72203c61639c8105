//! That a running relay reads nothing outside its folder, as far as the kernel can see to it.
#![cfg(target_os = "linux")]

use crate::program::{made, serve};
use std::io::{Read, Write};
use std::path::Path;

/// What `GET /healthz` answers: its status.
fn health(port: u16) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_whitespace().nth(1).unwrap().to_owned()
}

/// Starts a relay whose database was moved here after its start, with a link in its place; gives what `healthz` says
/// when the relay opens the database again, and the log.
fn health_after_moving_the_database_to(place: &Path) -> (String, String) {
    let (_folder, data) = made();
    let (mut child, address) = serve(&data, &["--transport", "plain"]);
    let place = data.join(place);
    std::fs::create_dir_all(&place).unwrap();
    for name in ["relay.sqlite3", "relay.sqlite3-wal", "relay.sqlite3-shm"] {
        std::fs::rename(data.join(name), place.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(place.join("relay.sqlite3"), data.join("relay.sqlite3")).unwrap();
    let health = health(address.port());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    (health, log)
}

#[test]
fn a_running_relay_reads_nothing_outside_its_folder() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (outside, log) = health_after_moving_the_database_to(elsewhere.path());
    if log.contains("not confined from inside") {
        writeln!(std::io::stderr(), "SKIPPED: this kernel has no Landlock; it takes Linux 5.13").unwrap();
        return;
    }
    assert!(log.contains("confined to the data folder"), "{log}");
    assert_eq!(outside, "500", "{log}");
    let (inside, log) = health_after_moving_the_database_to(Path::new("inside"));
    assert_eq!(inside, "200", "{log}");
}
