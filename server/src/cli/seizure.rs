//! `twiza-relay seizure`: everything that somebody who took this machine would learn.

use super::{Data, existing_database, print};
use crate::seizure;
use crate::settings::Settings;

/// Arguments of `seizure`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.data.folder())?;
    let report = if settings.folder().is_issuer() {
        seizure::report_of_issuer(&settings)?
    } else {
        seizure::report(&settings, &*existing_database(&settings)?)?
    };
    if arguments.json {
        return print(&serde_json::json!({ "version": 1, "report": report }).to_string());
    }
    print(report.to_string().trim_end())
}
