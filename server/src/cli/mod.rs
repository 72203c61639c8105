//! The program's commands: one file each. Data goes to stdout, talk to stderr.
//!
//! Exit codes: 0 done, 1 could not be done (the text says what to do), 2 wrong usage; of `doctor`, 3 something is wrong.

pub mod address;
pub mod backup;
pub mod config;
pub mod doctor;
pub mod grant;
pub mod init;
pub mod restore;
pub mod seizure;
pub mod serve;
pub mod stats;
pub mod token_key;

use crate::folder::{Folder, FolderError};
use crate::grants::GrantsError;
use crate::seizure::SeizureError;
use crate::settings::{Settings, SettingsError};
use crate::store::{SqliteUpkeep, StoreError, Upkeep};

use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line makes no sense.
const EXIT_USAGE: u8 = 2;

/// A relay for Twiza: stores encrypted frames that it cannot read, group or attribute.
#[derive(Debug, Parser)]
#[command(name = "twiza-relay", bin_name = "twiza-relay", version, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new relay: its key, its certificate and its settings file
    Init(init::Arguments),
    /// Run the relay
    Serve(serve::Arguments),
    /// Print the relay's address, for people to join with
    Address(address::Arguments),
    /// Print an example settings file, with every setting explained
    Config(config::Arguments),
    /// Look for what is wrong, and say what to do
    Doctor(doctor::Arguments),
    /// Write a backup, while the relay serves
    Backup(backup::Arguments),
    /// Make a relay from a backup, in an empty folder
    Restore(restore::Arguments),
    /// Make, list and take back grants: secrets with which people may open mailboxes
    Grant(grant::Arguments),
    /// At an issuer: print its token key, for the relays that are to take its tokens
    TokenKey(token_key::Arguments),
    /// Print how much is stored, how much more may be, and what expires when
    Stats(stats::Arguments),
    /// Print everything that somebody who took this machine would learn
    Seizure(seizure::Arguments),
}

/// Where the relay is.
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// The relay's data folder
    #[arg(long = "data", env = "TWIZA_RELAY_DATA", value_name = "DIR")]
    folder: PathBuf,
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Init(arguments) => init::run(arguments),
            Self::Serve(arguments) => serve::run(arguments),
            Self::Address(arguments) => address::run(arguments),
            Self::Config(arguments) => config::run(&arguments),
            Self::Doctor(arguments) => return doctor::run(arguments),
            Self::Backup(arguments) => backup::run(&arguments),
            Self::Restore(arguments) => restore::run(&arguments),
            Self::Grant(arguments) => grant::run(arguments),
            Self::TokenKey(arguments) => token_key::run(&arguments),
            Self::Stats(arguments) => stats::run(&arguments),
            Self::Seizure(arguments) => seizure::run(&arguments),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl Data {
    fn folder(&self) -> Folder {
        Folder::at(&self.folder)
    }
}

/// Where to listen, as it is typed.
fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "it takes an address of this machine and a port, such as 0.0.0.0:7443 or 127.0.0.1:7443".to_owned()
    })
}

/// The database of these settings, for looking after it.
fn upkeep(settings: &Settings) -> Box<dyn Upkeep> {
    Box::new(SqliteUpkeep::at(&settings.folder().database()))
}

/// The same, where there is nothing to do without one.
fn existing_database(settings: &Settings) -> anyhow::Result<Box<dyn Upkeep>> {
    anyhow::ensure!(
        !settings.folder().is_issuer(),
        "this is an issuer, which has no mailboxes. What makes it are the files relay.key, token.key, relay.crt, relay.toml and \
         grants.toml in {}: keep a copy of them",
        settings.data.display()
    );
    anyhow::ensure!(
        settings.database.is_none(),
        "the mailboxes are in the PostgreSQL database that `database` names: back it up and look into it with PostgreSQL's own \
         tools (pg_dump, psql)"
    );
    let file = settings.folder().database();
    anyhow::ensure!(
        file.exists(),
        "this relay has no database yet: the first `twiza-relay serve --data {}` makes it",
        settings.data.display()
    );
    Ok(upkeep(settings))
}

/// The program's words, with those of every command: its manual is made from them.
#[must_use]
pub fn manual() -> clap::Command {
    use clap::CommandFactory;
    Arguments::command()
}

/// Runs the command that these are the words of, the program's name first.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<_> = words.into_iter().collect();
    // Commands that give a script data have this flag.
    let wants_json = words.iter().any(|word| word == "--json");
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) if wants_json && error.use_stderr() => {
            tell_script("usage", error.render().to_string().trim_end());
            return ExitCode::from(EXIT_USAGE);
        }
        Err(error) => error.exit(),
    };
    match arguments.command.run() {
        Ok(code) => return code,
        Err(error) if wants_json => tell_script(code(&error), &told(&error)),
        Err(error) => say(&format!("twiza-relay: {}", told(&error))),
    }
    ExitCode::FAILURE
}

/// What kind of error it is, for scripts. What has no kind of its own is `failed`.
fn code(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(SettingsError::Missing(_)) => return "no_relay",
        Some(_) => return "settings",
        None => {}
    }
    match error.downcast_ref() {
        Some(SeizureError::Folder { .. }) => "folder",
        Some(SeizureError::Store(_)) => "database",
        Some(SeizureError::Grants(_)) => "grants",
        None if error.is::<FolderError>() => "folder",
        None if error.is::<StoreError>() => "database",
        None if error.is::<GrantsError>() => "grants",
        None => "failed",
    }
}

/// Tells a script of an error.
fn tell_script(code: &str, message: &str) {
    let error = serde_json::json!({ "code": code, "message": message });
    say(&serde_json::json!({ "version": 1, "error": error }).to_string());
}

/// Prints data. A reader that hung up has what it wanted.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Talks to the person. Where nobody listens, there is nothing to do about it.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// An error with its causes, each told once: most of our own texts have theirs in them.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        text if text.contains(&cause) => told,
        text => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::backup::BackupError;
    use anyhow::Context;

    #[test]
    fn a_cause_is_told_once() {
        let source = || std::io::Error::other("no such folder");
        let typed = anyhow::Error::from(BackupError::Io { path: "x".into(), source: source() });
        assert_eq!(told(&typed).matches("no such folder").count(), 1, "{}", told(&typed));
        let in_context = Err::<(), _>(source()).context("cannot start threads").unwrap_err();
        assert_eq!(told(&in_context), "cannot start threads: no such folder");
    }
}
