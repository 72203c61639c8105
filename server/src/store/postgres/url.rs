//! Where a PostgreSQL database is. It can hold a password, so it is shown to nobody.

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// `postgres://user:password@host:port/database?sslmode=verify-full`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl(String);

/// No address of a database. The operator's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// Not of the form.
    #[error("a database is written as postgres://user@host/name, with percent signs for special characters")]
    Malformed,
    /// On another machine, and nothing is said of how to reach it.
    #[error(
        "the database is on another machine: add ?sslmode=verify-full to its URL (and &sslrootcert=FILE for an \
         authority of your own), or sslmode=disable if you trust everything between here and there"
    )]
    Unprotected,
}

impl DatabaseUrl {
    /// How to connect.
    pub(super) fn options(&self) -> Result<PgConnectOptions, DatabaseUrlError> {
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| self.0.starts_with(scheme));
        let options = PgConnectOptions::from_str(&self.0).ok().filter(|_| is_postgres);
        let options = options.ok_or(DatabaseUrlError::Malformed)?;
        let is_chosen = !matches!(options.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow);
        if is_chosen || is_local(&options) { Ok(options) } else { Err(DatabaseUrlError::Unprotected) }
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || is_loopback(host)
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Self(text.to_owned());
        url.options().map(|_| url)
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DatabaseUrl> for String {
    fn from(DatabaseUrl(text): DatabaseUrl) -> Self {
        text
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(_) = self;
        f.write_str("DatabaseUrl(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_needs_a_word_on_tls() {
        let parse = |text: &str| text.parse::<DatabaseUrl>().map(|_| ());
        for local in ["postgres://u@localhost/d", "postgresql://u@127.0.0.1:5/d", "postgres://u@[::1]/d"] {
            assert_eq!(parse(local), Ok(()), "{local}");
        }
        assert_eq!(parse("postgres://u@%2Frun%2Fpostgresql/d"), Ok(()));
        assert_eq!(parse("postgres://u@db.example.org/d"), Err(DatabaseUrlError::Unprotected));
        assert_eq!(parse("postgres://u@db.example.org/d?sslmode=prefer"), Err(DatabaseUrlError::Unprotected));
        assert_eq!(parse("postgres://u@db.example.org/d?sslmode=verify-full"), Ok(()));
        for nonsense in ["", "relay.sqlite3", "mysql://u@localhost/d", "postgres://u@localhost/d?sslmode=perhaps"] {
            assert_eq!(parse(nonsense), Err(DatabaseUrlError::Malformed), "{nonsense}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://u:secret@localhost/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
