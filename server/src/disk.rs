//! Room on the disk that a folder lies on.

use std::io;
use std::path::Path;

/// Octets of a disk and a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Free for this user.
    pub(crate) free: u64,
    /// In the folder's files, without those of folders in it.
    pub(crate) used_by_folder: u64,
}

/// Looks at a folder and its disk.
pub(crate) fn of(folder: &Path) -> io::Result<Disk> {
    let disk = rustix::fs::statvfs(folder)?;
    let mut used_by_folder = 0;
    for entry in std::fs::read_dir(folder)? {
        // A file may have gone since.
        used_by_folder += entry?.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    }
    Ok(Disk { free: disk.f_bavail * disk.f_frsize, used_by_folder })
}
