//! `twiza remove`: remove somebody.

use super::motion;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: String,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let member = typed::composed(&arguments.member);
    let removed = engine.remove(alliance, &member).await;
    if motion::is_asked_for(&removed) {
        let removal = engine.removal(alliance, &member).await?;
        motion::propose(context, &engine, alliance, removal).await?;
        engine.close().await;
        return Ok(());
    }
    let name = context.or_waiting(&engine, alliance, removed).await?;
    context
        .output
        .data(|| json!({ "removed": name }), || context.text("removed", &[("name", render::line(&name).into())]));
    context.talk("removed-next", &[]);
    engine.close().await;
    Ok(())
}
