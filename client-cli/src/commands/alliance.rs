//! `twiza alliance create|list|show|reopen|forget`.

use crate::arguments::InAlliance;
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Subcommand;
use fluent_bundle::FluentValue;
use serde_json::json;
use twiza_client::ClientError;
use twiza_client::engine::AllianceView;
use twiza_client::store::alliances::Status;
use twiza_crypto::CIPHERSUITE_NAME;
use twiza_crypto::name::Name;
use twiza_protocol::{RelayAddress, TokenGrant};

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Create {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(long, env = "TWIZA_RELAY", value_name = "ADDRESS")]
        relay: String,
        #[arg(long, env = "TWIZA_GRANT", value_name = "SECRET")]
        grant: Option<String>,
    },
    List {
        #[arg(long)]
        all: bool,
    },
    Show(InAlliance),
    Reopen(InAlliance),
    Forget {
        #[arg(value_name = "NAME")]
        alliance: String,
        #[arg(long)]
        abandon: bool,
        #[arg(short, long)]
        yes: bool,
    },
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Create { name, relay, grant } => create(context, &name, &relay, grant.as_deref()).await,
        Commands::List { all } => list(context, all).await,
        Commands::Show(alliance) => show(context, &alliance).await,
        Commands::Reopen(alliance) => reopen(context, &alliance).await,
        Commands::Forget { alliance, abandon, yes } => forget(context, &alliance, abandon, yes).await,
    }
}

async fn create(context: &Context<'_>, name: &str, relay: &str, grant: Option<&str>) -> Result<(), Failure> {
    let (name, relay): (_, RelayAddress) = (Name::composed(name)?, relay.parse()?);
    if grant.is_some_and(|grant| TokenGrant::is_one(grant) && grant.parse::<TokenGrant>().is_err()) {
        return Err(Failure::GrantDamaged);
    }
    let engine = context.engine().await?;
    let number = engine.found(&name, &relay, grant).await?;
    context.output.data(
        || json!({ "number": number, "name": name.as_str() }),
        || context.text("alliance-created", &[("name", name.as_str().into())]),
    );
    context.talk("alliance-created-next", &[]);
    engine.close().await;
    Ok(())
}

async fn list(context: &Context<'_>, all: bool) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let mut alliances = engine.alliances().await?;
    let known = alliances.len();
    alliances.retain(|alliance| all || !alliance.status.has_ended());
    let shown = alliances.iter().map(|alliance| context.text("alliance-line", &variables(alliance)));
    context.output.data(|| json!({ "alliances": alliances }), || shown.collect::<Vec<_>>().join("\n"));
    match known - alliances.len() {
        0 if alliances.is_empty() => context.talk("alliance-none", &[]),
        0 => {}
        ended => context.talk("alliance-ended", &[("count", ended.into())]),
    }
    engine.close().await;
    Ok(())
}

async fn show(context: &Context<'_>, named: &InAlliance) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, named).await?;
    context.refresh(&engine, number).await?;
    let alliance = engine.alliance(number).await?;
    let members = engine.members(number).await.map_or(0, |members| members.len());
    let waiting = engine.outbox(number).await?;
    context.output.data(
        || json!({ "alliance": alliance, "members": members, "outbox": waiting, "ciphersuite": CIPHERSUITE_NAME }),
        || {
            let mut all = variables(&alliance);
            all.push(("relay", alliance.relay.to_string().into()));
            all.push(("epoch", FluentValue::from(alliance.epoch)));
            all.push(("members", FluentValue::from(members)));
            all.push(("messages", FluentValue::from(waiting.messages)));
            all.push(("changes", FluentValue::from(waiting.changes)));
            all.push(("suite", CIPHERSUITE_NAME.into()));
            context.text("alliance-show", &all)
        },
    );
    engine.close().await;
    Ok(())
}

async fn reopen(context: &Context<'_>, named: &InAlliance) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, named).await?;
    engine.reopen(number).await?;
    context.output.data(|| json!({ "reopened": true }), || context.text("alliance-reopened", &[]));
    engine.close().await;
    Ok(())
}

async fn forget(context: &Context<'_>, named: &str, abandon: bool, yes: bool) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = engine.find_alliance(&typed::composed(named)).await?;
    let alliance = engine.alliance(number).await?;
    if alliance.status == Status::Active && !abandon {
        return Err(ClientError::StillMember.into());
    }
    confirm(context, &context.text("forget-question", &variables(&alliance)), yes)?;
    engine.forget(number, abandon).await?;
    context.output.data(
        || json!({ "forgotten": number }),
        || context.text("alliance-forgotten", &[("name", shown_name(&alliance).into())]),
    );
    engine.close().await;
    Ok(())
}

fn shown_name(alliance: &AllianceView) -> String {
    alliance.name.as_deref().map_or_else(|| "?".to_owned(), render::line)
}

fn variables(alliance: &AllianceView) -> Vec<(&'static str, FluentValue<'static>)> {
    vec![
        ("number", alliance.number.to_string().into()),
        ("name", shown_name(alliance).into()),
        ("status", alliance.status.as_str().into()),
    ]
}
