//! Errors on the wire. Causes go to the log, never into the body.

use crate::relay::{Relay, RelayError};
use crate::store::StoreError;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use twiza_protocol::problem::PROBLEM_MEDIA_TYPE;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{CoarseTime, Problem, ProblemCode};

const BUSY_RETRY_SECONDS: u32 = 1;
const FULL_RETRY_SECONDS: u32 = 300;
const USED_UP_RETRY_SECONDS: u32 = 3600;

/// An operation that failed, on its way to the wire.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// HTTP itself, or the form of the request.
    Code(ProblemCode),
    /// The proof was made at a time too far from this one.
    ClockSkewed(CoarseTime),
    /// The operation.
    Relay(RelayError),
}

/// A result of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// The error of a proof: a wrong clock is told the right time.
    pub(crate) fn of_proof(error: RelayError, relay: &Relay) -> Self {
        match error.code() {
            ProblemCode::ClockSkewed => Self::ClockSkewed(relay.now()),
            _ => Self::Relay(error),
        }
    }

    fn problem(&self) -> Problem {
        let mut problem = match self {
            Self::Code(code) => Problem::new(*code),
            Self::ClockSkewed(now) => Problem { relay_time: Some(*now), ..Problem::new(ProblemCode::ClockSkewed) },
            Self::Relay(error) => Problem::new(error.code()),
        };
        problem.retry_after_seconds = match problem.code {
            ProblemCode::RelayBusy => Some(BUSY_RETRY_SECONDS),
            ProblemCode::RelayFull => Some(FULL_RETRY_SECONDS),
            ProblemCode::TokensUsedUp => Some(USED_UP_RETRY_SECONDS),
            _ => None,
        };
        problem
    }
}

impl From<RelayError> for ApiError {
    fn from(error: RelayError) -> Self {
        Self::Relay(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if let Self::Relay(RelayError::Store(error)) = &self {
            let cause = error as &dyn std::error::Error;
            match error {
                StoreError::Away(_) => tracing::warn!(error = cause, "a read has to wait"),
                _ => tracing::error!(error = cause, "a read failed"),
            }
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        // For the metrics.
        response.extensions_mut().insert(problem.code);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(PROOF_HEADER));
        }
        if let Some(seconds) = problem.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Refused;
    use crate::writer::WriteError;

    #[test]
    fn a_cause_never_reaches_the_body() {
        let error = ApiError::Relay(RelayError::Store(StoreError::Database("no such table: frame".into())));
        let problem = serde_json::to_string(&error.problem()).unwrap();
        assert!(problem.contains("internal") && !problem.contains("table"));
    }

    #[test]
    fn what_may_work_later_says_when() {
        let away = RelayError::Store(StoreError::Away("starting up".into()));
        for error in [WriteError::Busy.into(), WriteError::Refused(Refused::RelayFull).into(), away] {
            assert!(ApiError::Relay(error).problem().retry_after_seconds.is_some());
        }
    }
}
