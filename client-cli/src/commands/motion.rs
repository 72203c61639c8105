//! `twiza motion propose|list|approve|withdraw`: what several organisations decide together.

use super::role;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use twiza_client::engine::{AllianceNumber, MotionView, Proposed};
use twiza_client::{ClientError, Engine};
use twiza_crypto::Obstacle;
use twiza_crypto::motion::Action;
use twiza_crypto::name::Name;

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    #[command(subcommand)]
    Propose(Proposal),
    List(InAlliance),
    Approve(Numbered),
    Withdraw(Numbered),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Proposal {
    Remove(Named),
    Role {
        #[command(flatten)]
        named: Named,
        #[arg(value_name = "ROLE")]
        role: String,
    },
    Name {
        #[command(flatten)]
        alliance: InAlliance,
        #[arg(value_name = "NAME")]
        name: String,
    },
    Succession(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: String,
}

#[derive(Debug, Args)]
pub(crate) struct Numbered {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "NUMBER")]
    number: i64,
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Propose(proposal) => run_proposal(proposal, context).await,
        Commands::List(alliance) => list(&alliance, context).await,
        Commands::Approve(numbered) => decide(&numbered, context, true).await,
        Commands::Withdraw(numbered) => decide(&numbered, context, false).await,
    }
}

async fn run_proposal(proposal: Proposal, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let named = match &proposal {
        Proposal::Remove(named) | Proposal::Succession(named) | Proposal::Role { named, .. } => &named.alliance,
        Proposal::Name { alliance, .. } => alliance,
    };
    let alliance = context.alliance(&engine, named).await?;
    context.refresh(&engine, alliance).await?;
    let action = match proposal {
        Proposal::Remove(Named { member, .. }) => engine.removal(alliance, &typed::composed(&member)).await?,
        Proposal::Role { named: Named { member, .. }, role } => {
            let (role, _) = role::parse(&role)?;
            engine.new_role(alliance, &typed::composed(&member), role).await?
        }
        Proposal::Name { name, .. } => Action::Rename(Name::composed(&name)?),
        Proposal::Succession(Named { member, .. }) => engine.succession(alliance, &typed::composed(&member)).await?,
    };
    propose(context, &engine, alliance, action).await?;
    engine.close().await;
    Ok(())
}

/// Whether somebody wanted to do alone what the rules leave to several organisations.
pub(super) fn is_asked_for<T>(result: &Result<T, ClientError>) -> bool {
    matches!(result, Err(ClientError::NotPossible(Obstacle::ApprovalsMissing)))
}

/// Proposes something and says what came of it.
pub(super) async fn propose(
    context: &Context<'_>,
    engine: &Engine,
    alliance: AllianceNumber,
    action: Action,
) -> Result<(), Failure> {
    let proposed = engine.propose(alliance, action).await;
    let (id, number) = match context.or_waiting(engine, alliance, proposed).await? {
        Proposed::Open(number) => ("motion-proposed", Some(number)),
        Proposed::Enacted(number) => ("motion-enacted", Some(number)),
        Proposed::Waits => ("motion-waits", None),
    };
    context.output.data(
        || json!({ "motion": number, "state": id.trim_start_matches("motion-") }),
        || context.text(id, &[("number", number.unwrap_or_default().to_string().into())]),
    );
    Ok(())
}

async fn list(named: &InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, named).await?;
    context.refresh(&engine, alliance).await?;
    let motions = engine.motions(alliance).await?;
    context.output.people(
        || json!({ "motions": motions.iter().map(as_json).collect::<Vec<_>>() }),
        || motions.iter().map(|motion| lines(context, motion)).collect::<Vec<_>>().join("\n"),
    );
    if motions.is_empty() {
        context.talk("motions-none", &[]);
    }
    engine.close().await;
    Ok(())
}

async fn decide(numbered: &Numbered, context: &Context<'_>, approves: bool) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &numbered.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let decided = if approves {
        engine.approve_motion(alliance, numbered.number).await
    } else {
        engine.withdraw_motion(alliance, numbered.number).await
    };
    let motion = context.or_waiting(&engine, alliance, decided).await?;
    context.output.people(|| as_json(&motion), || lines(context, &motion));
    engine.close().await;
    Ok(())
}

fn as_json(motion: &MotionView) -> Value {
    let mut value = serde_json::to_value(motion).unwrap_or_default();
    value["last_day"] = render::day(motion.last_day).into();
    value
}

fn lines(context: &Context<'_>, motion: &MotionView) -> String {
    let people: Vec<_> = motion.approved_by.iter().map(|person| render::person(context.language, person)).collect();
    let state = if motion.expired && motion.state.as_str() == "open" { "expired" } else { motion.state.as_str() };
    context.text(
        if state == "open" { "motion-line" } else { "motion-line-over" },
        &[
            ("number", motion.number.to_string().into()),
            ("action", render::action(context.language, &motion.motion).into()),
            ("person", render::person(context.language, &motion.proposer).into()),
            ("state", state.into()),
            ("day", render::day(motion.last_day).into()),
            ("approved", people.join(", ").into()),
            ("organisations", motion.organisations.to_string().into()),
            ("needed", motion.needed.to_string().into()),
        ],
    )
}
