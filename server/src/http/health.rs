//! `GET /healthz`: whether the relay can answer.

use super::problem::ApiResult;
use crate::relay::Relay;
use axum::extract::State;
use std::sync::Arc;
use tracing::instrument;

/// Answers `ok` where the store can be read.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "relay",
    responses(
        (status = 200, description = "`ok`", body = String, content_type = "text/plain"),
        super::openapi::Problems,
    )
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn health(State(relay): State<Arc<Relay>>) -> ApiResult<&'static str> {
    relay.check().await?;
    Ok("ok\n")
}
