//! `twiza-relay grant`: make a grant.

use super::{print, say};
use crate::admission::GrantDigest;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

/// Arguments of `grant`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut random = Zeroizing::new([0; 24]);
    getrandom::fill(random.as_mut_slice())?;
    let grant = Zeroizing::new(BASE64URL_NOPAD.encode(random.as_slice()));
    let digest = GrantDigest::of(&grant).to_string();
    if arguments.json {
        print(&serde_json::json!({ "version": 1, "grant": *grant, "sha256": digest }).to_string())?;
    } else {
        print(&grant)?;
    }
    say("Above is a new grant: give it to the alliance that may use this relay. It is not stored anywhere.");
    say("Then see to it that relay.toml says the following, and start the relay again. Further grants go between the");
    say("same brackets, after a comma:");
    say("  admission = \"grant\"");
    say(&format!("  grants_sha256 = [\"{digest}\"]"));
    Ok(())
}
