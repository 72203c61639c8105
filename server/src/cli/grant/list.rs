//! `twiza-relay grant list`: which grants there are.

use crate::cli::{Data, grant, print, say};
use crate::grants;
use crate::settings::Settings;

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
    let of_settings = settings.grants_sha256.len();
    if arguments.json {
        let listed = grants.iter().map(|grant| {
            serde_json::json!({ "label": grant.label, "made": grant.made, "mark": grant.sha256.mark().to_string() })
        });
        let listed: Vec<_> = listed.collect();
        return print(&serde_json::json!({ "version": 1, "grants": listed, "in_settings": of_settings }).to_string());
    }
    for grant in &grants {
        print(&format!("{}  {}  {}", grant.made, grant.sha256.mark(), grant.label))?;
    }
    match (grants.len(), of_settings) {
        (0, 0) if !grant::is_asked_for(&settings) => say("There are no grants, and this relay asks for none."),
        (0, 0) => say("There are no grants. Make one with `twiza-relay grant new LABEL`."),
        (_, 0) => {}
        (_, listed) => say(&format!("And {listed} by digest in relay.toml (grants_sha256), to be taken out there.")),
    }
    Ok(())
}
