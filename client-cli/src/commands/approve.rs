//! `twiza approve`: let somebody in.

use super::motion;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "NUMBER", required = true)]
    request: Vec<i64>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    let approved = engine.approve(alliance, &arguments.request).await;
    if motion::is_asked_for(&approved) {
        let admission = engine.admission(alliance, &arguments.request).await?;
        motion::propose(context, &engine, alliance, admission).await?;
        engine.close().await;
        return Ok(());
    }
    let people = context.or_waiting(&engine, alliance, approved).await?;
    context.output.people(
        || json!({ "approved": people }),
        || {
            let line =
                |person| context.text("approved", &[("person", render::person(context.language, person).into())]);
            people.iter().map(line).collect::<Vec<_>>().join("\n")
        },
    );
    context.talk("approved-next", &[]);
    engine.close().await;
    Ok(())
}
