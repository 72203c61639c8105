//! `twiza role`: give somebody another role.

use super::invite::RoleName;
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
    let changed = engine.set_role(alliance, &typed::composed(&arguments.member), arguments.role.into()).await;
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
