//! Base64url text forms of fixed-length values (RFC 4648, section 5, without padding).

use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;

/// A text form that does not decode to the value it should be. The peer's or the user's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodingError {
    /// Characters outside the base64url alphabet, or trailing bits.
    #[error("not valid base64url text")]
    Alphabet,
    /// The decoded value has another length.
    #[error("expected {expected} octets, found {found}")]
    Length {
        /// Octets that the value must have.
        expected: usize,
        /// Octets that were found.
        found: usize,
    },
}

pub(crate) fn encode(octets: &[u8]) -> String {
    BASE64URL_NOPAD.encode(octets)
}

pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    let octets = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| EncodingError::Alphabet)?;
    let found = octets.len();
    octets.try_into().map_err(|_| EncodingError::Length { expected: N, found })
}

/// What matches the text of so many octets, and nothing else: the last character's spare bits are zero.
#[cfg(feature = "openapi")]
pub(crate) fn pattern(octets: usize) -> String {
    let (whole, last) = (octets * 8 / 6, octets * 8 % 6);
    let last = match last {
        2 => "[AQgw]",
        4 => "[AEIMQUYcgkosw048]",
        _ => "",
    };
    format!("^[A-Za-z0-9_-]{{{whole}}}{last}$")
}

/// Gives a 32- or 64-octet newtype its text form: `Display`, `FromStr`, and serde as that string.
macro_rules! base64url_text {
    ($type:ident, $octets:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&crate::encoding::encode(&self.0))
            }
        }
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }
        impl std::str::FromStr for $type {
            type Err = crate::EncodingError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::encoding::decode::<$octets>(text).map(Self)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!(stringify!($octets), " octets as base64url without padding")))
                    .pattern(Some(crate::encoding::pattern($octets)))
                    .into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $type {}
    };
}
pub(crate) use base64url_text;
