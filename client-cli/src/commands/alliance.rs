//! `twiza alliance create|list|show`.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Subcommand;
use fluent_bundle::FluentValue;
use serde_json::json;
use twiza_client::engine::AllianceView;
use twiza_crypto::CIPHERSUITE_NAME;
use twiza_crypto::name::Name;
use twiza_protocol::RelayAddress;

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
    List,
    Show(InAlliance),
    Reopen(InAlliance),
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Create { name, relay, grant } => create(context, &name, &relay, grant.as_deref()).await,
        Commands::List => list(context).await,
        Commands::Show(alliance) => show(context, &alliance).await,
        Commands::Reopen(alliance) => reopen(context, &alliance).await,
    }
}

async fn create(context: &Context<'_>, name: &str, relay: &str, grant: Option<&str>) -> Result<(), Failure> {
    let (name, relay): (_, RelayAddress) = (Name::composed(name)?, relay.parse()?);
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

async fn list(context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliances = engine.alliances().await?;
    let shown = alliances.iter().map(|alliance| context.text("alliance-line", &variables(alliance)));
    context.output.data(|| json!({ "alliances": alliances }), || shown.collect::<Vec<_>>().join("\n"));
    if alliances.is_empty() {
        context.talk("alliance-none", &[]);
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

fn variables(alliance: &AllianceView) -> Vec<(&'static str, FluentValue<'static>)> {
    let name = alliance.name.as_deref().map_or_else(|| "?".to_owned(), render::line);
    vec![
        ("number", alliance.number.to_string().into()),
        ("name", name.into()),
        ("status", alliance.status.as_str().into()),
    ]
}
