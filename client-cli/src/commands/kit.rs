//! `twiza kit write|restore`: what replaces a lost device.

use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};
use twiza_client::store::Store;
use twiza_client::{ClientError, Engine};
use twiza_crypto::vault::VaultCost;

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Write {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    Restore {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Write { file } => write(context, &file).await,
        Commands::Restore { file } => restore(context, &file).await,
    }
}

async fn write(context: &Context<'_>, file: &Path) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let passphrase = context.kit_passphrase(true)?;
    let alliances = engine.write_kit(file, &passphrase, VaultCost::default()).await?;
    context
        .output
        .data(|| json!({ "alliances": alliances }), || context.text("kit-written", &[("alliances", alliances.into())]));
    context.talk("kit-written-next", &[]);
    engine.close().await;
    Ok(())
}

async fn restore(context: &Context<'_>, file: &Path) -> Result<(), Failure> {
    if Store::exists(context.folder()) {
        return Err(ClientError::ProfileExists(context.folder().to_owned()).into());
    }
    let kit_passphrase = context.kit_passphrase(false)?;
    let passphrase = context.new_passphrase()?;
    let (folder, cost) = (context.folder(), VaultCost::default());
    let kit = (file, kit_passphrase.as_str());
    let engine = Engine::restore_kit(folder, &passphrase, cost, kit, context.environment()).await?;
    let (name, alliances) = (engine.whoami().name, engine.alliances().await?.len());
    context.output.data(
        || json!({ "name": name, "alliances": alliances }),
        || context.text("kit-restored", &[("name", render::line(&name).into()), ("alliances", alliances.into())]),
    );
    context.talk("kit-restored-next", &[]);
    engine.close().await;
    Ok(())
}
