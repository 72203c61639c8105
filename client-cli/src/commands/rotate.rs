//! `twiza rotate`: new keys for oneself, in one alliance or in all.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::tally::Tally;
use clap::Args;
use serde_json::json;
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;
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
    let done = if arguments.all {
        everywhere(&engine, context).await
    } else {
        let alliance = context.alliance(&engine, &arguments.alliance).await?;
        let epoch = one(&engine, context, alliance).await?;
        context.output.data(|| json!({ "epoch": epoch }), || context.text("rotated", &[("epoch", epoch.into())]));
        Ok(())
    };
    engine.close().await;
    done
}

async fn one(engine: &Engine, context: &Context<'_>, alliance: AllianceNumber) -> Result<u64, Failure> {
    let rotated = engine.rotate(alliance).await;
    context.or_waiting(engine, alliance, rotated).await?;
    Ok(engine.alliance(alliance).await?.epoch)
}

async fn everywhere(engine: &Engine, context: &Context<'_>) -> Result<(), Failure> {
    let all = engine.alliances().await?;
    let active: Vec<_> = all.iter().filter(|alliance| alliance.status == Status::Active).collect();
    if active.is_empty() {
        return Err(Failure::NoAlliance);
    }
    let mut tally = Tally::default();
    for alliance in active {
        let rotated = one(engine, context, alliance.number).await;
        let told = |epoch: u64| (json!({ "epoch": epoch }), context.text("rotated", &[("epoch", epoch.into())]));
        tally.note(context, alliance, rotated.map(told));
    }
    tally.tell(context, json!({}))
}
