//! `twiza members`: who is in an alliance.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use serde_json::json;
use twiza_client::engine::MemberView;

pub(crate) async fn run(alliance: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &alliance).await?;
    context.refresh(&engine, number).await?;
    let members = engine.members(number).await?;
    context.output.data(
        || json!({ "members": members.iter().map(as_json).collect::<Vec<_>>() }),
        || members.iter().map(|member| line(context, member)).collect::<Vec<_>>().join("\n"),
    );
    engine.close().await;
    Ok(())
}

fn as_json(member: &MemberView) -> serde_json::Value {
    json!({
        "number": member.number,
        "person": member.person,
        "role": member.role_name(),
        "own": member.own,
        "safety_numbers": member.words.to_string(),
    })
}

fn line(context: &Context<'_>, member: &MemberView) -> String {
    let id = if member.own { "member-line-own" } else { "member-line" };
    context.text(
        id,
        &[
            ("number", member.number.to_string().into()),
            ("person", render::person(context.language, &member.person).into()),
            ("role", render::role(context.language, member.role_name()).into()),
        ],
    )
}
