//! `twiza-relay grant revoke`: take a grant back.

use crate::cli::{Data, say};
use crate::grants;

/// Arguments of `grant revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Its label, as `grant list` shows it
    label: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    grants::revoke(&arguments.data.folder().grants(), &arguments.label)?;
    say(
        "It opens no new mailbox from now on, also at a running relay. Mailboxes that were opened with it go on until they",
    );
    say("expire: the relay does not know which those are.");
    Ok(())
}
