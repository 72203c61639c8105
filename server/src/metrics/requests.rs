//! Requests, by verb and outcome.

use crate::relay::Relay;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::sync::Arc;
use twiza_protocol::ProblemCode;

/// The labels of a counted request. Both come from closed lists: nothing of a request itself is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    verb: &'static str,
    /// A problem's code, or `ok`.
    code: &'static str,
}

const VERBS: [&str; 7] = ["open", "append", "read", "watch", "describe", "health", "other"];

/// Outcomes that alarms wait for: told from the start, since a counter that first appears with 1 has not risen for them.
const WAITED_FOR: [&str; 4] =
    ["ok", ProblemCode::Internal.as_str(), ProblemCode::RelayBusy.as_str(), ProblemCode::RelayFull.as_str()];

/// No request yet.
pub(super) fn none() -> Family<Labels, Counter> {
    let requests = Family::default();
    for (verb, code) in VERBS.into_iter().flat_map(|verb| WAITED_FOR.map(|code| (verb, code))) {
        drop(requests.get_or_create_owned(&Labels { verb, code }));
    }
    requests
}

/// Counts a request when its answer begins.
pub(crate) async fn count(State(relay): State<Arc<Relay>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let verb = verb(request.method(), path);
    let response = next.run(request).await;
    let code = response.extensions().get::<ProblemCode>().map_or("ok", |code| code.as_str());
    relay.metrics.requests.get_or_create(&Labels { verb, code }).inc();
    response
}

fn verb(method: &Method, path: Option<&str>) -> &'static str {
    match (method.as_str(), path) {
        ("PUT", Some("/v1/mailboxes/{address}")) => "open",
        ("POST", Some("/v1/mailboxes/{address}/frames")) => "append",
        ("GET", Some("/v1/mailboxes/{address}/frames")) => "read",
        ("POST", Some("/v1/watch")) => "watch",
        ("GET", Some("/v1/relay")) => "describe",
        ("GET", Some("/healthz")) => "health",
        _ => "other",
    }
}
