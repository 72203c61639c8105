//! What a person typed, or gave on standard input. Keyboards differ in whether an accent is part of its letter; names
//! have one form.

use crate::failure::Failure;
use std::io::{Error, ErrorKind, Read};
use twiza_crypto::grant::Grant;
use twiza_protocol::TokenGrant;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// What stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// The name that was typed, in the form that names have.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// The grant that was typed, if it is whole.
pub(crate) fn grant(text: &str) -> Result<Grant, Failure> {
    if TokenGrant::is_one(text) && text.parse::<TokenGrant>().is_err() {
        return Err(Failure::GrantDamaged);
    }
    Grant::new(text).map_err(Failure::Grant)
}

/// All of standard input; `too_long` of what was read where it is more than the limit.
pub(crate) fn standard_input(
    bytes_max: usize,
    too_long: impl FnOnce(usize) -> Failure,
) -> Result<Zeroizing<String>, Failure> {
    let mut octets = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(bytes_max as u64 + 1).read_to_end(&mut octets)?;
    if octets.len() > bytes_max {
        return Err(too_long(octets.len()));
    }
    let text = std::str::from_utf8(&octets).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    Ok(Zeroizing::new(text.to_owned()))
}
