//! `twiza-relay grant revoke`: take a grant back.

use crate::cli::{Data, grant, print, say};
use crate::grants;
use crate::settings::Settings;
use serde_json::json;

/// Arguments of `grant revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Its label, as `grant list` shows it
    label: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.data.folder();
    // Before anything else that could go wrong: whoever takes a grant back may be in a hurry.
    let left = grants::revoke(&folder.grants(), &arguments.label)?;
    let settings = Settings::load(&folder);
    let left = settings.as_ref().map(|settings| left + settings.grants_sha256.len());
    if arguments.json {
        print(&json!({ "version": 1, "revoked": arguments.label, "grants_left": left.as_ref().ok() }).to_string())?;
    }
    if settings.as_ref().is_ok_and(|settings| !grant::is_asked_for(settings)) {
        say("It is gone. This relay asks for no grant: anybody opens mailboxes, or whoever has a token.");
        return Ok(());
    }
    if folder.is_issuer() {
        say(
            "It has no more tokens from now on, also at a running issuer. Tokens that were had with it before open mailboxes until",
        );
        say("they are used up: nobody can tell them from others.");
        return Ok(());
    }
    say(
        "It opens no new mailbox from now on, also at a running relay. Mailboxes that were opened with it go on until they",
    );
    say("expire: the relay does not know which those are.");
    if left.is_ok_and(|left| left == 0) {
        say(
            "It was the last one: nobody opens anything new until you make another, with `twiza-relay grant new LABEL`.",
        );
    }
    Ok(())
}
