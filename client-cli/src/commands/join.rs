//! `twiza join`: ask to join with an invitation.

use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Args;
use serde_json::json;
use twiza_client::store::alliances::Status;
use twiza_crypto::name::Name;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(value_name = "INVITATION")]
    invitation: String,
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let name = arguments.name.as_deref().map(Name::new).transpose()?;
    let organisation = arguments.organisation.as_deref().map(Name::new).transpose()?;
    let engine = context.engine().await?;
    let number = engine.join(&arguments.invitation, name.as_ref(), organisation.as_ref()).await?;
    let alliance = engine.alliance(number).await?;
    let words = engine.whoami().words;
    context.output.data(
        || json!({ "number": number, "status": alliance.status, "safety_numbers": words.to_string() }),
        || match (alliance.status, &alliance.name) {
            (Status::Active, Some(name)) => context.text("join-member", &[("name", render::line(name).into())]),
            _ => context.text("join-asked", &[("words", render::words(context.language, &words).into())]),
        },
    );
    if alliance.status == Status::Joining {
        context.talk("join-next", &[]);
    }
    engine.close().await;
    Ok(())
}
