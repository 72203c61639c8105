//! `doctor`, at a relay that is well and at one that is broken in many ways.

use crate::program::{made, output, serve, stop};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn doctor(data: &Path, more: &[&str]) -> (Option<i32>, Vec<(String, String, String)>) {
    let output = output(&[&["doctor", "--json"], more].concat(), data);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().unwrap().iter();
    let findings =
        findings.map(|f| (text(&f["subject"]), text(&f["verdict"]), format!("{} {}", f["found"], f["advice"])));
    (output.status.code(), findings.collect())
}

fn verdict<'f>(findings: &'f [(String, String, String)], subject: &str) -> (&'f str, &'f str) {
    let of_subject = findings.iter().filter(|(of, ..)| of == subject);
    let worst = of_subject.max_by_key(|(_, verdict, _)| ["ok", "attention", "wrong"].iter().position(|v| v == verdict));
    let (_, verdict, text) = worst.unwrap();
    (verdict, text)
}

#[test]
fn doctor_finds_a_relay_well_and_tells_what_was_broken() {
    let (folder, data) = made();
    let (mut child, address) = serve(&data, &[]);
    let listen = format!("127.0.0.1:{}", address.port());
    let at = ["--listen", &listen];

    let (code, well) = doctor(&data, &at);
    assert_eq!(code, Some(0), "{well:?}");
    for subject in ["data folder", "database", "certificate", "port", "reachability", "clock"] {
        assert_eq!(verdict(&well, subject).0, "ok", "{subject}: {well:?}");
    }
    let (_, nat) = doctor(&data, &[&at[..], &["--public-port", "1"]].concat());
    assert_eq!(verdict(&nat, "reachability").0, "wrong");
    assert!(verdict(&nat, "reachability").1.contains("router"), "{nat:?}");
    let (_, name) = doctor(&data, &[&at[..], &["--public-host", "no-such-name.invalid"]].concat());
    assert!(verdict(&name, "reachability").1.contains("spelt right"), "{name:?}");

    // Another relay at the port of this one, and under its address.
    let other = folder.path().join("other");
    assert!(output(&["init", "--public-host", "127.0.0.1"], &other).status.success());
    let (code, taken) = doctor(&other, &at);
    assert_eq!((code, verdict(&taken, "port").0), (Some(3), "wrong"), "{taken:?}");
    assert_eq!(verdict(&taken, "reachability").0, "attention", "not tried");
    stop(&mut child);

    let (code, stopped) = doctor(&data, &at);
    assert_eq!((code, verdict(&stopped, "reachability").0), (Some(0), "attention"), "{stopped:?}");
    std::fs::set_permissions(data.join("relay.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(data.join("relay.crt"), std::fs::read(other.join("relay.crt")).unwrap()).unwrap();
    std::fs::write(data.join("relay.sqlite3"), vec![7; 8192]).unwrap();
    let (code, broken) = doctor(&data, &at);
    assert_eq!(code, Some(3));
    assert!(verdict(&broken, "data folder").1.contains("chmod 600"), "{broken:?}");
    assert!(verdict(&broken, "database").1.contains("restore"), "{broken:?}");
    assert_eq!(verdict(&broken, "certificate").0, "wrong", "{broken:?}");
}

#[test]
fn what_was_changed_under_a_running_relay_and_what_keeps_it_from_starting_is_found() {
    let (_folder, data) = made();
    let file = data.join("relay.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let (mut child, address) = serve(&data, &[]);
    let listen = format!("127.0.0.1:{}", address.port());
    let at = ["--listen", &listen];
    std::fs::write(&file, settings.replace("admission = \"open\"", "admission = \"grant\"")).unwrap();
    let (code, findings) = doctor(&data, &at);
    assert_eq!((code, verdict(&findings, "port").0), (Some(3), "wrong"), "{findings:?}");
    assert!(verdict(&findings, "port").1.contains("start the relay again"), "{findings:?}");
    stop(&mut child);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let told = format!("metrics_listen = \"{}\"\n{settings}", taken.local_addr().unwrap());
    std::fs::write(&file, told).unwrap();
    let (code, findings) = doctor(&data, &at);
    assert_eq!(code, Some(3), "{findings:?}");
    assert!(verdict(&findings, "port").1.contains("metrics_listen"), "{findings:?}");

    // What a full disk leaves of a file would open a relay to anybody.
    std::fs::write(&file, "# nothing\n\n").unwrap();
    let (code, findings) = doctor(&data, &at);
    assert_eq!((code, verdict(&findings, "settings").0), (Some(3), "wrong"), "{findings:?}");
    let refused = output(&["serve"], &data);
    assert!(crate::program::text(&refused.stderr).contains("nothing is set in it"), "{refused:?}");
}

#[test]
fn settings_that_cannot_be_read_are_a_finding_like_others() {
    let (_folder, data) = made();
    let settings = std::fs::read_to_string(data.join("relay.toml")).unwrap();
    for mistake in ["retention_dayz = 3", "retention_days = \"many\"", "token_keys = [\"AAAA\"]"] {
        std::fs::write(data.join("relay.toml"), format!("{mistake}\n{settings}")).unwrap();
        let (code, findings) = doctor(&data, &[]);
        assert_eq!((code, verdict(&findings, "settings").0), (Some(3), "wrong"), "{findings:?}");
    }
}
