//! `PUT /v1/mailboxes/{address}`: open a mailbox, or move its expiry forward.

use super::body::{self, JSON_MEDIA_TYPE, Mailbox, expect_media_type, json};
use super::problem::ApiResult;
use super::proof;
use crate::relay::Relay;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::sync::Arc;
use tracing::instrument;
use twiza_protocol::{FrameDigest, OpenRequest, Opened, Verb};

/// Open a mailbox, or move its expiry forward. Idempotent.
#[utoipa::path(
    put,
    path = "/v1/mailboxes/{address}",
    tag = "mailbox",
    params(super::openapi::AddressParameter, super::openapi::ProofParameter),
    request_body(content = OpenRequest, description = "May be empty where the relay asks for no grant, or the mailbox is there."),
    responses(
        (status = 201, description = "The mailbox is new.", body = Opened),
        (status = 200, description = "It was there; its expiry moved forward.", body = Opened),
        super::openapi::Problems,
    )
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn open(
    State(relay): State<Arc<Relay>>,
    Mailbox(address): Mailbox,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, HeaderMap, Json<Opened>)> {
    let proof = proof::header(&headers)?;
    let body = body::octets(&relay.bodies, body, relay.limits().json_bytes_max).await?;
    if !body.is_empty() {
        expect_media_type(&headers, JSON_MEDIA_TYPE)?;
    }
    let proved = proof::verify(&relay, &proof, &address, Verb::Open, FrameDigest::of(&body))?;
    let request: OpenRequest = if body.is_empty() { OpenRequest::default() } else { json(&body)? };
    let (is_new, opened) = relay.open(address, &request).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, proved, Json(opened)))
}
