//! `twiza members`: who is in an alliance.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::look_alike::{Crowd, listed};
use crate::render;
use crate::wrap::INDENT;
use serde_json::json;
use twiza_client::engine::MemberView;

pub(crate) async fn run(alliance: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &alliance).await?;
    context.refresh(&engine, number).await?;
    let members = engine.members(number).await?;
    let crowd = Crowd::of(&members);
    let alike = |member: &MemberView| {
        let mut alike = crowd.like(&member.person.name);
        alike.retain(|number| *number != member.number);
        alike
    };
    context.output.people(
        || json!({ "members": members.iter().map(|member| as_json(member, &alike(member))).collect::<Vec<_>>() }),
        || members.iter().map(|member| line(context, member, &alike(member))).collect::<Vec<_>>().join("\n"),
    );
    engine.close().await;
    Ok(())
}

fn as_json(member: &MemberView, alike: &[u32]) -> serde_json::Value {
    json!({
        "number": member.number,
        "person": member.person,
        "role": member.role_name(),
        "own": member.own,
        "looks_like": alike,
        "safety_numbers": member.words.to_string(),
    })
}

fn line(context: &Context<'_>, member: &MemberView, alike: &[u32]) -> String {
    let id = if member.own { "member-line-own" } else { "member-line" };
    let line = context.text(
        id,
        &[
            ("number", member.number.to_string().into()),
            ("person", render::person(context.language, &member.person).into()),
            ("role", render::role(context.language, member.role_name()).into()),
        ],
    );
    if alike.is_empty() {
        return line;
    }
    let words = render::words(context.language, &member.words);
    let told = context.text("member-alike", &[("numbers", listed(alike).into()), ("words", words.into())]);
    format!("{line}\n{INDENT}{told}")
}
