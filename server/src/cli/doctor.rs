//! `twiza-relay doctor`: look for what is wrong, and say what to do.

use super::{Data, print, serve, upkeep};
use crate::clock::SystemClock;
use crate::doctor::{self, Finding, Verdict};
use crate::folder::Folder;
use crate::settings::{Settings, SettingsError};
use std::process::ExitCode;

/// The exit code where something is wrong.
const WRONG: u8 = 3;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 where nothing is wrong (something may want attention), 3 where something is.")]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    overrides: serve::Overrides,
    /// Also look whether every index of the database is right; takes minutes where gigabytes are stored
    #[arg(long)]
    thorough: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Settings that make no sense, or cannot be read, are a finding.
    let findings = match Settings::load(&Folder::at(&arguments.data.folder)) {
        Ok(mut settings) => {
            arguments.overrides.apply(&mut settings);
            doctor::examine(&settings, &*upkeep(&settings), &SystemClock, arguments.thorough)
        }
        Err(error @ SettingsError::Malformed { .. }) => vec![doctor::malformed(&error)],
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        print(&serde_json::json!({ "version": 1, "findings": findings }).to_string())?;
    } else {
        findings.iter().try_for_each(show)?;
    }
    let is_wrong = findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
    Ok(if is_wrong { ExitCode::from(WRONG) } else { ExitCode::SUCCESS })
}

fn show(finding: &Finding) -> anyhow::Result<()> {
    let Finding { subject, verdict, found, advice } = finding;
    print(&format!("{:<9}  {subject}: {found}", verdict.word()))?;
    advice.as_ref().map_or(Ok(()), |advice| print(&format!("           → {advice}")))
}
