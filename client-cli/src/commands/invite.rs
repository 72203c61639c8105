//! `twiza invite`: make an invitation for one person.

use super::role;
use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use clap::Args;
use fast_qr::QRBuilder;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(long, default_value = "member", value_name = "ROLE")]
    role: String,
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=28))]
    days: u32,
    #[arg(long)]
    qr: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let (role, _) = role::parse(&arguments.role)?;
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    let invitation = engine.invite(alliance, role, arguments.days).await?;
    let until = render::day(invitation.expires.0);
    context.output.data(
        || json!({ "number": invitation.number, "link": *invitation.link, "last_day": until }),
        || {
            let code = arguments.qr.then(|| QRBuilder::new(invitation.link.as_str()).build().ok()).flatten();
            match code {
                Some(code) => format!("{}\n{}", code.to_str(), *invitation.link),
                None => invitation.link.to_string(),
            }
        },
    );
    context.talk("invite-next", &[("day", until.clone().into()), ("number", invitation.number.to_string().into())]);
    engine.close().await;
    Ok(())
}
