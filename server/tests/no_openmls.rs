//! That the relay cannot read is a fact of the build: nothing it links knows MLS, or our cryptography.
//!
//! Walks the lock file, where dependencies of every platform, feature and test are listed: more than is linked.

use std::collections::{HashMap, HashSet};
use toml::{Table, Value};

const NEVER_LINKED: [&str; 6] =
    ["openmls", "openmls_traits", "openmls_rust_crypto", "mls-rs", "twiza-crypto", "twiza-client"];

#[test]
fn the_relay_depends_on_no_mls() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let lock: Table = toml::from_str(&lock).unwrap();
    let mut dependencies: HashMap<&str, HashSet<&str>> = HashMap::new();
    for package in list(lock.get("package")) {
        // Versions of one package are taken together.
        let names = list(package.get("dependencies")).filter_map(|entry| entry.as_str()?.split(' ').next());
        dependencies.entry(package["name"].as_str().unwrap()).or_default().extend(names);
    }
    let (mut waiting, mut reached) = (vec!["twiza-relay"], HashSet::new());
    while let Some(name) = waiting.pop() {
        if reached.insert(name) {
            waiting.extend(&dependencies[name]);
        }
    }
    assert!(reached.contains("axum") && reached.contains("twiza-protocol"), "the walk works");
    for name in NEVER_LINKED {
        assert!(!reached.contains(name), "the relay depends on {name}");
    }
    assert!(dependencies.contains_key("openmls"), "the name is right: others depend on it");
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}
