//! `twiza-relay grant`: who may open mailboxes, where not everybody may.

mod list;
mod new;
mod revoke;

use crate::admission::GrantDigest;
use crate::settings::Settings;
use clap::Subcommand;
use twiza_protocol::{AdmissionMode, GrantMark};

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

/// The mark by which operators and members see that they mean the same grant.
fn mark(settings: &Settings, secret: &GrantDigest) -> anyhow::Result<GrantMark> {
    let folder = settings.folder();
    if !folder.is_issuer() {
        return Ok(GrantMark::of_digest(secret.as_bytes()));
    }
    let (issuer, key) = (folder.read_key()?.public(), folder.read_token_key()?.public()?.id());
    Ok(GrantMark::of_tokens(&issuer, &key, secret.as_bytes()))
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
