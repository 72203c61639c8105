//! `twiza-relay grant revoke`: take a grant back.

use crate::cli::{Data, grant, print, say};
use crate::grants;
use crate::settings::Settings;

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
    let settings = Settings::load(&arguments.data.folder())?;
    let left = grants::revoke(&settings.folder().grants(), &arguments.label)? + settings.grants_sha256.len();
    if arguments.json {
        print(&serde_json::json!({ "version": 1, "revoked": arguments.label, "grants_left": left }).to_string())?;
    }
    say(
        "It opens no new mailbox from now on, also at a running relay. Mailboxes that were opened with it go on until they",
    );
    say("expire: the relay does not know which those are.");
    if left == 0 && grant::is_asked_for(&settings) {
        say(
            "It was the last one: nobody opens anything new until you make another, with `twiza-relay grant new LABEL`.",
        );
    }
    Ok(())
}
