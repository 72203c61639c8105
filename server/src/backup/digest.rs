//! The digest at the end of a backup, by which damage is told: SQLite itself looks at the form of a database, and not at
//! what is in it.
//!
//! ```text
//! the backup's database │ "TwzSHA2\n" │ SHA-256 of all before this line
//! ```

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, Write};

const MARK: &[u8; 8] = b"TwzSHA2\n";
const DIGEST_BYTES: usize = 32;
pub(super) const END_BYTES: u64 = (MARK.len() + DIGEST_BYTES) as u64;

/// Puts the digest at the end of a file.
pub(super) fn append(file: &mut File) -> io::Result<()> {
    file.rewind()?;
    let mut read = Digested { target: io::sink(), digest: Sha256::new() };
    io::copy(file, &mut read)?;
    file.write_all(MARK)?;
    file.write_all(&read.digest.finalize())
}

/// Copies what is before the digest; false where that is another one, or there is none.
pub(super) fn copy_checked(source: &mut File, target: &mut File) -> io::Result<bool> {
    let Some(bytes) = source.metadata()?.len().checked_sub(END_BYTES) else { return Ok(false) };
    source.rewind()?;
    let mut copied = Digested { target, digest: Sha256::new() };
    io::copy(&mut Read::by_ref(source).take(bytes), &mut copied)?;
    let mut end = Vec::new();
    source.take(END_BYTES).read_to_end(&mut end)?;
    Ok(end.strip_prefix(MARK) == Some(&copied.digest.finalize()[..]))
}

/// Digests what is written through it.
struct Digested<W> {
    target: W,
    digest: Sha256,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.target.write(octets)?;
        self.digest.update(&octets[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}
