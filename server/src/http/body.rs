//! Bodies, paths and queries, with our own errors in place of the framework's.

use super::problem::{ApiError, ApiResult};
use crate::bodies::{Bodies, BodyError};
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use twiza_protocol::{MailboxAddress, ProblemCode};

pub(crate) const OCTETS_MEDIA_TYPE: &str = "application/octet-stream";
pub(crate) const JSON_MEDIA_TYPE: &str = "application/json";

/// The mailbox in the path.
pub(crate) struct Mailbox(pub(crate) MailboxAddress);

impl<S: Send + Sync> FromRequestParts<S> for Mailbox {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| MALFORMED)?;
        text.parse().map(Self).map_err(|_| MALFORMED)
    }
}

/// A query without unknown parameters.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|_| MALFORMED)?;
        Ok(Self(value))
    }
}

/// Reads a body of at most this many octets, as far as there is room for it.
pub(crate) async fn octets(bodies: &Bodies, body: Body, bytes_max: u64) -> ApiResult<Bytes> {
    let announced = body.size_hint().exact();
    let received = bodies.receive(body.into_data_stream(), announced, bytes_max).await;
    received.map_err(|error| match error {
        BodyError::TooLarge => ApiError::Code(ProblemCode::BodyTooLarge),
        BodyError::NoRoom | BodyError::TooSlow => ApiError::Code(ProblemCode::RelayBusy),
        BodyError::Broken => MALFORMED,
    })
}

/// A request that is not of the protocol's form.
pub(crate) const MALFORMED: ApiError = ApiError::Code(ProblemCode::MalformedRequest);

/// Refuses a body of another media type. Parameters such as a charset are ignored.
pub(crate) fn expect_media_type(headers: &HeaderMap, expected: &str) -> ApiResult<()> {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = found.split(';').next().unwrap_or_default().trim();
    if found.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(ApiError::Code(ProblemCode::MediaTypeRefused)) }
}

/// Reads a JSON body.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|_| MALFORMED)
}
