//! The program itself: its words, its files, its exit codes.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use twiza_protocol::RelayAddress;

fn relay(arguments: &[&str], data: Option<&Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twiza-relay"));
    command.env_clear().args(arguments);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    command
}

fn output(arguments: &[&str], data: Option<&Path>) -> Output {
    relay(arguments, data).output().unwrap()
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn serve(data: &Path, more: &[&str]) -> (Child, RelayAddress) {
    let mut command = relay(&[&["serve"], more].concat(), Some(data));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

#[test]
fn init_makes_private_files_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let made = output(&["init", "--public-host", "relay.example.net"], Some(&data));
    assert!(made.status.success(), "{}", text(&made.stderr));
    let address: RelayAddress = text(&made.stdout).trim().parse().unwrap();
    assert_eq!((address.host(), address.port()), ("relay.example.net", 7443));
    assert!(text(&made.stderr).contains("twiza-relay serve"));
    assert_eq!(mode(&data), 0o700);
    for file in ["relay.toml", "relay.key", "relay.crt"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let key = std::fs::read(data.join("relay.key")).unwrap();
    let again = output(&["init"], Some(&data));
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("already has a relay"));
    assert_eq!(std::fs::read(data.join("relay.key")).unwrap(), key);

    let told = output(&["address"], Some(&data));
    assert_eq!(told.stdout, made.stdout);
    let json: serde_json::Value = serde_json::from_slice(&output(&["address", "--json"], Some(&data)).stdout).unwrap();
    assert_eq!(json, serde_json::json!({ "version": 1, "address": address.to_string() }));
}

#[test]
fn it_serves_at_a_free_port_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    assert!(output(&["init", "--listen", "127.0.0.1:0"], Some(&data)).status.success());
    let (mut child, address) = serve(&data, &["--log-format", "json"]);
    assert_eq!(address.host(), "127.0.0.1");
    assert_eq!(mode(&data.join("relay.sqlite3")), 0o600);

    let taken = output(&["serve", "--listen", &format!("127.0.0.1:{}", address.port())], Some(&data));
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("is in use"));

    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("\"listening\"") && log.contains("\"stopped\""), "{log}");
    assert!(!log.contains("127.0.0.1") && !log.contains(&address.key().to_string()));
    assert!(!data.join("relay.sqlite3-wal").exists());
}

/// The log of a relay that starts and stops in a process with these limits.
fn log_under_limits(data: &Path, limits: &str) -> String {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("{limits} && exec \"$0\" \"$@\""),
        env!("CARGO_BIN_EXE_twiza-relay"),
        "serve",
        "--data",
    ]);
    let mut child = command.arg(data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}

#[test]
fn the_relay_takes_the_descriptors_it_may_have_and_tells_where_they_are_few() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    assert!(output(&["init", "--listen", "127.0.0.1:0"], Some(&data)).status.success());
    let raised = log_under_limits(&data, "ulimit -Sn 1024 && ulimit -Hn 8192");
    assert!(raised.contains("raised the limit of file descriptors") && raised.contains("8192"), "{raised}");
    assert!(!raised.contains("fewer connections"), "{raised}");
    let few = log_under_limits(&data, "ulimit -Sn 1024 && ulimit -Hn 1024");
    assert!(few.contains("fewer connections than asked for") && few.contains("possible=960"), "{few}");
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let early = output(&["serve"], Some(&data));
    assert_eq!(early.status.code(), Some(1));
    assert!(text(&early.stderr).contains("twiza-relay init --data"));

    assert!(output(&["init", "--listen", "127.0.0.1:0"], Some(&data)).status.success());
    std::fs::set_permissions(data.join("relay.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(text(&output(&["serve"], Some(&data)).stderr).contains("chmod 600"));
    std::fs::set_permissions(data.join("relay.key"), std::fs::Permissions::from_mode(0o600)).unwrap();

    std::fs::write(data.join("relay.toml"), "colour = 1").unwrap();
    let wrong = output(&["serve"], Some(&data));
    assert!(text(&wrong.stderr).contains("colour") && text(&wrong.stderr).contains("twiza-relay config"));
    assert_eq!(output(&["serve"], None).status.code(), Some(2));
}

#[test]
fn config_prints_the_defaults() {
    let config = output(&["config"], None);
    let settings: twiza_relay::Settings = toml::from_str(text(&config.stdout)).unwrap();
    assert_eq!(settings, twiza_relay::Settings::default());
}

#[test]
fn a_lost_key_and_a_grant_without_admission_are_told_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let made = output(&["init", "--listen", "0.0.0.0:0"], Some(&data));
    assert!(text(&made.stderr).contains("nobody on another machine can use it"), "{}", text(&made.stderr));
    let settings = std::fs::read_to_string(data.join("relay.toml")).unwrap();
    let granted = settings.replace("admission = \"open\"", "admission = \"grant\"");
    std::fs::write(data.join("relay.toml"), granted).unwrap();
    assert!(output(&["grant", "new", "spring"], Some(&data)).status.success());
    std::fs::write(data.join("relay.toml"), &settings).unwrap();
    let refused = output(&["serve"], Some(&data));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("set admission = \"grant\""), "{}", text(&refused.stderr));
    let listed = format!("grants_sha256 = [\"{}\"]", "0".repeat(64));
    std::fs::write(data.join("relay.toml"), settings.replace("grants_sha256 = []", &listed)).unwrap();
    assert!(text(&output(&["serve"], Some(&data)).stderr).contains("set admission = \"grant\""));

    std::fs::write(data.join("relay.toml"), settings).unwrap();
    std::fs::remove_file(data.join("relay.key")).unwrap();
    let refused = output(&["serve"], Some(&data));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("put your copy of it back"), "{}", text(&refused.stderr));
}
