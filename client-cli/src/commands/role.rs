//! `twiza role`: give somebody another role.

use super::invite::RoleName;
use super::motion;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: String,
    #[arg(value_enum, value_name = "ROLE")]
    role: RoleName,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let member = typed::composed(&arguments.member);
    let changed = engine.set_role(alliance, &member, arguments.role.into()).await;
    if motion::is_asked_for(&changed) {
        let action = engine.new_role(alliance, &member, arguments.role.into()).await?;
        motion::propose(context, &engine, alliance, action).await?;
        engine.close().await;
        return Ok(());
    }
    let name = context.or_waiting(&engine, alliance, changed).await?;
    let role = format!("{:?}", arguments.role).to_lowercase();
    context.output.data(
        || json!({ "member": name, "role": role }),
        || {
            let shown = render::role(context.language, &role);
            context.text("role-done", &[("name", render::line(&name).into()), ("role", shown.into())])
        },
    );
    engine.close().await;
    Ok(())
}
