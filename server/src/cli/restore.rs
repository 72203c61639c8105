//! `twiza-relay restore`: make a relay from a backup.

use super::{Data, print, say};
use crate::backup;
use crate::run;
use crate::settings::Settings;
use std::path::PathBuf;

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// What `backup` wrote
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.data.folder();
    backup::restore(&arguments.file, &folder)?;
    let settings = Settings::load(&folder)?;
    print(&run::address_at_rest(&settings, &folder.read_key()?)?.to_string())?;
    say(
        "Above is the restored relay's address, the same as before. See to it that the old one does not run any more, then",
    );
    say(&format!("start this one with: twiza-relay serve --data {}", folder.path().display()));
    say("What was written after the backup, members' clients put back by themselves.");
    Ok(())
}
