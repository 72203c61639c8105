//! `twiza alliance create|list|show|grant|reopen|forget`.

use super::motion;
use crate::arguments::InAlliance;
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::{Args, Subcommand};
use fluent_bundle::FluentValue;
use serde_json::json;
use twiza_client::ClientError;
use twiza_client::engine::{AllianceView, RightView};
use twiza_client::store::alliances::Status;
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
    List {
        #[arg(long)]
        all: bool,
    },
    Show(InAlliance),
    Grant(Granting),
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

#[derive(Debug, Args)]
pub(crate) struct Granting {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(env = "TWIZA_GRANT", hide_env_values = true, value_name = "SECRET", required_unless_present = "none")]
    secret: Option<String>,
    #[arg(long, conflicts_with = "secret")]
    none: bool,
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Create { name, relay, grant } => create(context, &name, &relay, grant.as_deref()).await,
        Commands::List { all } => list(context, all).await,
        Commands::Show(alliance) => show(context, &alliance).await,
        Commands::Grant(granting) => grant(context, &granting).await,
        Commands::Reopen(alliance) => reopen(context, &alliance).await,
        Commands::Forget { alliance, abandon, yes } => forget(context, &alliance, abandon, yes).await,
    }
}

async fn create(context: &Context<'_>, name: &str, relay: &str, grant: Option<&str>) -> Result<(), Failure> {
    let (name, relay): (_, RelayAddress) = (Name::composed(name)?, relay.parse()?);
    let grant = grant.map(typed::grant).transpose()?;
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
    let in_the_way = context.refresh(&engine, number).await?;
    let alliance = engine.alliance(number).await?;
    let members = engine.members(number).await.map_or(0, |members| members.len());
    let waiting = engine.outbox(number).await?;
    let right = engine.right(number).await.ok();
    context.output.data(
        || {
            json!({
                "alliance": alliance, "members": members, "outbox": waiting, "right": right,
                "in_the_way": in_the_way, "ciphersuite": CIPHERSUITE_NAME
            })
        },
        || {
            let mut all = variables(&alliance);
            all.push(("relay", alliance.relay.to_string().into()));
            all.push(("epoch", FluentValue::from(alliance.epoch)));
            all.push(("members", FluentValue::from(members)));
            all.push(("messages", FluentValue::from(waiting.messages)));
            all.push(("changes", FluentValue::from(waiting.changes)));
            all.push(("suite", CIPHERSUITE_NAME.into()));
            let lines = [context.text("alliance-show", &all)].into_iter();
            lines.chain(right.as_ref().map(|right| right_line(context, right))).collect::<Vec<_>>().join("\n")
        },
    );
    engine.close().await;
    Ok(())
}

fn right_line(context: &Context<'_>, right: &RightView) -> String {
    let [kind, mark, issuer] = render::grant(&right.grant);
    context.text("alliance-right", &[kind, mark, issuer, ("tokens", right.tokens.unwrap_or_default().into())])
}

async fn grant(context: &Context<'_>, granting: &Granting) -> Result<(), Failure> {
    let grant = granting.secret.as_deref().map(typed::grant).transpose()?;
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &granting.alliance).await?;
    // That the relay takes the present grant no more is why somebody gives it another.
    context.synchronise(&engine, alliance).await?;
    let set = engine.set_grant(alliance, grant.as_ref()).await;
    if motion::is_asked_for(&set) {
        let action = engine.new_grant(alliance, grant).await?;
        motion::propose(context, &engine, alliance, action).await?;
    } else {
        let changed = context.or_waiting(&engine, alliance, set).await?;
        let right = engine.right(alliance).await?;
        context.output.data(|| json!({ "right": right, "changed": changed }), || right_line(context, &right));
        if !changed {
            context.talk("grant-unchanged", &[]);
        }
    }
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
    let mut asked = variables(&alliance);
    // Whoever is there alone has nobody to take leave of.
    let alone = alliance.status == Status::Active && Context::is_alone(&engine, number).await?;
    if alone {
        asked.push(("status", "alone".into()));
    } else if alliance.status == Status::Active && !abandon {
        return Err(ClientError::StillMember.into());
    }
    confirm(context, &context.text("forget-question", &asked), yes)?;
    engine.forget(number, abandon || alone).await?;
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
