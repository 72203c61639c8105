//! How many tokens each grant has had today: a small database of the issuer's own.

use crate::admission::GrantDigest;
use crate::store::sqlite::tables;
use crate::store::upkeep::Table;
use crate::store::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use twiza_protocol::ExpiryDay;

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/issuer/0001_issued.sql")];

/// One request for tokens.
#[derive(Debug)]
pub(crate) struct Asked {
    /// SHA-256 of the grant and the blind messages.
    pub(crate) request: [u8; 32],
    pub(crate) grant: GrantDigest,
    pub(crate) tokens: u64,
}

/// What a grant had on a day.
#[derive(Debug)]
pub(crate) struct OfDay {
    pub(crate) grant: GrantDigest,
    pub(crate) day: ExpiryDay,
    pub(crate) tokens: u64,
}

/// What was issued today.
#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Connection,
    journal: PathBuf,
    /// Whether the journal may have what was forgotten.
    has_remains: bool,
}

impl Ledger {
    /// Opens the database file, which has to be there.
    pub(crate) fn open(file: &Path) -> StoreResult<Self> {
        let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "secure_delete", "on")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // Removed, what it has of earlier days would lie in free blocks of the disk. So it stays, and is overwritten.
        connection.pragma_update(None, "journal_mode", "persist")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for migration in MIGRATIONS.get(applied..).ok_or(StoreError::Newer)? {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
        transaction.commit()?;
        let mut journal = file.as_os_str().to_owned();
        journal.push("-journal");
        let mut ledger = Self { connection, journal: journal.into(), has_remains: true };
        ledger.wipe_journal()?;
        Ok(ledger)
    }

    /// Counts a request, durably, if its grant may still have so many today. One that was counted before is granted
    /// again. Earlier days are forgotten.
    pub(crate) fn count(&mut self, asked: &Asked, today: ExpiryDay, tokens_per_day_max: u64) -> StoreResult<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let forgotten = transaction.execute("delete from issued where day < ?", [today.0])?;
        let (request, grant) = (asked.request.as_slice(), asked.grant.as_bytes().as_slice());
        let counted = transaction
            .query_row("select 1 from issued where request = ?", [request], |_| Ok(()))
            .optional()?
            .is_some();
        let of_today = "select coalesce(sum(tokens), 0) from issued where grant_digest = ? and day = ?";
        let had: u64 = transaction.query_row(of_today, (grant, today.0), |row| row.get(0))?;
        let may = counted || had.saturating_add(asked.tokens) <= tokens_per_day_max;
        if may && !counted {
            let insert = "insert into issued (request, grant_digest, day, tokens) values (?, ?, ?, ?)";
            transaction.execute(insert, (request, grant, today.0, asked.tokens))?;
        }
        transaction.commit()?;
        self.has_remains |= forgotten > 0;
        if self.has_remains {
            self.wipe_journal()?;
        }
        Ok(may)
    }

    /// Overwrites what the last change has left of the state before, which SQLite itself only marks as used. Nobody is in a
    /// transaction meanwhile, who would need it.
    fn wipe_journal(&mut self) -> StoreResult<()> {
        let alone = self.connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let wiped = File::options().write(true).open(&self.journal).and_then(|mut file| {
            let length = file.metadata()?.len();
            io::copy(&mut io::repeat(0).take(length), &mut file)?;
            file.sync_all()
        });
        alone.rollback()?;
        match wiped {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::Database(error.into())),
            _ => self.has_remains = false,
        }
        Ok(())
    }

    /// All that is kept, added up.
    pub(crate) fn issued(&self) -> StoreResult<Vec<OfDay>> {
        let all =
            "select grant_digest, day, sum(tokens) from issued group by grant_digest, day order by day, grant_digest";
        let mut statement = self.connection.prepare(all)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let of_day =
            |(grant, day, tokens)| OfDay { grant: GrantDigest::from_bytes(grant), day: ExpiryDay(day), tokens };
        Ok(rows.map(|row| row.map(of_day)).collect::<Result<_, _>>()?)
    }

    /// The tables, for whoever wants to know what there is.
    pub(crate) fn tables(&self) -> StoreResult<Vec<Table>> {
        tables(&self.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_has_so_many_tokens_a_day_and_repeats_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("issued.sqlite3");
        std::fs::write(&file, "").unwrap();
        let mut ledger = Ledger::open(&file).unwrap();
        let asked = |request, grant, tokens| Asked { request: [request; 32], grant: GrantDigest::of(grant), tokens };
        let day = ExpiryDay(100);
        assert!(ledger.count(&asked(1, "spring", 6), day, 10).unwrap());
        assert!(!ledger.count(&asked(2, "spring", 5), day, 10).unwrap());
        assert!(ledger.count(&asked(3, "autumn", 5), day, 10).unwrap(), "grants are counted apart");
        assert!(ledger.count(&asked(1, "spring", 6), day, 10).unwrap(), "its answer was lost");
        assert!(ledger.count(&asked(2, "spring", 4), day, 10).unwrap());
        drop(ledger);
        let mut ledger = Ledger::open(&file).unwrap();
        assert!(!ledger.count(&asked(4, "spring", 1), day, 10).unwrap(), "a start forgets nothing");
        assert!(ledger.count(&asked(4, "spring", 10), ExpiryDay(101), 10).unwrap(), "another day");
        let kept: u64 = ledger.connection.query_row("select count(*) from issued", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1, "days before are forgotten");
        for file in [file.clone(), ledger.journal.clone()] {
            let octets = std::fs::read(&file).unwrap();
            assert!(!octets.windows(32).any(|window| [[1; 32], [2; 32]].iter().any(|day| day == window)), "{file:?}");
        }
    }
}
