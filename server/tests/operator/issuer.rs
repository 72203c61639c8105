//! An issuer of tokens, as its operator deals with it.

use crate::program::{made, output, serve, stop, text};
use std::path::PathBuf;
use tempfile::TempDir;
use twiza_protocol::{RelayAddress, TokenGrant, TokenKey};

fn made_issuer() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("issuer");
    let made = output(&["init", "--issuer", "--listen", "127.0.0.1:0", "--public-host", "127.0.0.1"], &data);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("token.key"), "what to keep is said");
    (folder, data)
}

#[test]
fn a_grant_names_the_issuer_and_its_key_and_its_secret_is_kept_nowhere() {
    let (_folder, data) = made_issuer();
    let key: TokenKey = text(&output(&["token-key"], &data).stdout).trim().parse().unwrap();
    let address: RelayAddress = text(&output(&["address"], &data).stdout).trim().parse().unwrap();
    let grant: TokenGrant = text(&output(&["grant", "new", "spring"], &data).stdout).trim().parse().unwrap();
    assert_eq!((grant.key, &grant.issuer), (key.id(), &address));
    for file in std::fs::read_dir(&data).unwrap() {
        let kept = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains(&grant.secret));
    }
    let again = output(&["init", "--issuer"], &data);
    assert!(!again.status.success() && text(&again.stderr).contains("already has a relay"), "{}", text(&again.stderr));
    let kept = text(&output(&["token-key", "--json"], &data).stdout).to_owned();
    assert!(kept.contains(&key.to_string()), "what was there is as it was");
}

#[test]
fn doctor_and_seizure_know_an_issuer() {
    let (_folder, data) = made_issuer();
    let doctor = output(&["doctor"], &data);
    assert!(text(&doctor.stdout).contains("there is no grant"), "{}", text(&doctor.stdout));
    assert!(output(&["grant", "new", "spring"], &data).status.success());
    let (mut child, address) = serve(&data, &["--public-port", "1"]);
    assert_eq!(address.port(), 1, "the address has the public port");
    let told = output(&["seizure"], &data);
    let told = text(&told.stdout);
    for part in ["token.key", "issued.sqlite3", "issued (request", "a grant called spring", "signed blindly"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("NOT KNOWN") && !told.contains("not the relay's"), "{told}");
    assert!(stop(&mut child).contains("issuing tokens"));
    std::fs::write(data.join("token.key"), "no key").unwrap();
    let doctor = output(&["doctor"], &data);
    assert_eq!(doctor.status.code(), Some(3));
    assert!(text(&doctor.stdout).contains("does not hold a token key"), "{}", text(&doctor.stdout));
    std::fs::remove_file(data.join("token.key")).unwrap();
    for command in ["serve", "token-key"] {
        let refused = output(&[command], &data);
        assert!(!refused.status.success(), "an issuer without its key becomes no relay");
        assert!(text(&refused.stderr).contains("put your copy of it back"), "{}", text(&refused.stderr));
    }
}

#[test]
fn what_makes_no_sense_at_a_relay_or_an_issuer_says_where_it_does() {
    let (_folder, issuer) = made_issuer();
    let (_other, relay) = made();
    let refusals = [
        (&["token-key"][..], &relay, "is a relay and no issuer"),
        (&["backup", "/nowhere/at/all"], &issuer, "keep a copy of them"),
        (&["stats"], &issuer, "has no mailboxes"),
    ];
    for (arguments, data, words) in refusals {
        let refused = output(arguments, data);
        assert!(!refused.status.success() && text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
    let key = text(&output(&["token-key"], &issuer).stdout).trim().to_owned();
    let settings = std::fs::read_to_string(relay.join("relay.toml")).unwrap();
    let change = |from: &str, to: &str| {
        std::fs::write(relay.join("relay.toml"), settings.replace(from, to)).unwrap();
    };
    change("admission = \"open\"", "admission = \"token\"");
    let refused = output(&["serve"], &relay);
    assert!(text(&refused.stderr).contains("token_keys is empty"), "{}", text(&refused.stderr));
    change("token_keys = []", "token_keys = [\"AAAA\"]");
    let refused = output(&["serve"], &relay);
    assert!(text(&refused.stderr).contains("not a token key"), "{}", text(&refused.stderr));
    let both = settings.replace("admission = \"open\"", "admission = \"token\"");
    let both = both.replace("token_keys = []", &format!("token_keys = [\"{key}\"]"));
    std::fs::write(relay.join("relay.toml"), both).unwrap();
    let refused = output(&["grant", "new", "spring"], &relay);
    assert!(text(&refused.stderr).contains("at the issuer"), "{}", text(&refused.stderr));
    let (mut child, _) = serve(&relay, &[]);
    stop(&mut child);
}
