//! `twiza rejoin`: ask for new keys, where one's own lead nowhere.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use serde_json::json;
use twiza_client::store::alliances::Status;

pub(crate) async fn run(named: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &named).await?;
    let report = engine.rejoin(alliance).await?;
    let message = if report.status == Status::Active { "rejoined" } else { "rejoin-asked" };
    context.output.data(|| json!({ "status": report.status }), || context.text(message, &[]));
    if report.status == Status::Lost {
        context.talk("rejoin-next", &[]);
    }
    engine.close().await;
    Ok(())
}
