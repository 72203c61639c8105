//! `twiza reboot`: found a stuck alliance anew, without whoever spoils it.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Args;
use fluent_bundle::FluentValue;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(long, value_name = "MEMBER", num_args = 1..)]
    without: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let without: Vec<String> = arguments.without.iter().map(|name| typed::composed(name)).collect();
    let rebooted = engine.reboot(alliance, &without).await;
    let report = context.or_waiting(&engine, alliance, rebooted).await?;
    context.output.data(
        || json!({ "without": report.without, "called": report.called }),
        || {
            let names = report.without.iter().map(|name| render::line(name)).collect::<Vec<_>>().join(", ");
            context.text("rebooted", &[("without", names.into()), ("called", FluentValue::from(report.called))])
        },
    );
    context.talk("rebooted-next", &[]);
    engine.close().await;
    Ok(())
}
