//! The manual pages are kept in `deploy/man`, and say what the program says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The pages in a folder, by their names.
fn pages(folder: &Path) -> BTreeMap<OsString, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), std::fs::read_to_string(entry.path()).unwrap())).collect()
}

#[test]
fn the_manual_says_what_the_program_says() {
    let kept = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/man"));
    let made = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(twiza_relay::cli::manual().disable_help_subcommand(true), made.path()).unwrap();
    if std::env::var_os("SNAPSHOTS").is_some_and(|wish| wish == "overwrite") {
        for (name, page) in pages(made.path()) {
            std::fs::write(kept.join(name), page).unwrap();
        }
    }
    let same = pages(kept) == pages(made.path());
    assert!(
        same,
        "write it anew, and remove what is no command: SNAPSHOTS=overwrite cargo test -p twiza-relay --test operator"
    );
}
