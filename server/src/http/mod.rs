//! The relay over HTTP: one file per operation, one file where errors become problems.

mod append;
pub(crate) mod body;
mod describe;
mod health;
mod open;
pub mod openapi;
pub(crate) mod problem;
mod proof;
mod read;
mod watch;

use crate::metrics;
use crate::peer::Peer;
use crate::relay::Relay;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use problem::ApiError;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use twiza_protocol::ProblemCode;

/// All routes of a relay.
pub fn router(relay: Arc<Relay>) -> Router {
    let mailboxes = Router::new()
        .route("/v1/mailboxes/{address}", put(open::open))
        .route("/v1/mailboxes/{address}/frames", post(append::append).get(read::read))
        .route_layer(from_fn(note_proof));
    let routes = Router::new()
        .merge(mailboxes)
        .route("/v1/watch", post(watch::watch))
        .route("/v1/relay", get(describe::describe))
        .route("/v1/openapi.json", get(openapi::serve))
        .route("/healthz", get(health::health));
    furnished(routes).with_state(relay)
}

/// Routes with what all have: answers where there is none, no codings, no caching, and a problem for a panic.
pub(crate) fn furnished<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(async || ApiError::Code(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || ApiError::Code(ProblemCode::MethodNotAllowed))
        .layer(from_fn(refuse_codings))
        .layer(CatchPanicLayer::custom(|_| ApiError::Code(ProblemCode::Internal).into_response()))
        .layer(map_response(forbid_caching))
}

/// All routes, with every request counted.
pub(crate) fn counted(relay: Arc<Relay>) -> Router {
    router(relay.clone()).layer(from_fn_with_state(relay, metrics::count))
}

/// Whoever is answered here has shown a right: to a mailbox that is there, or to tokens.
pub(crate) async fn note_proof(peer: Option<Extension<Peer>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(Extension(peer)) = peer
        && response.status().is_success()
    {
        peer.has_proved();
    }
    response
}

/// A body is taken as it is, and nothing is ever unpacked: what says that it is packed is refused (RFC 9110, section 15.5.16).
async fn refuse_codings(request: Request, next: Next) -> Response {
    let codings = request.headers().get_all(CONTENT_ENCODING);
    if codings.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return next.run(request).await;
    }
    let mut response = ApiError::Code(ProblemCode::MediaTypeRefused).into_response();
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

async fn forbid_caching(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
