//! `twiza remove`: remove somebody, from one alliance or from all.

use super::motion;
use crate::arguments::InAlliance;
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{render, typed};
use clap::Args;
use serde_json::json;
use twiza_client::Engine;
use twiza_client::engine::{AllianceView, Presence};
use twiza_client::store::alliances::Status;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: String,
    #[arg(long)]
    everywhere: bool,
    #[arg(short, long)]
    yes: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let done = if arguments.everywhere {
        everywhere(&engine, &arguments, context).await
    } else {
        here(&engine, &arguments, context).await
    };
    engine.close().await;
    done
}

async fn here(engine: &Engine, arguments: &Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let alliance = context.alliance(engine, &arguments.alliance).await?;
    context.refresh(engine, alliance).await?;
    let member = typed::composed(&arguments.member);
    let removed = engine.remove(alliance, &member).await;
    if motion::is_asked_for(&removed) {
        let removal = engine.removal(alliance, &member).await?;
        return motion::propose(context, engine, alliance, removal).await;
    }
    let name = context.or_waiting(engine, alliance, removed).await?;
    context
        .output
        .data(|| json!({ "removed": name }), || context.text("removed", &[("name", render::line(&name).into())]));
    context.talk("removed-next", &[]);
    Ok(())
}

/// From every alliance in which that person is a member, whatever it is called there. `--alliance` says where the name
/// that was typed is looked up.
async fn everywhere(engine: &Engine, arguments: &Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let mut unreadable: Vec<(AllianceView, Failure)> = Vec::new();
    for alliance in engine.alliances().await?.into_iter().filter(|alliance| alliance.status == Status::Active) {
        if let Err(failure) = context.refresh(engine, alliance.number).await {
            unreadable.push((alliance, failure));
        }
    }
    let named_in = match &arguments.alliance.alliance {
        Some(_) => Some(context.alliance(engine, &arguments.alliance).await?),
        None => None,
    };
    let who = engine.presence(&typed::composed(&arguments.member), named_in).await?;
    let places: Vec<AllianceView> =
        engine.alliances().await?.into_iter().filter(|alliance| who.alliances.contains(&alliance.number)).collect();
    confirm(context, &question(context, &who, &places), arguments.yes)?;
    let mut tally = Tally::default();
    // What cannot be read is told, and keeps nobody in the other alliances.
    for (alliance, failure) in unreadable {
        if !who.alliances.contains(&alliance.number) {
            tally.note(context, &alliance, Err(failure));
        }
    }
    for alliance in &places {
        let removed = engine.remove_person(alliance.number, &who).await;
        let removed = context.or_waiting(engine, alliance.number, removed).await;
        let told = |()| (json!({ "removed": true }), context.text("removed-there", &[]));
        tally.note(context, alliance, removed.map(told));
    }
    tally.tell(context, json!({ "person": who.person, "safety_numbers": who.words.to_string() }))
}

fn question(context: &Context<'_>, who: &Presence, places: &[AllianceView]) -> String {
    let name = |alliance: &AllianceView| alliance.name.as_deref().map_or_else(|| "?".to_owned(), render::line);
    let alliances = places.iter().map(name).collect::<Vec<_>>().join(", ");
    context.text(
        "remove-everywhere-question",
        &[
            ("person", render::person(context.language, &who.person).into()),
            ("words", render::words(context.language, &who.words).into()),
            ("alliances", alliances.into()),
        ],
    )
}
