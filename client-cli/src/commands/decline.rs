//! `twiza decline`: turn somebody away, or take an invitation back.

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
    #[arg(value_name = "NUMBER")]
    request: i64,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    let declined = engine.decline(alliance, arguments.request).await;
    let person = context.or_waiting(&engine, alliance, declined).await?;
    context.output.data(
        || json!({ "declined": person }),
        || match &person {
            Some(person) => context.text("declined", &[("person", render::person(context.language, person).into())]),
            None => context.text("invitation-cancelled", &[]),
        },
    );
    engine.close().await;
    Ok(())
}
