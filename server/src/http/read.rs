//! `GET /v1/mailboxes/{address}/frames`: a page of frames.

use super::body::{Mailbox, Parameters};
use super::problem::ApiResult;
use super::proof;
use crate::encoded::Encoded;
use crate::peer::Peer;
use crate::relay::{Relay, RelayError};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tracing::instrument;
use twiza_protocol::stream::RECORDS_MEDIA_TYPE;
use twiza_protocol::{FrameDigest, Record, Sequence, Verb};
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadParameters {
    /// The last place that the reader has; 0 for none.
    #[serde(default)]
    after: Sequence,
}

/// Read frames, in order. The last record is `head` where nothing newer is there, and `more` where the page is full.
#[utoipa::path(
    get,
    path = "/v1/mailboxes/{address}/frames",
    tag = "mailbox",
    params(super::openapi::AddressParameter, ReadParameters, super::openapi::ProofParameter),
    responses(
        (status = 200, description = "Records.", body = inline(super::openapi::Octets), content_type = "application/vnd.twiza.records"),
        super::openapi::Problems,
    )
)]
#[instrument(level = "debug", skip_all)]
pub(super) async fn read(
    State(relay): State<Arc<Relay>>,
    Mailbox(address): Mailbox,
    Parameters(ReadParameters { after }): Parameters<ReadParameters>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let proved = proof::check(&relay, &headers, &address, Verb::Read { after }, FrameDigest::of(b""))?;
    // Strangers take no room for mailboxes that are not there.
    if peer.as_ref().is_none_or(|Extension(peer)| peer.is_stranger()) {
        relay.check_mailbox(address).await?;
    }
    let peer = peer.map(|Extension(peer)| peer);
    let place = relay.answers.page(relay.limits().page_bytes_max, peer.as_ref()).await;
    let place = place.ok_or(RelayError::AnswersFull)?;
    let page = relay.page(address, after, place.page_bytes_max).await?;
    let mut records: Vec<_> = page.frames.iter().filter_map(|frame| Encoded::of_frame(0, frame)).collect();
    let last = match page.head {
        Some(head) => Record::Head { slot: 0, receipt: relay.receipt(&address, head) },
        None => Record::More { slot: 0 },
    };
    records.push(Encoded::of(&last));
    let parts = records.into_iter().flat_map(Encoded::octets).collect();
    let body = place.send(parts, peer);
    Ok((proved, [(CONTENT_TYPE, RECORDS_MEDIA_TYPE)], body).into_response())
}
