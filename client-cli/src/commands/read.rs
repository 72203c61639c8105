//! `twiza read`: what is new, or everything.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Args;
use serde_json::json;
use twiza_client::store::alliances::Status;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, number).await?;
    let alliance = engine.alliance(number).await?;
    let entries = engine.entries(number, 0, !arguments.all).await?;
    context.output.people(
        || json!({ "alliance": alliance, "entries": entries }),
        || entries.iter().map(|entry| render::entry(context.language, entry)).collect::<Vec<_>>().join("\n"),
    );
    if let Some(last) = entries.last() {
        engine.mark_read(number, last.id).await?;
    }
    match alliance.status {
        Status::Active if entries.is_empty() => context.talk("read-nothing", &[]),
        Status::Active => {}
        status => context.talk("read-status", &[("status", status.as_str().into())]),
    }
    engine.close().await;
    Ok(())
}
