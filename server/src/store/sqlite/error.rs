//! SQLite's errors as the store's.

use crate::store::StoreError;
use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_SHMSIZE};
use rusqlite::{Error, ErrorCode};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            // The second: no room for the index of the log.
            Error::SqliteFailure(failure, _)
                if [SQLITE_FULL, SQLITE_IOERR_SHMSIZE].contains(&failure.extended_code) =>
            {
                Self::Full
            }
            Error::SqliteFailure(failure, _)
                if [ErrorCode::CannotOpen, ErrorCode::ReadOnly, ErrorCode::PermissionDenied]
                    .contains(&failure.code) =>
            {
                Self::Inaccessible(error.into())
            }
            Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) => {
                Self::Damaged("a value of another type than its column's")
            }
            _ => Self::Database(error.into()),
        }
    }
}
