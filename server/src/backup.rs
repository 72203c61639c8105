//! Backups: one file with everything that makes this relay, made while it serves, and the way back.
//!
//! The key is in it: without the key a restored relay would have another address, and nobody would find it. So whoever
//! has a backup can pose as the relay; it is born readable by its owner only, and `docs/operating.md` says how to keep
//! it. What a frame says is as unreadable there as on the relay.

mod digest;

use crate::folder::{Folder, FolderError};
use crate::private_file;
use crate::store::sqlite::parcel::{self, Carried};
use crate::store::{SqliteUpkeep, StoreError, Upkeep};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// A backup that was not made, or not restored. The operator's to mend; the texts say how.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is a file of this name.
    #[error("{file} is there already, and nothing is overwritten: choose another name", file = .0.display())]
    Exists(PathBuf),
    /// Another `backup` or `restore` writes it.
    #[error("{file} is being written by another command: wait for it, or choose another name", file = .0.display())]
    Busy(PathBuf),
    /// There is no such backup.
    #[error("there is no file {file}: is its name spelt right?", file = .0.display())]
    Absent(PathBuf),
    /// Not made by `backup`.
    #[error("{file} is no backup of a relay: `twiza-relay backup` makes one", file = .0.display())]
    NoBackup(PathBuf),
    /// A backup that has lost something.
    #[error("{file} is damaged ({found}): use another backup. Nothing was restored", file = .file.display())]
    Damaged {
        /// The backup.
        file: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// A relay's folder that cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database failed.
    #[error("the database failed: {}", crate::store::chain(.0))]
    Store(#[from] StoreError),
    /// The operating system refused.
    #[error("cannot use {path} ({source}): is its folder there, is there room, and may this user write there?", path = .path.display())]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Writes a backup. The relay may serve meanwhile; what it acknowledged before is in it.
///
/// # Errors
/// [`BackupError`]; where there is one, no file is left.
pub fn back_up(folder: &Folder, database: &dyn Upkeep, file: &Path) -> Result<(), BackupError> {
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    // Without the key, it would be of no use.
    folder.read_key()?;
    // Where it breaks off, nothing looks like a backup.
    let partial = Unfinished::create(beside(file, ".partial"))?;
    database.copy_into(&partial.path)?;
    let mut carried = Vec::new();
    for path in folder.files_beside_database().into_iter().filter(|path| path.exists()) {
        let octets = std::fs::read(&path).map(Zeroizing::new).map_err(|source| io_error(&path, source))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        carried.push(Carried { name, octets });
    }
    parcel::pack(&partial.path, &carried)?;
    partial.seal()?;
    partial.finish(file)
}

/// Makes a relay from a backup, in a folder that has none.
///
/// # Errors
/// [`BackupError`]; where there is one, nothing is left of the attempt.
pub fn restore(file: &Path, folder: &Folder) -> Result<(), BackupError> {
    folder.refuse_occupied()?;
    let mut source = File::open(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BackupError::Absent(file.to_owned()),
        _ => io_error(file, source),
    })?;
    if !parcel::is_parcel(&source).map_err(|source| io_error(file, source))? {
        return Err(BackupError::NoBackup(file.to_owned()));
    }
    private_file::create_folder(folder.path()).map_err(|source| io_error(folder.path(), source))?;
    let database = folder.database();
    let partial = Unfinished::create(beside(&database, ".restoring"))?;
    let damaged = |found: String| BackupError::Damaged { file: file.to_owned(), found };
    if !partial.fill(&mut source)? {
        return Err(damaged("something in it was changed, or its end is missing".to_owned()));
    }
    let carried = parcel::unpack(&partial.path).map_err(|error| damaged(error.to_string()))?;
    let names = |path: &PathBuf| carried.iter().any(|one| folder.path().join(&one.name) == *path);
    if ![folder.settings(), folder.certificate(), folder.key()].iter().all(names) {
        return Err(damaged("a file is missing in it".to_owned()));
    }
    check(&partial.path, damaged)?;
    // The database first: a relay that has its key but lost its mailboxes would start.
    partial.finish(&database)?;
    write(folder, &carried).inspect_err(|_| {
        let files = folder.files_beside_database().into_iter().chain([database]);
        files.for_each(|path| drop(std::fs::remove_file(path)));
    })
}

fn write(folder: &Folder, carried: &[Carried]) -> Result<(), BackupError> {
    // Nothing in a backup says where on this machine something is written.
    for path in folder.files_beside_database() {
        let Some(one) = carried.iter().find(|one| folder.path().join(&one.name) == path) else { continue };
        private_file::create(&path, &one.octets).map_err(|source| io_error(&path, source))?;
    }
    Ok(())
}

fn check(copy: &Path, damaged: impl Fn(String) -> BackupError) -> Result<(), BackupError> {
    let examined = SqliteUpkeep::at(copy).examine(true).map_err(|error| damaged(error.to_string()))?;
    if examined.schema > examined.schema_of_program {
        return Err(StoreError::Newer.into());
    }
    match examined.damage.first() {
        Some(found) => Err(damaged(found.clone())),
        None => Ok(()),
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether an open file is the one of this name.
fn is_at(file: &File, path: &Path) -> bool {
    let same = file
        .metadata()
        .and_then(|open| Ok((open.dev(), open.ino()) == path.metadata().map(|at| (at.dev(), at.ino()))?));
    same.unwrap_or(false)
}

fn io_error(path: &Path, source: io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), source }
}

/// A file under another name until it is whole. Where that does not come about, it is removed.
struct Unfinished {
    path: PathBuf,
    /// Locked: so nobody takes it for one that was left behind.
    _lock: File,
}

impl Unfinished {
    fn create(path: PathBuf) -> Result<Self, BackupError> {
        let created = Self::remove_left_behind(&path).and_then(|()| {
            private_file::create(&path, b"")?;
            Ok(private_file::try_lock(&path)?.filter(|lock| is_at(lock, &path)))
        });
        match created {
            Ok(Some(lock)) => Ok(Self { path, _lock: lock }),
            Ok(None) => Err(BackupError::Busy(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Busy(path)),
            Err(source) => Err(io_error(&path, source)),
        }
    }

    /// Removes what somebody left who was killed at it.
    fn remove_left_behind(path: &Path) -> io::Result<()> {
        match private_file::try_lock(path) {
            // Somebody else has replaced it meanwhile: creating it fails.
            Ok(Some(abandoned)) if !is_at(&abandoned, path) => Ok(()),
            Ok(Some(_abandoned)) => {
                private_file::remove_if_there(&beside(path, "-journal"))?;
                private_file::remove_if_there(path)
            }
            // Somebody is at it: creating it fails.
            Ok(None) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Fills it with what is in a backup; false where that is damaged.
    fn fill(&self, source: &mut File) -> Result<bool, BackupError> {
        let target = File::options().write(true).open(&self.path);
        let copied = target.and_then(|mut target| digest::copy_checked(source, &mut target));
        copied.map_err(|source| io_error(&self.path, source))
    }

    /// Puts the digest at its end.
    fn seal(&self) -> Result<(), BackupError> {
        let file = File::options().read(true).write(true).open(&self.path);
        file.and_then(|mut file| digest::append(&mut file)).map_err(|source| io_error(&self.path, source))
    }

    /// Gives it its name, on the disk as well.
    fn finish(self, name: &Path) -> Result<(), BackupError> {
        if name.exists() {
            return Err(BackupError::Exists(name.to_owned()));
        }
        let finished = File::open(&self.path).and_then(|file| file.sync_all()).and_then(|()| {
            std::fs::rename(&self.path, name)?;
            private_file::sync_folder(name)
        });
        finished.map_err(|source| io_error(name, source))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already where it was finished.
        drop(std::fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests;
