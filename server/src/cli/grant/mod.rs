//! `twiza-relay grant`: who may open mailboxes, where not everybody may.

mod list;
mod new;
mod revoke;

use crate::settings::Settings;
use clap::Subcommand;
use twiza_protocol::AdmissionMode;

/// Arguments of `grant`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a grant: a secret with which people may open mailboxes
    New(new::Arguments),
    /// List the grants by their labels
    List(list::Arguments),
    /// Take a grant back: from this moment on it opens no mailbox
    Revoke(revoke::Arguments),
}

/// Whether grants are of any use here.
fn is_asked_for(settings: &Settings) -> bool {
    settings.folder().is_issuer() || settings.admission == AdmissionMode::Grant
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Revoke(arguments) => revoke::run(&arguments),
    }
}
