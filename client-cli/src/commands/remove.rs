//! `twiza remove`: remove somebody.

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
    let removed = engine.remove(alliance, &typed::composed(&arguments.member)).await;
    let name = context.or_waiting(&engine, alliance, removed).await?;
    context
        .output
        .data(|| json!({ "removed": name }), || context.text("removed", &[("name", render::line(&name).into())]));
    context.talk("removed-next", &[]);
    engine.close().await;
    Ok(())
}
