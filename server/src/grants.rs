//! Grants that the operator made, with a label each: a file in the data folder, and the list of a running relay that
//! follows it.
//!
//! Whoever has a grant may open mailboxes. The grant itself is shown once, when it is made; what is kept is its digest.
//!
//! ```text
//! [[grant]]
//! label = "spring"                 # for the operator: nobody else needs to understand it
//! sha256 = "9f86d0…"
//! made = "2026-11-26"              # a day, and nothing finer
//! ```

use crate::admission::GrantDigest;
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};
use thiserror::Error;

const HEAD: &str =
    "# Grants of this relay. `twiza-relay grant new`, `list` and `revoke` keep it; a running relay follows.\n\n";

/// A grant, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What the operator calls it.
    pub label: String,
    /// Its digest.
    pub sha256: GrantDigest,
    /// The day on which it was made.
    pub made: String,
}

/// A file of grants that cannot be used, or a change to it that makes no sense. The operator's to mend.
#[derive(Debug, Error)]
pub enum GrantsError {
    /// It cannot be read or written.
    #[error("cannot use {path} ({source}): may this user read and write it?", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not of the form that `grant` writes.
    #[error("{path} has a mistake: mend it, or put a copy of it back:\n{reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// There are grants, and they are of no use.
    #[error(
        "{path} lists grants, but anybody may use this relay: set admission = \"grant\" in relay.toml, or revoke them",
        path = .0.display()
    )]
    Idle(PathBuf),
    /// The label is taken.
    #[error("there is a grant {0} already: choose another label, or revoke that one first")]
    LabelTaken(String),
    /// No grant has this label.
    #[error("there is no grant {0}: `twiza-relay grant list` shows which there are")]
    LabelUnknown(String),
    /// A label that would be misread.
    #[error("a grant's label has 1 to 40 letters, digits, dots, hyphens or underscores")]
    LabelMalformed,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    grant: Vec<Grant>,
}

/// Reads the grants of a file; where there is none, there are no grants.
///
/// # Errors
/// [`GrantsError`].
pub fn read(path: &Path) -> Result<Vec<Grant>, GrantsError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(GrantsError::Io { path: path.to_owned(), source }),
    };
    let malformed =
        |error: toml::de::Error| GrantsError::Malformed { path: path.to_owned(), reason: error.to_string() };
    let grants = toml::from_str::<File>(&text).map_err(malformed)?.grant;
    grants.iter().try_for_each(|grant| check_label(&grant.label))?;
    Ok(grants)
}

/// Labels reach the terminal.
fn check_label(label: &str) -> Result<(), GrantsError> {
    let plain = |c: char| c.is_alphanumeric() || ['.', '-', '_'].contains(&c);
    let fits = (1..=40).contains(&label.chars().count()) && label.chars().all(plain);
    if fits { Ok(()) } else { Err(GrantsError::LabelMalformed) }
}

/// Adds a grant.
///
/// # Errors
/// [`GrantsError`].
pub fn add(path: &Path, grant: Grant) -> Result<(), GrantsError> {
    check_label(&grant.label)?;
    let _locked = lock(path)?;
    let mut grants = read(path)?;
    if grants.iter().any(|known| known.label == grant.label) {
        return Err(GrantsError::LabelTaken(grant.label));
    }
    grants.push(grant);
    write(path, grants)
}

/// Takes a grant away. Gives how many are left.
///
/// # Errors
/// [`GrantsError`].
pub fn revoke(path: &Path, label: &str) -> Result<usize, GrantsError> {
    let _locked = lock(path)?;
    let mut grants = read(path)?;
    let before = grants.len();
    grants.retain(|grant| grant.label != label);
    if grants.len() == before {
        return Err(GrantsError::LabelUnknown(label.to_owned()));
    }
    let left = grants.len();
    write(path, grants)?;
    Ok(left)
}

/// Two who change the file at once would each undo what the other did.
fn lock(path: &Path) -> Result<fs::File, GrantsError> {
    private_file::lock_folder(path).map_err(|source| GrantsError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, grant: Vec<Grant>) -> Result<(), GrantsError> {
    let malformed =
        |error: toml::ser::Error| GrantsError::Malformed { path: path.to_owned(), reason: error.to_string() };
    let text = toml::to_string(&File { grant }).map_err(malformed)?;
    // A running relay sees the old list or the new one, and nothing between.
    private_file::replace(path, format!("{HEAD}{text}").as_bytes())
        .map_err(|source| GrantsError::Io { path: path.to_owned(), source })
}

/// The grants of a running relay: those of its settings, and those of the file, which is looked at whenever a grant is
/// shown, and read where it has changed. So a grant that is revoked admits nobody from that moment on.
#[derive(Debug)]
pub struct LiveGrants {
    of_settings: Vec<GrantDigest>,
    file: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    state: Option<State>,
    digests: Arc<[GrantDigest]>,
    /// The state of the file that could not be read, where that was told.
    told: Option<Option<State>>,
}

/// What tells that a file is another one now: inode, length, and the time of its change.
type State = (u64, u64, i64, i64);

impl LiveGrants {
    /// These, and what is in the file.
    ///
    /// # Errors
    /// [`GrantsError`] where the file is there and cannot be used.
    pub fn open(of_settings: Vec<GrantDigest>, file: PathBuf) -> Result<Self, GrantsError> {
        let (state, digests) = (state(&file), all(&of_settings, &file)?);
        Ok(Self { of_settings, file, read: Mutex::new(Read { state, digests, told: None }) })
    }

    /// The grants at this moment. Where the file cannot be read, those of before, and the log tells.
    pub(crate) fn now(&self) -> Arc<[GrantDigest]> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state(&self.file);
        if state != read.state {
            match all(&self.of_settings, &self.file) {
                Ok(digests) => {
                    read.digests = digests;
                    read.state = state;
                    read.told = None;
                }
                // Tried again every time; told once for each state of the file.
                Err(_) if read.told != Some(state) => {
                    tracing::error!("grants.toml cannot be read: the grants of before are good until it can");
                    read.told = Some(state);
                }
                Err(_) => {}
            }
        }
        read.digests.clone()
    }
}

fn state(file: &Path) -> Option<State> {
    let metadata = file.metadata().ok()?;
    Some((metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

fn all(of_settings: &[GrantDigest], file: &Path) -> Result<Arc<[GrantDigest]>, GrantsError> {
    let of_file = read(file)?.into_iter().map(|grant| grant.sha256);
    Ok(of_settings.iter().cloned().chain(of_file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(label: &str, secret: &str) -> Grant {
        Grant { label: label.to_owned(), sha256: GrantDigest::of(secret), made: "2026-11-26".to_owned() }
    }

    #[test]
    fn a_running_list_follows_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grants.toml");
        let live = LiveGrants::open(vec![GrantDigest::of("fixed")], file.clone()).unwrap();
        assert_eq!(*live.now(), [GrantDigest::of("fixed")]);
        add(&file, grant("spring", "one")).unwrap();
        add(&file, grant("autumn", "two")).unwrap();
        assert_eq!(*live.now(), ["fixed", "one", "two"].map(GrantDigest::of));
        assert_eq!(revoke(&file, "spring").unwrap(), 1);
        assert_eq!(*live.now(), ["fixed", "two"].map(GrantDigest::of));
        std::fs::write(&file, "no grants").unwrap();
        assert_eq!(*live.now(), ["fixed", "two"].map(GrantDigest::of), "a mistake locks nobody out, or in");
        assert!(matches!(LiveGrants::open(Vec::new(), file), Err(GrantsError::Malformed { .. })));
    }

    #[test]
    fn changes_at_the_same_time_are_all_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grants.toml");
        let labels = |prefix: &str| (0..20).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
        labels("old").iter().for_each(|label| add(&file, grant(label, label)).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| labels("old").iter().for_each(|label| assert!(revoke(&file, label).is_ok())));
            scope.spawn(|| labels("new").iter().for_each(|label| add(&file, grant(label, label)).unwrap()));
        });
        let left: Vec<_> = read(&file).unwrap().into_iter().map(|grant| grant.label).collect();
        assert_eq!(left, labels("new"));
    }

    #[test]
    fn labels_are_plain_and_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grants.toml");
        for label in ["", "two words", "a\u{202e}b", &"a".repeat(41)] {
            assert!(matches!(add(&file, grant(label, "x")), Err(GrantsError::LabelMalformed)), "{label:?}");
        }
        add(&file, grant("ربيع", "one")).unwrap();
        assert!(matches!(add(&file, grant("ربيع", "two")), Err(GrantsError::LabelTaken(_))));
        assert!(matches!(revoke(&file, "other"), Err(GrantsError::LabelUnknown(_))));
        assert_eq!(read(&file).unwrap(), [grant("ربيع", "one")]);
        assert!(!private_file::is_exposed(&file).unwrap());
    }
}
