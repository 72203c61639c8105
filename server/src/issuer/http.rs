//! The issuer over HTTP.

use super::Issuer;
use crate::http::body::{self, JSON_MEDIA_TYPE, expect_media_type, json};
use crate::http::problem::{ApiError, ApiResult};
use crate::http::{furnished, note_proof};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;
use twiza_protocol::{IssueRequest, Issued, IssuerDescribe, ProblemCode};

/// Octets of a request: as many messages as it may have, with room to spare.
const BODY_BYTES_MAX: u64 = 64 << 10;

/// All routes of an issuer.
pub(super) fn router(issuer: Arc<Issuer>) -> Router {
    // Whoever has a grant is no stranger.
    let tokens = Router::new().route("/v1/tokens", post(issue)).route_layer(from_fn(note_proof));
    let routes = Router::new().merge(tokens).route("/v1/issuer", get(describe)).route("/healthz", get(async || "ok\n"));
    furnished(routes).with_state(issuer)
}

async fn describe(State(issuer): State<Arc<Issuer>>) -> Json<IssuerDescribe> {
    Json(issuer.describe())
}

async fn issue(State(issuer): State<Arc<Issuer>>, headers: HeaderMap, body: Body) -> ApiResult<Json<Issued>> {
    expect_media_type(&headers, JSON_MEDIA_TYPE)?;
    let body = body::octets(&issuer.bodies, body, BODY_BYTES_MAX).await?;
    let request: IssueRequest = json(&body)?;
    let turn = issuer.queue(&request).map_err(ApiError::Code)?;
    // Whoever hangs up while it waits costs nothing more.
    let place = issuer.signing.wait().await;
    let issue = move || {
        let (_place, _turn) = (place, turn);
        issuer.issue(&request)
    };
    let issued = tokio::task::spawn_blocking(issue).await;
    issued.unwrap_or(Err(ProblemCode::Internal)).map(Json).map_err(ApiError::Code)
}
