//! How this crate's own structures become octets: the presentation language of RFC 8446, section 3, with the
//! variable-length vectors of RFC 9420, section 2.1.2, as MLS itself does. Decoding is exact: nothing may follow.

use crate::CryptoError;
use tls_codec::{Deserialize, Serialize};

/// The octets of a structure.
///
/// # Errors
/// [`CryptoError::Bug`] where a vector is longer than the encoding can say.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CryptoError> {
    value.tls_serialize_detached().map_err(|_| CryptoError::Bug("a structure does not encode"))
}

/// The structure with exactly these octets. `what` names it in the error.
///
/// # Errors
/// [`CryptoError::Malformed`] where the octets are none, or where octets follow.
pub fn decode<T: Deserialize>(mut octets: &[u8], what: &'static str) -> Result<T, CryptoError> {
    let value = T::tls_deserialize(&mut octets).map_err(|_| CryptoError::Malformed(what))?;
    if octets.is_empty() { Ok(value) } else { Err(CryptoError::Malformed(what)) }
}

/// Puts a text on the wire that has one form: a type around it, whose `new` checks it and drops the space around it.
macro_rules! checked_text {
    ($text:ty, $refused:literal) => {
        impl tls_codec::Size for $text {
            fn tls_serialized_len(&self) -> usize {
                tls_codec::VLBytes::from(self.0.as_bytes()).tls_serialized_len()
            }
        }

        impl tls_codec::Serialize for $text {
            fn tls_serialize<W: std::io::Write>(&self, writer: &mut W) -> Result<usize, tls_codec::Error> {
                tls_codec::VLBytes::from(self.0.as_bytes()).tls_serialize(writer)
            }
        }

        impl tls_codec::Deserialize for $text {
            fn tls_deserialize<R: std::io::Read>(bytes: &mut R) -> Result<Self, tls_codec::Error> {
                let octets = tls_codec::VLBytes::tls_deserialize(bytes)?;
                let text = std::str::from_utf8(octets.as_ref()).ok();
                let checked =
                    text.and_then(|text| Self::new(text).ok().filter(|checked| checked.0.len() == text.len()));
                checked.ok_or_else(|| tls_codec::Error::DecodingError($refused.to_owned()))
            }
        }
    };
}

pub(crate) use checked_text;
