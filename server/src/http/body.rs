//! Bodies, paths and queries, with our own errors in place of the framework's.

use super::problem::{ApiError, ApiResult};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::time::Duration;
use twiza_protocol::{MailboxAddress, ProblemCode};

pub(super) const OCTETS_MEDIA_TYPE: &str = "application/octet-stream";
pub(super) const JSON_MEDIA_TYPE: &str = "application/json";

/// A body that takes longer is given up: enough for a megabyte at 4 KiB a second.
const BODY_TIME_MAX: Duration = Duration::from_secs(300);

/// The mailbox in the path.
pub(super) struct Mailbox(pub(super) MailboxAddress);

impl<S: Send + Sync> FromRequestParts<S> for Mailbox {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| MALFORMED)?;
        text.parse().map(Self).map_err(|_| MALFORMED)
    }
}

/// A query without unknown parameters.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|_| MALFORMED)?;
        Ok(Self(value))
    }
}

/// The octets of a body, within the route's limit.
pub(super) struct Octets(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Octets {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        match tokio::time::timeout(BODY_TIME_MAX, Bytes::from_request(request, state)).await {
            Ok(Ok(octets)) => Ok(Self(octets)),
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::Code(ProblemCode::BodyTooLarge))
            }
            Ok(Err(_)) | Err(_) => Err(MALFORMED),
        }
    }
}

/// A request that is not of the protocol's form.
pub(super) const MALFORMED: ApiError = ApiError::Code(ProblemCode::MalformedRequest);

/// Refuses a body of another media type. Parameters such as a charset are ignored.
pub(super) fn expect_media_type(headers: &HeaderMap, expected: &str) -> ApiResult<()> {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = found.split(';').next().unwrap_or_default().trim();
    if found.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(ApiError::Code(ProblemCode::MediaTypeRefused)) }
}

/// Reads a JSON body.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|_| MALFORMED)
}
