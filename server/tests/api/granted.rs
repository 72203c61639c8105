//! Grants of a relay that runs: made and taken back by the program, without a restart.

use crate::crash::{Program, relay};
use crate::harness::{code, key};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use twiza_protocol::ProblemCode;

fn grant(arguments: &[&str], data: &Path) -> Output {
    relay(&[&["grant"], arguments].concat(), data).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_running_relay_follows_what_is_granted_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    assert!(relay(&["init", "--listen", "127.0.0.1:0"], &data).output().unwrap().status.success());
    assert!(!grant(&["new", "spring"], &data).status.success(), "a grant where anybody may come is a misunderstanding");
    let settings = std::fs::read_to_string(data.join("relay.toml")).unwrap();
    std::fs::write(data.join("relay.toml"), settings.replace("admission = \"open\"", "admission = \"grant\"")).unwrap();

    let program = Program::serve(&data, &[]);
    let client = &program.client;
    let secret = json(&grant(&["new", "spring", "--json"], &data))["grant"].as_str().unwrap().to_owned();
    assert!(secret.len() == 48 && secret.bytes().all(|octet| octet.is_ascii_hexdigit()), "can be typed anywhere");
    let body = format!("{{\"grant\":\"{secret}\"}}");
    assert_eq!(client.open(&key(1), &body).await.status(), 201);
    let listed = json(&grant(&["list", "--json"], &data));
    assert_eq!(listed["grants"][0]["label"], "spring");
    let kept = std::fs::read_to_string(data.join("grants.toml")).unwrap();
    assert!(!kept.contains(&secret) && !listed.to_string().contains(&secret), "only its digest is kept");

    assert!(grant(&["revoke", "spring"], &data).status.success());
    assert_eq!(code(client.open(&key(2), &body).await).await, ProblemCode::GrantRequired);
    assert_eq!(client.open(&key(1), &body).await.status(), 200, "what is there stays with whoever proves it");
    assert_eq!(client.open(&key(1), "").await.status(), 200);
    assert!(!grant(&["revoke", "spring"], &data).status.success());
    program.kill();
}
