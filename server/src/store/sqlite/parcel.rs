//! A copy of the database that carries the relay's few other files along, as one file: what a backup is.
//!
//! ```text
//! SQLite database, application_id "TwzB" ── mailbox, frame: as in the relay's own database
//!                                        └─ parcel (name, octets): the other files
//! ```

use super::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags, params};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Marks a backup, so that nothing else is taken for one.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"TwzB");

/// Where SQLite's file format has that mark, and what it begins with.
const APPLICATION_ID_AT: usize = 68;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A file that is carried along.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Its name.
    pub(crate) name: String,
    /// What is in it: a secret, for one of them.
    pub(crate) octets: Zeroizing<Vec<u8>>,
}

/// Puts files into a fresh copy of a database.
pub(crate) fn pack(copy: &Path, files: &[Carried]) -> StoreResult<()> {
    let mut connection = open(copy)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch("create table parcel (name text primary key, octets blob not null) strict")?;
    for Carried { name, octets } in files {
        transaction.execute("insert into parcel (name, octets) values (?, ?)", params![name, octets.as_slice()])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

/// Whether this is such a file. Looks at its beginning only.
pub(crate) fn is_parcel(mut file: impl Read) -> std::io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(APPLICATION_ID_AT as u64 + 4).read_to_end(&mut start)?;
    Ok(start.starts_with(MAGIC) && start[APPLICATION_ID_AT.min(start.len())..] == APPLICATION_ID.to_be_bytes())
}

/// Takes the files out again: what is left is the relay's database.
pub(crate) fn unpack(copy: &Path) -> StoreResult<Vec<Carried>> {
    let mut connection = open(copy)?;
    // The key is not to stay where it lay.
    connection.pragma_update(None, "secure_delete", "on")?;
    let transaction = connection.transaction()?;
    let files = carried(&transaction)?;
    transaction.execute_batch("drop table parcel")?;
    transaction.pragma_update(None, "application_id", 0)?;
    transaction.commit()?;
    Ok(files)
}

fn carried(connection: &Connection) -> StoreResult<Vec<Carried>> {
    let mut statement = connection.prepare("select name, octets from parcel order by name")?;
    let files = statement
        .query_map([], |row| Ok(Carried { name: row.get("name")?, octets: Zeroizing::new(row.get("octets")?) }))?;
    files.collect::<Result<_, _>>().map_err(StoreError::from)
}

/// Whoever copies begins anew where it breaks off, so what is undone lies in memory and nowhere else.
fn open(copy: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy, flags)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    Ok(connection)
}
