//! A relay's database put aside, and put back: a relay that is restored from a backup, or has lost its disk.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

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

/// Copies a stopped relay's database.
///
/// # Errors
/// As [`empty`].
pub fn back_up(data: &Path, backup: &Path) -> Result<()> {
    for path in database(data)? {
        std::fs::copy(&path, backup.join(path.file_name().context("a file")?))?;
    }
    Ok(())
}

/// Puts a copy in the place of a stopped relay's database.
///
/// # Errors
/// As [`empty`].
pub fn restore(data: &Path, backup: &Path) -> Result<()> {
    empty(data)?;
    for entry in std::fs::read_dir(backup)? {
        let path = entry?.path();
        std::fs::copy(&path, data.join(path.file_name().context("a file")?))?;
    }
    Ok(())
}
