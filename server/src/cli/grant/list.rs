//! `twiza-relay grant list`: which grants there are.

use crate::admission::GrantDigest;
use crate::cli::{Data, grant, print, say};
use crate::grants;
use crate::settings::Settings;
use serde_json::json;

/// Arguments of `grant list`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.data.folder())?;
    let grants = grants::read(&settings.folder().grants())?;
    let marks = |digest: &GrantDigest| grant::mark(&settings, digest).map(|mark| mark.to_string());
    let marked = grants.iter().map(|grant| Ok((grant, marks(&grant.sha256)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let of_settings = settings.grants_sha256.iter().map(marks).collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.json {
        let listed =
            marked.iter().map(|(grant, mark)| json!({ "label": grant.label, "made": grant.made, "mark": mark }));
        let listed: Vec<_> = listed.collect();
        return print(&json!({ "version": 1, "grants": listed, "in_settings": of_settings }).to_string());
    }
    for (grant, mark) in &marked {
        print(&format!("{}  {mark}  {}", grant.made, grant.label))?;
    }
    for mark in &of_settings {
        print(&format!("            {mark}  (relay.toml)"))?;
    }
    match (grants.len(), of_settings.len()) {
        (0, 0) if !grant::is_asked_for(&settings) => say("There are no grants, and this relay asks for none."),
        (0, 0) => say("There are no grants. Make one with `twiza-relay grant new LABEL`."),
        (_, 0) => {}
        _ => say("Those without a label are in relay.toml (grants_sha256), to be taken out there."),
    }
    Ok(())
}
