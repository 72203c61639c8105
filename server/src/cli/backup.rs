//! `twiza-relay backup`: everything that makes this relay, in one file, while it serves.

use super::{Data, existing_database, say};
use crate::backup;
use crate::settings::{Settings, TransportMode};
use std::path::PathBuf;

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// The file to write, which must not be there yet
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(&arguments.data.folder())?;
    backup::back_up(&settings.folder(), &*existing_database(&settings)?, &arguments.file)?;
    say(&format!(
        "{} has everything that `twiza-relay restore` needs. The relay's key is in it: whoever",
        arguments.file.display()
    ));
    say(
        "has it can pose as this relay, so keep it as you keep the key. What people write is as unreadable there as here.",
    );
    if settings.transport == TransportMode::WebPki {
        say("The certificate authority's certificate and its key are not in it: they lie elsewhere.");
    }
    Ok(())
}
