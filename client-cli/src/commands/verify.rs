//! `twiza verify`: words to compare, of the whole alliance or of one person.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Args;
use serde_json::json;
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, alliance).await?;
    match &arguments.member {
        Some(member) => verify_person(context, &engine, alliance, member).await?,
        None => verify_alliance(context, &engine, alliance).await?,
    }
    engine.close().await;
    Ok(())
}

async fn verify_person(
    context: &Context<'_>,
    engine: &Engine,
    alliance: AllianceNumber,
    wanted: &str,
) -> Result<(), Failure> {
    let found = engine.find_member(alliance, &typed::composed(wanted)).await?;
    context.output.data(
        || json!({ "person": found.person, "safety_numbers": found.words.to_string() }),
        || {
            let person = render::person(context.language, &found.person);
            let words = render::words(context.language, &found.words);
            context.text("verify-person", &[("person", person.into()), ("words", words.into())])
        },
    );
    Ok(())
}

async fn verify_alliance(context: &Context<'_>, engine: &Engine, alliance: AllianceNumber) -> Result<(), Failure> {
    let view = engine.verify(alliance).await?;
    context.output.data(
        || json!({ "epoch": view.epoch, "safety_numbers": view.words.to_string() }),
        || {
            let words = render::words(context.language, &view.words);
            context.text("verify-alliance", &[("words", words.into())])
        },
    );
    context.talk("verify-next", &[]);
    Ok(())
}
