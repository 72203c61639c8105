//! `twiza-relay grant new`: make a grant.

use crate::admission::GrantDigest;
use crate::calendar;
use crate::cli::{Data, grant, print, say};
use crate::clock::{Clock, SystemClock};
use crate::grants::{self, Grant};
use crate::run;
use crate::settings::Settings;
use anyhow::ensure;
use data_encoding::HEXLOWER;
use twiza_protocol::{AdmissionMode, TokenGrant};
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
    let is_issuer = settings.folder().is_issuer();
    ensure!(
        is_issuer || settings.admission != AdmissionMode::Token,
        "this relay takes tokens: grants are made where tokens are, at the issuer"
    );
    ensure!(
        grant::is_asked_for(&settings),
        "anybody may use this relay: set admission = \"grant\" in relay.toml and start the relay again, then make grants"
    );
    let mut random = Zeroizing::new([0; 24]);
    getrandom::fill(random.as_mut_slice())?;
    // Digits and letters alone: what begins with a hyphen is taken for an option where it is typed.
    let secret = Zeroizing::new(HEXLOWER.encode(random.as_slice()));
    let grant = if is_issuer { Zeroizing::new(for_tokens(&settings, &secret)?) } else { secret.clone() };
    let made = calendar::written(SystemClock.now().day());
    let sha256 = GrantDigest::of(&secret);
    let mark = grant::mark(&settings, &sha256)?.to_string();
    let kept = Grant { label: arguments.label.clone(), sha256, made };
    grants::add(&settings.folder().grants(), kept)?;
    if arguments.json {
        let made = serde_json::json!({ "version": 1, "label": arguments.label, "mark": mark, "grant": *grant });
        print(&made.to_string())?;
    } else {
        print(&grant)?;
    }
    if is_issuer {
        say(
            "Above is a new grant: give it to the alliance that may have tokens. It is shown this once: what the issuer keeps",
        );
        say("is a digest of its last part. A running issuer knows it already.");
    } else {
        say(
            "Above is a new grant: give it to the alliance that may use this relay. It is shown this once: what the relay",
        );
        say("keeps is a digest of it. A running relay knows it already.");
    }
    if !is_issuer {
        say("(If you have just changed admission in relay.toml: the relay knows that once it is started again.)");
    }
    say(&format!("Its mark, by which `twiza alliance show` and `grant list` tell it from others: {mark}"));
    Ok(())
}

/// The grant as clients take it: with the issuer's address and key.
fn for_tokens(settings: &Settings, secret: &str) -> anyhow::Result<String> {
    let folder = settings.folder();
    let issuer = run::address_at_rest(settings, &folder.read_key()?)?;
    let key = folder.read_token_key()?.public()?.id();
    Ok(TokenGrant { issuer, key, secret: secret.to_owned() }.to_string())
}
