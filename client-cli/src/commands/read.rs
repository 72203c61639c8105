//! `twiza read`: what is new, or everything.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::look_alike::Crowd;
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
    let in_the_way = context.refresh(&engine, number).await?;
    let alliance = engine.alliance(number).await?;
    let entries = engine.entries(number, 0, !arguments.all).await?;
    // Whoever is out knows nobody any more, and still has things to read.
    let crowd = match alliance.status {
        Status::Active => Crowd::of(&engine.members(number).await?),
        _ => Crowd::of(&[]),
    };
    let for_script = |entry| render::entry_json(entry, &crowd);
    let shown = |entry| render::entry(context.language, entry, &crowd);
    context.output.people(
        || {
            let entries: Vec<_> = entries.iter().map(for_script).collect();
            json!({ "alliance": alliance, "entries": entries, "in_the_way": in_the_way })
        },
        || entries.iter().map(shown).collect::<Vec<_>>().join("\n"),
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
