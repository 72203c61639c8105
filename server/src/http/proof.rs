//! The proof in a request's header.

use super::problem::{ApiError, ApiResult};
use crate::relay::Relay;
use axum::http::HeaderMap;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{FrameDigest, MailboxAddress, ProblemCode, Proof, Verb};

/// Checks the request's proof. An absent or malformed one is found before any signature is computed.
pub(super) fn check(
    relay: &Relay,
    headers: &HeaderMap,
    address: &MailboxAddress,
    verb: Verb,
    body: FrameDigest,
) -> ApiResult<()> {
    verify(relay, &header(headers)?, address, verb, body)
}

/// Checks a proof that was in a request's header.
pub(super) fn verify(
    relay: &Relay,
    proof: &Proof,
    address: &MailboxAddress,
    verb: Verb,
    body: FrameDigest,
) -> ApiResult<()> {
    relay.verify(address, verb, proof, body).map_err(|error| ApiError::of_proof(error, relay))
}

/// The proof header, not verified.
pub(super) fn header(headers: &HeaderMap) -> ApiResult<Proof> {
    let header = headers.get(PROOF_HEADER).ok_or(ApiError::Code(ProblemCode::ProofMissing))?;
    let proof = header.to_str().ok().and_then(|text| text.parse().ok());
    proof.ok_or(ApiError::Code(ProblemCode::ProofInvalid))
}
