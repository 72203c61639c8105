//! `twiza leave`: leave an alliance.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use serde_json::json;

pub(crate) async fn run(named: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &named).await?;
    let left = engine.leave(alliance).await;
    context.or_waiting(&engine, alliance, left).await?;
    context.output.data(|| json!({ "leaving": true }), || context.text("leaving", &[]));
    engine.close().await;
    Ok(())
}
