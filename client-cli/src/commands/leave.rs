//! `twiza leave`: leave an alliance.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use serde_json::json;
use twiza_client::ClientError;
use twiza_crypto::Obstacle;

pub(crate) async fn run(named: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &named).await?;
    let left = engine.leave(alliance).await;
    if matches!(left, Err(ClientError::NotPossible(Obstacle::LastOrganiser)))
        && Context::is_alone(&engine, alliance).await?
    {
        return Err(Failure::Alone(alliance));
    }
    context.or_waiting(&engine, alliance, left).await?;
    context.output.data(|| json!({ "leaving": true }), || context.text("leaving", &[]));
    engine.close().await;
    Ok(())
}
