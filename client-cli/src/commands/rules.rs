//! `twiza rules show|set`: what the alliance asks for before something changes.

use super::motion;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::{Args, Subcommand};
use serde_json::json;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Allotment, Quorums, Rules, Succession};

/// What stands for nothing.
const NONE: &str = "none";

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Show(InAlliance),
    Set(Setting),
}

#[derive(Debug, Args)]
pub(crate) struct Setting {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(long, value_name = "NUMBER")]
    all: Option<u8>,
    #[arg(long, value_name = "NUMBER")]
    admit: Option<u8>,
    #[arg(long, value_name = "NUMBER")]
    remove: Option<u8>,
    #[arg(long, value_name = "NUMBER")]
    roles: Option<u8>,
    #[arg(long, value_name = "NUMBER")]
    rules: Option<u8>,
    #[arg(long, value_name = "NUMBER")]
    name: Option<u8>,
    #[arg(long, value_name = "YES", value_parser = clap::value_parser!(bool))]
    own_delegates: Option<bool>,
    #[arg(long, value_name = "ORGANISATION=SEATS", value_parser = allotted)]
    allot: Vec<(Name, u16)>,
    #[arg(long, value_name = "DAYS,DAYS,NUMBER", value_parser = succeeded)]
    succession: Option<Succeeded>,
}

/// A succession as it is typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Succeeded(Option<Succession>);

/// `Organisation=12`; `=none` takes the limit away.
fn allotted(text: &str) -> Result<(Name, u16), String> {
    let (organisation, seats) = text.rsplit_once('=').ok_or_else(|| text.to_owned())?;
    let seats = if seats == NONE { Some(0) } else { seats.parse().ok().filter(|seats| *seats > 0) };
    let organisation = Name::composed(organisation).map_err(|_| text.to_owned())?;
    Ok((organisation, seats.ok_or_else(|| text.to_owned())?))
}

/// `30,14,2`: days of silence, days of waiting, organisations; or `none`.
fn succeeded(text: &str) -> Result<Succeeded, String> {
    if text == NONE {
        return Ok(Succeeded(None));
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [silence, waiting, organisations] = parts.as_slice() else { return Err(text.to_owned()) };
    let parsed = silence.parse().ok().zip(waiting.parse().ok()).zip(organisations.parse().ok());
    let ((silence_days, waiting_days), organisations) = parsed.ok_or_else(|| text.to_owned())?;
    Ok(Succeeded(Some(Succession { silence_days, waiting_days, organisations })))
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Show(alliance) => show(&alliance, context).await,
        Commands::Set(setting) => set(setting, context).await,
    }
}

async fn show(named: &InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, named).await?;
    context.refresh(&engine, alliance).await?;
    let rules = engine.shown_rules(alliance).await?;
    context.output.people(|| json!({ "rules": rules }), || render::rules(context.language, &rules).join("\n"));
    engine.close().await;
    Ok(())
}

async fn set(setting: Setting, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &setting.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let rules = setting.applied_to(engine.rules(alliance).await?);
    let set = engine.set_rules(alliance, &rules).await;
    if motion::is_asked_for(&set) {
        motion::propose(context, &engine, alliance, Action::SetRules(rules)).await?;
    } else {
        context.or_waiting(&engine, alliance, set).await?;
        let rules = engine.shown_rules(alliance).await?;
        context.output.people(|| json!({ "rules": rules }), || render::rules(context.language, &rules).join("\n"));
    }
    engine.close().await;
    Ok(())
}

impl Setting {
    fn applied_to(self, mut rules: Rules) -> Rules {
        let Quorums { admit, remove, roles, rules: of_rules, alliance } = self.all.map_or(rules.quorums, Quorums::all);
        rules.quorums = Quorums {
            admit: self.admit.unwrap_or(admit),
            remove: self.remove.unwrap_or(remove),
            roles: self.roles.unwrap_or(roles),
            rules: self.rules.unwrap_or(of_rules),
            alliance: self.name.unwrap_or(alliance),
        };
        rules.own_delegates = self.own_delegates.unwrap_or(rules.own_delegates);
        if let Some(Succeeded(succession)) = self.succession {
            rules.succession = succession;
        }
        for (organisation, seats) in self.allot {
            rules.allotments.retain(|allotment| allotment.organisation != organisation);
            if seats > 0 {
                rules.allotments.push(Allotment { organisation, seats });
            }
        }
        rules.allotments.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        rules
    }
}
