//! Errors on the wire: RFC 9457 problem details with a closed set of codes.

use crate::CoarseTime;
use serde::{Deserialize, Serialize};

/// The media type of a problem (RFC 9457, section 3).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, as a machine reads it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
            /// A code of a later version.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl ProblemCode {
            /// Every code of this version.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it is written on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }

            /// One sentence for a person.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* Self::Unknown => "An error that this version does not know." }
            }

            /// The code with this text; [`ProblemCode::Unknown`] for texts of later versions.
            #[must_use]
            pub fn from_text(text: &str) -> Self {
                match text { $($code => Self::$variant,)* _ => Self::Unknown }
            }
        }
    };
}

problem_codes! {
    /// The request is not of the form the protocol asks for.
    MalformedRequest = "malformed_request", 400, "The request is malformed.";
    /// No proof header.
    ProofMissing = "proof_missing", 401, "The request carries no proof.";
    /// The proof does not fit the request.
    ProofInvalid = "proof_invalid", 401, "The proof does not fit the request.";
    /// The proof fits, but its time is too far from the relay's; `relay_time` has the relay's.
    ClockSkewed = "clock_skewed", 401, "The proof's time is too far from the relay's clock.";
    /// The relay asks for a grant to open mailboxes, and this is none of its own.
    GrantRequired = "grant_required", 403, "Opening a mailbox on this relay needs a valid grant.";
    /// The relay opens a new mailbox for a token, and there was none.
    TokenRequired = "token_required", 403, "Opening a new mailbox on this relay takes a token.";
    /// The token is of another issuer, for another relay, or not signed.
    TokenInvalid = "token_invalid", 403, "The token is of another issuer, for another relay, or not signed.";
    /// The token was spent on another mailbox.
    TokenSpent = "token_spent", 403, "The token was spent before.";
    /// The grant has had as many tokens as it may have in a day.
    TokensUsedUp = "tokens_used_up", 429, "This grant has had all tokens of the day.";
    /// No such mailbox: never opened, expired, or somebody else's.
    MailboxUnknown = "mailbox_unknown", 404, "There is no such mailbox.";
    /// No such resource.
    NotFound = "not_found", 404, "There is nothing at this address.";
    /// The resource does not take this method.
    MethodNotAllowed = "method_not_allowed", 405, "This method is not allowed here.";
    /// A closing frame was appended before: no more frames.
    MailboxClosed = "mailbox_closed", 409, "The mailbox is closed.";
    /// The same frame is there already, with another closing flag.
    FrameConflict = "frame_conflict", 409, "The same frame was appended before with another closing flag.";
    /// The body is larger than the limit for its kind.
    BodyTooLarge = "body_too_large", 413, "The request's body is too large.";
    /// The body has another media type than the operation takes.
    MediaTypeRefused = "media_type_refused", 415, "This media type is not accepted here.";
    /// The frame's length is none of the frame sizes.
    FrameSizeRefused = "frame_size_refused", 422, "The frame is not padded to one of the frame sizes.";
    /// More mailboxes in one watch than the limit.
    WatchTooLarge = "watch_too_large", 422, "One watch cannot have so many mailboxes.";
    /// The mailbox has reached its quota; a closing frame may still fit.
    MailboxFull = "mailbox_full", 507, "The mailbox is full.";
    /// The relay has reached its quota, or its disk is full.
    RelayFull = "relay_full", 507, "The relay has no space left.";
    /// Too much to do at the moment; `retry_after_seconds` says when to come back.
    RelayBusy = "relay_busy", 503, "The relay is busy.";
    /// A fault of the relay's own; its log has the cause.
    Internal = "internal", 500, "The relay failed.";
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ProblemCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What went wrong, as a machine reads it. Later versions may have more."))
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ProblemCode {}

impl ProblemCode {
    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::TokensUsedUp | Self::RelayBusy | Self::RelayFull | Self::Internal | Self::Unknown)
    }
}

impl std::fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:twiza:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The code, for a machine.
    pub code: ProblemCode,
    /// The relay's time in minutes, with `clock_skewed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_time: Option<CoarseTime>,
    /// When to come back, in seconds, with `relay_busy`, `relay_full` and `tokens_used_up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// The document for a code.
    #[must_use]
    pub fn new(code: ProblemCode) -> Self {
        Self {
            kind: format!("urn:twiza:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            relay_time: None,
            retry_after_seconds: None,
        }
    }
}
