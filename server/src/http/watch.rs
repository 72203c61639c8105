//! `POST /v1/watch`: a stream of records over any number of mailboxes.

use super::body::{self, JSON_MEDIA_TYPE, expect_media_type, json};
use super::problem::ApiResult;
use crate::peer::Peer;
use crate::relay::Relay;
use crate::watch;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use std::convert::Infallible;
use std::sync::Arc;
use tracing::instrument;
use twiza_protocol::WatchRequest;
use twiza_protocol::stream::RECORDS_MEDIA_TYPE;

/// Watch mailboxes, each named once: first the backlog and a `head` of each, then frames as they come, heartbeats
/// between. Each mailbox has its own proof; one that fails gets a `refused` record, the others go on.
#[utoipa::path(
    post,
    path = "/v1/watch",
    tag = "mailbox",
    request_body(content = WatchRequest),
    responses(
        (
            status = 200,
            description = "Records, until one side hangs up.",
            body = inline(super::openapi::Octets),
            content_type = "application/vnd.twiza.records"
        ),
        super::openapi::Problems,
    )
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn watch(
    State(relay): State<Arc<Relay>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    expect_media_type(&headers, JSON_MEDIA_TYPE)?;
    let body = body::octets(&relay.bodies, body, relay.limits().json_bytes_max).await?;
    let request: WatchRequest = json(&body)?;
    let records = watch::watch(&relay, request, peer.map(|Extension(peer)| peer))?;
    let body = Body::from_stream(records.map(Ok::<_, Infallible>));
    Ok(([(CONTENT_TYPE, RECORDS_MEDIA_TYPE)], body).into_response())
}
