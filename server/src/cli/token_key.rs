//! `twiza-relay token-key`: print an issuer's token key.

use super::{Data, print, say};
use crate::settings::Settings;

/// Arguments of `token-key`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = Settings::load(&arguments.data.folder())?.folder();
    anyhow::ensure!(
        folder.is_issuer(),
        "{} is a relay and no issuer, and has no token key: make an issuer with `twiza-relay init --issuer`, on another machine",
        folder.path().display()
    );
    let key = folder.read_token_key()?.public()?;
    if arguments.json {
        return print(&serde_json::json!({ "version": 1, "token_key": key, "token_key_id": key.id() }).to_string());
    }
    print(&key.to_string())?;
    say("Above is the issuer's public key. A relay takes its tokens once two lines of its relay.toml are changed to:");
    say("admission = \"token\"");
    say(&format!("token_keys = [\"{key}\"]"));
    Ok(())
}
