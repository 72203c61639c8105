//! Looking for secrets where none may be: in files, and in the memory of a running process.

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Something that must not be found, and what it is called in a report.
#[derive(Debug, Clone)]
pub struct Secret {
    name: String,
    octets: Vec<u8>,
}

/// Octets that a secret has at least: fewer are found by chance where megabytes look random.
const OCTETS_MIN: usize = 8;

impl Secret {
    /// Words that a person would recognise.
    ///
    /// # Panics
    /// Where they are so short that chance finds them.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::octets(text, text.as_bytes())
    }

    /// Octets, such as a key.
    ///
    /// # Panics
    /// Where they are so few that chance finds them.
    #[must_use]
    pub fn octets(name: &str, octets: &[u8]) -> Self {
        assert!(octets.len() >= OCTETS_MIN, "{name} would be found by chance");
        Self { name: name.to_owned(), octets: octets.to_vec() }
    }
}

/// What was searched, and what of it was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Octets that were looked through.
    pub searched: u64,
    /// Secrets and where they were.
    pub found: Vec<String>,
}

impl Findings {
    fn look(&mut self, place: &str, octets: &[u8], secrets: &[Secret]) {
        for secret in secrets {
            if memmem::find(octets, &secret.octets).is_some() {
                self.found.push(format!("{} in {place}", secret.name));
            }
        }
    }
}

/// Searches every file below a folder.
///
/// # Errors
/// Where a file cannot be read.
pub fn files(folder: &Path, secrets: &[Secret]) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
            continue;
        }
        let octets = std::fs::read(&path).with_context(|| path.display().to_string())?;
        findings.searched += octets.len() as u64;
        findings.look(&path.display().to_string(), &octets, secrets);
    }
    Ok(findings)
}

/// Octets of a process's memory that are read at a time. Neighbouring reads overlap by the longest secret.
const WINDOW_BYTES: usize = 4 << 20;

/// Searches all memory that a process can write to: what a core image would hold of its life.
///
/// # Errors
/// Where the system does not let the memory of that process be read (its parent and root may).
pub fn memory(process: u32, secrets: &[Secret]) -> Result<Findings> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut image = File::open(format!("/proc/{process}/mem"))?;
    let overlap = secrets.iter().map(|secret| secret.octets.len()).max().unwrap_or_default();
    let mut findings = Findings::default();
    for line in maps.lines() {
        let Some((start, end)) = writable(line) else { continue };
        let mut from = start;
        while from < end {
            let to = end.min(from + WINDOW_BYTES as u64);
            let mut window = vec![0; usize::try_from(to - from)?];
            image.seek(SeekFrom::Start(from))?;
            // A mapping may have gone since the list was made.
            if image.read_exact(&mut window).is_ok() {
                findings.searched += window.len() as u64;
                findings.look(line, &window, secrets);
            }
            from = if to == end { end } else { to - overlap as u64 };
        }
    }
    ensure!(findings.searched > 0, "no memory could be read");
    Ok(findings)
}

fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    if !rights.starts_with("rw") || line.ends_with("[vvar]") {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Secret, memory};

    #[test]
    fn ones_own_memory_holds_what_one_knows() {
        let known: Vec<u8> = (0..64_u8).map(|place| place.wrapping_mul(37) ^ 0xa5).collect();
        let findings = memory(std::process::id(), &[Secret::octets("known", &known)]).unwrap();
        assert!(!findings.found.is_empty(), "{} octets were searched", findings.searched);
        assert_eq!(known.len(), 64);
    }
}
