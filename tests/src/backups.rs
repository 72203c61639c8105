//! A relay that is restored from a backup, by its own commands, or has lost its disk.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use twiza_relay::folder::Folder;
use twiza_relay::store::SqliteUpkeep;

fn database(data: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().contains("sqlite")) {
            found.push(path);
        }
    }
    ensure!(!found.is_empty(), "this test does not know where the relay's frames are");
    Ok(found)
}

/// Deletes a stopped relay's database.
///
/// # Errors
/// Where there is none, or the system refuses.
pub fn empty(data: &Path) -> Result<()> {
    for path in database(data)? {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Backs a relay up, as `twiza-relay backup` does.
///
/// # Errors
/// Where the relay cannot be read, or was backed up there before.
pub fn back_up(data: &Path, backup: &Path) -> Result<()> {
    let folder = Folder::at(data);
    let database = SqliteUpkeep::at(&folder.database());
    Ok(twiza_relay::backup::back_up(&folder, &database, &backup.join("relay"))?)
}

/// Restores it in the place of a stopped relay, as `twiza-relay restore` does in an empty folder.
///
/// # Errors
/// Where the backup cannot be used.
pub fn restore(data: &Path, backup: &Path) -> Result<()> {
    std::fs::remove_dir_all(data)?;
    Ok(twiza_relay::backup::restore(&backup.join("relay"), &Folder::at(data))?)
}
