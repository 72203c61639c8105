//! `twiza-relay address`: print the relay's address.

use super::{Data, print, serve};
use crate::run;

/// Arguments of `address`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    overrides: serve::Overrides,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = serve::settings(&arguments.data, arguments.overrides)?;
    let key = settings.folder().read_key()?;
    let address = run::address_at_rest(&settings, &key)?;
    if arguments.json {
        print(&serde_json::json!({ "version": 1, "address": address }).to_string())
    } else {
        print(&address.to_string())
    }
}
