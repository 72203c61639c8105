//! `twiza rotate`: new keys for oneself.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use serde_json::json;

pub(crate) async fn run(named: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &named).await?;
    let rotated = engine.rotate(alliance).await;
    context.or_waiting(&engine, alliance, rotated).await?;
    let epoch = engine.alliance(alliance).await?.epoch;
    context.output.data(|| json!({ "epoch": epoch }), || context.text("rotated", &[("epoch", epoch.into())]));
    engine.close().await;
    Ok(())
}
