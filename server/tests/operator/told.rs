//! What is told of a relay: by its log, by `stats` and by `seizure`.

use crate::program::{made, output, serve, stop, text};

#[test]
fn the_log_tells_the_day_and_nothing_finer() {
    let (_folder, data) = made();
    let clock = regex::Regex::new("[0-9]{1,2}:[0-9]{2}").unwrap();
    for format in ["human", "json"] {
        let (mut child, _) = serve(&data, &["--log-format", format, "--log-level", "debug"]);
        let log = stop(&mut child);
        assert!(log.contains("20") && !clock.is_match(&log), "{log}");
    }
}

#[test]
fn stats_and_seizure_tell_what_is_there() {
    let (_folder, data) = made();
    let early = output(&["stats"], &data);
    assert!(text(&early.stderr).contains("no database yet"), "{}", text(&early.stderr));
    let early: serde_json::Value = serde_json::from_slice(&output(&["stats", "--json"], &data).stderr).unwrap();
    assert!(early["error"]["message"].as_str().is_some_and(|message| message.contains("no database yet")), "{early}");
    let (mut child, _) = serve(&data, &[]);
    let stats: serde_json::Value = serde_json::from_slice(&output(&["stats", "--json"], &data).stdout).unwrap();
    assert_eq!((&stats["mailboxes"], &stats["frame_bytes_left"]), (&0.into(), &10_737_418_240_u64.into()));

    std::fs::write(data.join("a friend's letter"), "").unwrap();
    let told = output(&["seizure"], &data);
    let told = text(&told.stdout);
    for name in ["relay.key", "relay.toml", "relay.crt", "relay.sqlite3", "relay.sqlite3-wal", "mailbox (slot"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(told.contains("a friend's letter (0 bytes): not the relay's"), "{told}");
    assert!(!told.contains("NOT KNOWN"), "{told}");
    stop(&mut child);
}

#[test]
fn two_programs_do_not_serve_one_folder() {
    let (_folder, data) = made();
    let (mut child, _) = serve(&data, &[]);
    let second = output(&["serve"], &data);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("serves"), "{}", text(&second.stderr));
    stop(&mut child);
    let (mut child, _) = serve(&data, &[]);
    stop(&mut child);
}

#[test]
fn what_breaks_off_while_a_relay_is_made_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    std::fs::create_dir(&data).unwrap();
    // Nothing can be written there.
    std::os::unix::fs::symlink("/nowhere/at/all", data.join("relay.key")).unwrap();
    assert_eq!(output(&["init"], &data).status.code(), Some(1));
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0);
    assert!(output(&["init"], &data).status.success());
}

#[test]
fn a_script_is_told_of_wrong_words_as_of_all_else() {
    let (_folder, data) = made();
    for words in [&["stats", "--json", "--yaml"][..], &["grant", "new", "--json"]] {
        let refused = output(words, &data);
        assert_eq!(refused.status.code(), Some(2));
        let told: serde_json::Value = serde_json::from_slice(&refused.stderr).unwrap();
        assert!(told["error"]["message"].as_str().is_some_and(|message| message.contains("Usage: ")), "{told}");
        assert_eq!(told["error"]["code"], "usage");
    }
    let plain = output(&["stats", "--yaml"], &data);
    assert!(plain.status.code() == Some(2) && text(&plain.stderr).starts_with("error: "), "{}", text(&plain.stderr));
    let code = |words: &[&str]| {
        let told: serde_json::Value = serde_json::from_slice(&output(words, &data).stderr).unwrap();
        told["error"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&["stats", "--json"]), "failed");
    std::fs::write(data.join("relay.sqlite3"), "no database, but long enough to be looked at ".repeat(100)).unwrap();
    assert_eq!(code(&["stats", "--json"]), "database");
    std::fs::write(data.join("grants.toml"), "[").unwrap();
    assert_eq!(code(&["grant", "list", "--json"]), "grants");
    std::fs::write(data.join("relay.toml"), "[").unwrap();
    assert_eq!(code(&["stats", "--json"]), "settings");
    std::fs::remove_file(data.join("relay.toml")).unwrap();
    assert_eq!(code(&["stats", "--json"]), "no_relay");
    let help = output(&["stats", "--json", "--help"], &data);
    assert!(help.status.success() && text(&help.stdout).contains("--json"), "help is for people");
}
