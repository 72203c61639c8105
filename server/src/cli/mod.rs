//! The program's commands: one file each. Data goes to stdout, talk to stderr.
//!
//! Exit codes: 0 done, 1 could not be done (the text says what to do), 2 wrong usage.

pub mod address;
pub mod config;
pub mod grant;
pub mod init;
pub mod serve;

use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Make a grant: a secret with which people may open mailboxes
    Grant(grant::Arguments),
}

/// Where the relay is.
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// The relay's data folder
    #[arg(long = "data", env = "TWIZA_RELAY_DATA", value_name = "DIR")]
    folder: PathBuf,
}

/// Runs a command.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Init(arguments) => init::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Address(arguments) => address::run(arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Grant(arguments) => grant::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("twiza-relay: {error:#}"));
            ExitCode::FAILURE
        }
    }
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
