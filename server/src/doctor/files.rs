//! Who can read the data folder, and whether all of it is there.

use super::Finding;
use crate::folder::FolderError;
use crate::settings::Settings;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use twiza_protocol::RelaySigningKey;

const SUBJECT: &str = "data folder";

/// What an interrupted `backup`, `restore` or `grant` leaves.
const LEFT_OVER: [&str; 3] = ["partial", "restoring", "new"];

pub(super) fn examine(settings: &Settings, key: &Result<RelaySigningKey, FolderError>) -> Vec<Finding> {
    let folder = settings.folder();
    let mut findings = Vec::new();
    if let Err(error) = key {
        findings.push(Finding::wrong(SUBJECT, error.to_string(), "until then the relay does not start"));
    }
    match look(folder.path()) {
        Ok(more) => findings.extend(more),
        Err(error) => {
            let found = format!("{} cannot be looked at ({error})", folder.path().display());
            findings.push(Finding::wrong(SUBJECT, found, "run doctor as the user that runs the relay, or as root"));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("{}, for its owner only", folder.path().display())));
    }
    findings
}

fn look(folder: &Path) -> std::io::Result<Vec<Finding>> {
    let of_folder = folder.metadata()?;
    let mut findings: Vec<_> = exposed(folder, &of_folder, "700").into_iter().collect();
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 && uid != of_folder.uid() {
        let found = "this user is not the owner of the data folder";
        findings.push(Finding::attention(SUBJECT, found, "run doctor as the user that runs the relay, or as root"));
    }
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    for path in paths {
        // A log of the database may have gone since.
        let Ok(metadata) = path.metadata() else { continue };
        findings.extend(exposed(&path, &metadata, "600"));
        if metadata.uid() != of_folder.uid() {
            let found = format!("{} belongs to another user than its folder", path.display());
            let advice = format!("chown --reference={} {}", folder.display(), path.display());
            findings.push(Finding::wrong(SUBJECT, found, advice));
        }
        if path.extension().is_some_and(|ending| LEFT_OVER.iter().any(|left| ending == *left)) {
            let found = format!("{} was left by something that broke off", path.display());
            findings.push(Finding::attention(SUBJECT, found, "remove it, unless that is still running"));
        }
    }
    Ok(findings)
}

fn exposed(path: &Path, metadata: &Metadata, mode: &str) -> Option<Finding> {
    (metadata.permissions().mode() & 0o077 != 0).then(|| {
        let path = path.display();
        Finding::wrong(SUBJECT, format!("other users can read or change {path}"), format!("chmod {mode} {path}"))
    })
}
