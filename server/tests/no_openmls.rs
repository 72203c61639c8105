//! That the relay cannot read is a fact of the build: nothing it links knows MLS, or our cryptography.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::process::Command;

const NEVER_LINKED: [&str; 5] = ["openmls", "openmls_traits", "mls-rs", "twiza-crypto", "twiza-client"];

#[test]
fn the_relay_links_no_mls() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: HashMap<&str, &str> = array(&metadata["packages"])
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let nodes: HashMap<&str, &Value> =
        array(&metadata["resolve"]["nodes"]).map(|node| (node["id"].as_str().unwrap(), node)).collect();

    let root = names.iter().find(|(_, name)| **name == "twiza-relay").map(|(id, _)| *id).unwrap();
    let (mut waiting, mut linked) = (vec![root], HashSet::new());
    while let Some(id) = waiting.pop() {
        if linked.insert(id) {
            let normal = array(&nodes[id]["deps"])
                .filter(|dependency| array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()));
            waiting.extend(normal.map(|dependency| dependency["pkg"].as_str().unwrap()));
        }
    }
    let linked: HashSet<&str> = linked.into_iter().map(|id| names[id]).collect();
    assert!(linked.contains("axum") && linked.contains("twiza-protocol"), "the walk works");
    for name in NEVER_LINKED {
        assert!(!linked.contains(name), "the relay links {name}");
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
