//! Looking after an SQLite file.

use super::connection::{Database, MIGRATIONS};
use super::rows;
use super::{StoreError, StoreResult};
use crate::store::upkeep::{Anatomy, Examination, Expiring, FramesOfSize, Table, Upkeep};
use rusqlite::{Connection, Row};
use std::path::Path;
use twiza_protocol::ExpiryDay;

/// Damages that are told; where there are more, they say no more.
const DAMAGES_MAX: u32 = 10;

/// An SQLite file, without a relay that serves from it. Connects anew for everything.
#[derive(Debug)]
pub struct SqliteUpkeep(Database);

impl SqliteUpkeep {
    /// The database file, which has to be there.
    #[must_use]
    pub fn at(file: &Path) -> Self {
        Self(Database::at(file))
    }
}

impl Upkeep for SqliteUpkeep {
    fn expiring(&self) -> StoreResult<Vec<Expiring>> {
        let connection = self.0.reader()?;
        let mut statement = connection.prepare(
            // Rows are behind by a few frames (`hot.rs`): those are counted where they lie.
            "select expires_day, count(*) as mailboxes, sum(closed) as closed,
             sum(last_sequence + (select count(*) from frame where id between start + last_sequence + 1 and ending)) as frames,
             sum(frame_bytes + (select coalesce(sum(length(octets)), 0) from frame
                 where id between start + last_sequence + 1 and ending)) as frame_bytes
             from (select *, slot << 24 as start, (slot << 24) + 16777215 as ending from mailbox)
             group by expires_day order by expires_day",
        )?;
        statement.query_and_then([], expiring)?.collect()
    }

    fn anatomy(&self) -> StoreResult<Anatomy> {
        let mut connection = self.0.reader()?;
        // One moment for all of it.
        let moment = connection.transaction()?;
        let free_pages: u64 = moment.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let page_bytes: u64 = moment.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let free_bytes = free_pages * page_bytes;
        Ok(Anatomy { tables: tables(&moment)?, frames_by_size: frames_by_size(&moment)?, free_bytes })
    }

    fn examine(&self, thorough: bool) -> StoreResult<Examination> {
        let connection = self.0.reader()?;
        let schema = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let check = if thorough { "integrity_check" } else { "quick_check" };
        let mut statement = connection.prepare(&format!("pragma {check}({DAMAGES_MAX})"))?;
        let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let damage = found.into_iter().filter(|line| line != "ok").collect();
        Ok(Examination { schema, schema_of_program: MIGRATIONS.len() as u64, damage })
    }

    fn copy_into(&self, file: &Path) -> StoreResult<()> {
        let file = file.to_str().ok_or(StoreError::FileName)?;
        self.0.writer()?.execute("vacuum into ?", [file])?;
        Ok(())
    }
}

fn expiring(row: &Row<'_>) -> StoreResult<Expiring> {
    Ok(Expiring {
        day: ExpiryDay(row.get("expires_day")?),
        mailboxes: rows::count(row, "mailboxes")?,
        closed: rows::count(row, "closed")?,
        frames: rows::count(row, "frames")?,
        frame_bytes: rows::count(row, "frame_bytes")?,
    })
}

pub(crate) fn tables(connection: &Connection) -> StoreResult<Vec<Table>> {
    let mut names = connection
        .prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name")?;
    let mut columns = connection.prepare("select name from pragma_table_xinfo(?) where hidden = 0 order by cid")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let table = |name: String| {
        let columns = columns.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Table { name, columns })
    };
    names.into_iter().map(table).collect()
}

fn frames_by_size(connection: &Connection) -> StoreResult<Vec<FramesOfSize>> {
    // Lengths only: SQLite does not read the octets for it.
    let mut sizes = connection
        .prepare("select length(octets) as bytes, count(*) as frames from frame group by bytes order by bytes")?;
    sizes
        .query_and_then([], |row| {
            Ok(FramesOfSize { bytes: rows::count(row, "bytes")?, frames: rows::count(row, "frames")? })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{DAYS, append, free};
    use crate::store::{Quotas, SqliteStore, Store, Totals};

    async fn filled(file: &Path) -> SqliteStore {
        crate::private_file::create_if_missing(file).unwrap();
        let store = SqliteStore::open(file).await.unwrap();
        let quotas = Quotas::default();
        store.open_batch(&[free(1), free(2), free(3)], DAYS, &quotas).await.unwrap();
        let appends = [append(1, 1, 1024, false), append(1, 2, 4096, true), append(2, 3, 1024, false)];
        store.append_batch(&appends, DAYS, &quotas).await.unwrap();
        store
    }

    #[tokio::test]
    async fn a_store_is_counted_while_it_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let store = filled(&file).await;
        let upkeep = SqliteUpkeep::at(&file);
        let expected = Expiring { day: DAYS.expires, mailboxes: 3, closed: 1, frames: 3, frame_bytes: 6144 };
        assert_eq!(upkeep.expiring().unwrap(), [expected]);
        let anatomy = upkeep.anatomy().unwrap();
        let sizes = [FramesOfSize { bytes: 1024, frames: 2 }, FramesOfSize { bytes: 4096, frames: 1 }];
        assert_eq!(anatomy.frames_by_size, sizes);
        assert_eq!(
            anatomy.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(),
            ["frame", "known", "mailbox", "spent_token", "total"]
        );
        store.close().await;
    }

    #[tokio::test]
    async fn a_copy_is_a_store_without_what_was_deleted_and_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("db"), folder.path().join("copy"));
        let store = filled(&file).await;
        crate::private_file::create(&copy, b"").unwrap();
        SqliteUpkeep::at(&file).copy_into(&copy).unwrap();
        let copied = SqliteStore::open(&copy).await.unwrap();
        assert_eq!(copied.totals().await.unwrap(), Totals { mailboxes: 3, frame_bytes: 6144 });
        copied.close().await;
        store.close().await;

        let whole = SqliteUpkeep::at(&copy).examine(true).unwrap();
        assert_eq!((whole.schema, whole.damage), (whole.schema_of_program, Vec::new()));
        let mut octets = std::fs::read(&copy).unwrap();
        let page = octets.len() - 4096;
        octets[page..].fill(0xff);
        std::fs::write(&copy, octets).unwrap();
        let found = SqliteUpkeep::at(&copy).examine(true);
        assert!(found.is_err() || !found.unwrap().damage.is_empty());
    }
}
