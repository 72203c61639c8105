//! The proof in a request's header: a signature by the mailbox's key, or a MAC by its pass.

use super::problem::{ApiError, ApiResult};
use crate::relay::Relay;
use axum::http::{HeaderMap, HeaderValue};
use twiza_protocol::pass::PASS_HEADER;
use twiza_protocol::proof::PROOF_HEADER;
use twiza_protocol::{FrameDigest, MailboxAddress, PassProof, ProblemCode, Proof, Verb};

/// A proof that was shown, not verified.
pub(super) enum Shown {
    Signature(Proof),
    Pass(PassProof),
}

/// Headers that the answer to a proved request has: a pass, where it was proved by a signature.
pub(super) type Proved = HeaderMap;

/// Checks the request's proof. An absent or malformed one is found before any signature is computed.
pub(super) fn check(
    relay: &Relay,
    headers: &HeaderMap,
    address: &MailboxAddress,
    verb: Verb,
    body: FrameDigest,
) -> ApiResult<Proved> {
    verify(relay, &header(headers)?, address, verb, body)
}

/// Checks a proof that was in a request's header.
pub(super) fn verify(
    relay: &Relay,
    shown: &Shown,
    address: &MailboxAddress,
    verb: Verb,
    body: FrameDigest,
) -> ApiResult<Proved> {
    let verified = match shown {
        Shown::Signature(proof) => relay.verify(address, verb, proof, body),
        Shown::Pass(proof) => relay.verify_pass(address, verb, proof, body),
    };
    verified.map_err(|error| ApiError::of_proof(error, relay))?;
    let mut proved = HeaderMap::new();
    if matches!(shown, Shown::Signature(_))
        && let Ok(mut pass) = HeaderValue::from_str(&relay.pass(address).expose_text())
    {
        pass.set_sensitive(true);
        proved.insert(PASS_HEADER, pass);
    }
    Ok(proved)
}

/// The proof header, not verified.
pub(super) fn header(headers: &HeaderMap) -> ApiResult<Shown> {
    let header = headers.get(PROOF_HEADER).ok_or(ApiError::Code(ProblemCode::ProofMissing))?;
    let text = header.to_str().unwrap_or_default();
    let shown = text.parse().map(Shown::Signature).or_else(|_| text.parse().map(Shown::Pass));
    shown.map_err(|_| ApiError::Code(ProblemCode::ProofInvalid))
}
