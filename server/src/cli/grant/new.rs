//! `twiza-relay grant new`: make a grant.

use crate::admission::GrantDigest;
use crate::calendar;
use crate::cli::{Data, print, say};
use crate::clock::{Clock, SystemClock};
use crate::grants::{self, Grant};
use crate::settings::Settings;
use anyhow::ensure;
use data_encoding::BASE64URL_NOPAD;
use twiza_protocol::AdmissionMode;
use zeroize::Zeroizing;

/// Arguments of `grant new`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// What you call it, to tell it from others. It is kept in the data folder: choose a word that means nothing to
    /// whoever takes the machine
    label: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.data.folder())?;
    ensure!(
        settings.admission == AdmissionMode::Grant,
        "anybody may use this relay: set admission = \"grant\" in relay.toml and start the relay again, then make grants"
    );
    let mut random = Zeroizing::new([0; 24]);
    getrandom::fill(random.as_mut_slice())?;
    let grant = Zeroizing::new(BASE64URL_NOPAD.encode(random.as_slice()));
    let made = calendar::written(SystemClock.now().day());
    let kept = Grant { label: arguments.label.clone(), sha256: GrantDigest::of(&grant), made };
    grants::add(&settings.folder().grants(), kept)?;
    if arguments.json {
        print(&serde_json::json!({ "version": 1, "label": arguments.label, "grant": *grant }).to_string())?;
    } else {
        print(&grant)?;
    }
    say("Above is a new grant: give it to the alliance that may use this relay. It is shown this once: what the relay");
    say("keeps is a digest of it. A running relay knows it already.");
    Ok(())
}
