//! PostgreSQL's errors as the store's.

use crate::store::StoreError;
use sqlx::Error;

/// The disk is full.
const DISK_FULL: &str = "53100";

/// What passes by itself, from the list of PostgreSQL's error codes: lost connections, a server that stops, starts or
/// has no room for another connection, a standby that is not yet the primary, and the losers of a race.
const PASSING: [&str; 9] = ["08", "57P", "53300", "25006", "57014", "55P03", "40001", "40P01", "23505"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::PoolTimedOut | Error::WorkerCrashed => {
                Self::Away(error.into())
            }
            Error::PoolClosed => Self::Closed,
            Error::Database(told) => {
                let code = told.code().unwrap_or_default();
                match &*code {
                    DISK_FULL => Self::Full,
                    code if PASSING.iter().any(|passing| code.starts_with(passing)) => Self::Away(error.into()),
                    _ => Self::Database(error.into()),
                }
            }
            Error::ColumnDecode { .. } | Error::Decode(_) => Self::Damaged("a value of another type than its column's"),
            _ => Self::Database(error.into()),
        }
    }
}
