//! `twiza send`: say something to everybody.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use serde_json::json;
use std::io::Read;
use twiza_client::ClientError;
use twiza_client::engine::Delivery;
use twiza_crypto::message::TEXT_BYTES_MAX;

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
    let text = if arguments.text == "-" { standard_input()? } else { arguments.text };
    let sent = engine.send(alliance, &text).await;
    let delivery = context.or_waiting(&engine, alliance, sent).await?;
    context.output.data(|| json!({ "sent": delivery == Delivery::Sent }), String::new);
    context.talk(if delivery == Delivery::Sent { "sent" } else { "send-waits" }, &[]);
    engine.close().await;
    Ok(())
}

fn standard_input() -> Result<String, Failure> {
    let mut octets = Vec::new();
    std::io::stdin().lock().take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut octets)?;
    if octets.len() > TEXT_BYTES_MAX {
        return Err(ClientError::TextTooLong { found: octets.len(), limit: TEXT_BYTES_MAX }.into());
    }
    String::from_utf8(octets).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error).into())
}
