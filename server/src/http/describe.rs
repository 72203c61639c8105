//! `GET /v1/relay`: what the relay is and accepts.

use crate::relay::Relay;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use tracing::instrument;
use twiza_protocol::Describe;

/// Protocol range, key, clock, admission, retention and limits. Needs no proof.
#[utoipa::path(
    get,
    path = "/v1/relay",
    tag = "relay",
    responses((status = 200, description = "The relay's description.", body = Describe))
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn describe(State(relay): State<Arc<Relay>>) -> Json<Describe> {
    Json(relay.describe())
}
