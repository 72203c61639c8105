//! The API's document, made from the handlers themselves.

use super::{append, describe, health, open, read, watch};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use twiza_protocol::problem::PROBLEM_MEDIA_TYPE;
use twiza_protocol::{Problem, ProblemCode};
use utoipa::openapi::schema::{KnownFormat, Schema, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, OpenApi, PartialSchema, ToSchema};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Twiza relay",
        description = "Mailboxes of opaque frames. The address of a mailbox is an Ed25519 public key, and every \
                       request about it is signed by that key: there are no accounts.",
    ),
    paths(open::open, append::append, read::read, watch::watch, describe::describe, health::health, serve),
    components(schemas(Problem, ProblemCode)),
    tags(
        (name = "mailbox", description = "What the holder of a mailbox's key can do"),
        (name = "relay", description = "What the relay tells anybody"),
    )
)]
struct Document;

/// The mailbox in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only describes the parameter")]
pub(super) struct AddressParameter {
    /// The mailbox: an Ed25519 public key, 32 octets as base64url without padding.
    #[param(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    address: String,
}

/// The proof header.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only describes the parameter")]
pub(super) struct ProofParameter {
    /// Minutes since the Unix epoch, a dot, and as base64url the mailbox key's signature over the request's transcript,
    /// or a MAC over it by the pass that the answer to a signed request had in `twiza-pass`.
    #[param(
        rename = "twiza-proof",
        pattern = r"^[0-9]{1,20}\.([A-Za-z0-9_-]{85}[AQgw]|[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$"
    )]
    twiza_proof: String,
}

/// Octets of a media type that is no text.
pub(super) struct Octets;

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Octets {}

/// Every error answer: a problem document with one of the codes.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let content = ContentBuilder::new().schema(Some(utoipa::openapi::Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457); `code` says which.")
            .content(PROBLEM_MEDIA_TYPE, content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

static JSON: LazyLock<String> = LazyLock::new(|| {
    let mut document = Document::openapi().to_pretty_json().unwrap_or_default();
    document.push('\n');
    document
});

/// The document as JSON, as it is served.
#[must_use]
pub fn document() -> &'static str {
    &JSON
}

/// This document.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "relay",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = String))
)]
pub(super) async fn serve() -> impl IntoResponse {
    ([(CONTENT_TYPE, super::body::JSON_MEDIA_TYPE)], document())
}
