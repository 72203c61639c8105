//! `twiza send`: say something to everybody.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::typed;
use clap::Args;
use serde_json::json;
use twiza_client::ClientError;
use twiza_client::engine::Delivery;
use twiza_crypto::message::TEXT_BYTES_MAX;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "TEXT")]
    text: String,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    let too_long = |found| ClientError::TextTooLong { found, limit: TEXT_BYTES_MAX }.into();
    let text = match arguments.text.as_str() {
        typed::STANDARD_INPUT => typed::standard_input(TEXT_BYTES_MAX, too_long)?,
        _ => Zeroizing::new(arguments.text),
    };
    let sent = engine.send(alliance, &text).await;
    let delivery = context.or_waiting(&engine, alliance, sent).await?;
    context.output.data(|| json!({ "sent": delivery == Delivery::Sent }), String::new);
    context.talk(if delivery == Delivery::Sent { "sent" } else { "send-waits" }, &[]);
    engine.close().await;
    Ok(())
}
