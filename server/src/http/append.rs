//! `POST /v1/mailboxes/{address}/frames`: append a frame.

use super::body::{self, Mailbox, OCTETS_MEDIA_TYPE, Parameters, expect_media_type};
use super::problem::ApiResult;
use super::proof;
use crate::relay::Relay;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::sync::Arc;
use tracing::instrument;
use twiza_protocol::{FrameDigest, FrameSize, Receipt, Verb};
use utoipa::IntoParams;

/// One octet more than a frame: what is larger is not read, and what is not padded is told so.
const BODY_BYTES_MAX: u64 = FrameSize::MAX.bytes() as u64 + 1;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AppendParameters {
    /// Whether the frame closes the mailbox.
    #[serde(default)]
    closing: bool,
}

/// Append a frame. Idempotent: a frame is identified by its SHA-256, and a repeat is answered with its first place.
/// Answered only once the frame is durable.
#[utoipa::path(
    post,
    path = "/v1/mailboxes/{address}/frames",
    tag = "mailbox",
    params(super::openapi::AddressParameter, AppendParameters, super::openapi::ProofParameter),
    request_body(
        content = inline(super::openapi::Octets),
        content_type = "application/octet-stream",
        description = "The frame: 1, 4, 16, 64, 256 or 1024 KiB."
    ),
    responses(
        (status = 201, description = "The frame is stored.", body = Receipt),
        (status = 200, description = "It was there; this is its first place.", body = Receipt),
        super::openapi::Problems,
    )
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn append(
    State(relay): State<Arc<Relay>>,
    Mailbox(address): Mailbox,
    Parameters(AppendParameters { closing }): Parameters<AppendParameters>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, HeaderMap, Json<Receipt>)> {
    expect_media_type(&headers, OCTETS_MEDIA_TYPE)?;
    // Without a proof, the body is not even read.
    let proof = proof::header(&headers)?;
    let body = body::octets(&relay.bodies, body, BODY_BYTES_MAX).await?;
    let digest = FrameDigest::of(&body);
    let proved = proof::verify(&relay, &proof, &address, Verb::Append { closing }, digest)?;
    let (is_new, receipt) = relay.append(address, body, digest, closing).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, proved, Json(receipt)))
}
