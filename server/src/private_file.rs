//! Files and folders that only their owner can read, from their first moment on, whatever the umask is.
//!
//! Root works for others: what root makes here belongs to whoever owns the folder that it is made in, so that a relay that
//! runs as another user can read it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Result, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a folder, with its parents, unless it is there. A new one is 0700.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The umask can have taken bits away, even the owner's.
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Writes a file that must not be there yet.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    if rustix::process::geteuid().is_root() {
        let owner = parent(path).metadata()?;
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(content)?;
    file.sync_all()
}

/// Writes a file, in place of one that may be there: whoever reads sees the one or the other.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    remove_if_there(fresh)?;
    create(fresh, content)?;
    std::fs::rename(fresh, path)?;
    sync_folder(path)
}

/// Removes a file, if there is one.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Locks a file or a folder for as long as what is given lives; `None` where somebody else has it locked. On a file system that
/// knows no locks, there is none.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) if is_unlockable(&error) => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The same of the folder that a file is in, or is to be; waits until it is free.
pub(crate) fn lock_folder(path: &Path) -> Result<File> {
    let folder = File::open(parent(path))?;
    match folder.lock() {
        Err(error) if !is_unlockable(&error) => Err(error),
        _ => Ok(folder),
    }
}

/// Whether that is the file system's way to say that it knows no such locks: some over a network say it so.
fn is_unlockable(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let known = [Errno::BADF, Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS];
    error.kind() == std::io::ErrorKind::Unsupported
        || known.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Makes sure that a new name is on the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes an empty file unless it is there.
pub(crate) fn create_if_missing(path: &Path) -> Result<()> {
    match create(path, b"") {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Whether others than the owner may read or write it.
pub(crate) fn is_exposed(path: &Path) -> Result<bool> {
    Ok(File::open(path)?.metadata()?.permissions().mode() & 0o077 != 0)
}
