//! `twiza init`: make a profile.

use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Args;
use serde_json::json;
use twiza_client::engine::Whoami;
use twiza_client::store::Store;
use twiza_client::{ClientError, Engine};
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long, value_name = "NAME")]
    name: String,
    #[arg(long, value_name = "NAME")]
    organisation: String,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let (name, organisation) = (Name::composed(&arguments.name)?, Name::composed(&arguments.organisation)?);
    if Store::exists(context.folder()) {
        return Err(ClientError::ProfileExists(context.folder().to_owned()).into());
    }
    let passphrase = context.new_passphrase()?;
    let environment = context.environment();
    let cost = VaultCost::default();
    let engine = Engine::create(context.folder(), &passphrase, cost, &name, &organisation, environment).await?;
    let Whoami { name, organisation, words, .. } = engine.whoami();
    context.output.data(
        || json!({ "name": name, "organisation": organisation, "safety_numbers": words.to_string() }),
        || {
            let shown = render::words(context.language, &words);
            context.text(
                "init-done",
                &[
                    ("name", name.clone().into()),
                    ("organisation", organisation.clone().into()),
                    ("words", shown.into()),
                ],
            )
        },
    );
    context.talk("init-next", &[]);
    engine.close().await;
    Ok(())
}
