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
