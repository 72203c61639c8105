//! SQLite's errors as the store's.

use crate::store::StoreError;

/// `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`: no room for the index of the log.
const FULL_CODES: [&str; 2] = ["13", "4874"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code {
            Some(code) if FULL_CODES.contains(&code.as_ref()) => Self::Full,
            _ => Self::Database(error.into()),
        }
    }
}
