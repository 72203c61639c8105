//! The wire contract: frames, addresses, bodies, records, proofs.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use twiza_protocol::proof::Proof;
use twiza_protocol::{
    Describe, Frame, FrameDigest, FrameSize, IssueRequest, Issued, IssuerDescribe, MailboxAddress, OpenRequest, Opened,
    PassProof, Problem, Receipt, Record, RecordDecoder, RelayAddress, RelayKey, StreamError, TokenGrant, TokenKey,
    WatchRequest,
};

/// A frame has one of six lengths.
pub fn frame(data: &[u8]) -> bool {
    let Ok(frame) = Frame::new(data.to_vec()) else {
        assert!(!FrameSize::ALL.iter().any(|size| size.bytes() == data.len()), "a padded frame was refused");
        return false;
    };
    assert_eq!((frame.as_bytes(), frame.digest()), (data, FrameDigest::of(data)));
    true
}

/// A text that is read is written as a text that reads as the same.
fn text<T: FromStr + Display + PartialEq + Debug>(data: &[u8]) -> bool {
    let Some(value) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<T>().ok()) else { return false };
    let written = value.to_string();
    assert_eq!(written.parse().ok(), Some(value), "{written} is not what was read");
    true
}

/// A relay's address, and the texts of keys, addresses and grants for tokens.
pub fn relay_address(data: &[u8]) -> bool {
    let host = RelayAddress::from_str(&String::from_utf8_lossy(data)).map(|address| address.host().to_owned());
    if let Ok(host) = host {
        assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '\\']), "{host:?} is no host");
    }
    text::<RelayAddress>(data)
        | text::<MailboxAddress>(data)
        | text::<RelayKey>(data)
        | text::<TokenGrant>(data)
        | text::<TokenKey>(data)
}

/// A proof as a header has it.
pub fn proof(data: &[u8]) -> bool {
    text::<Proof>(data) | text::<PassProof>(data)
}

/// A body that is read is written as a body that reads as the same.
fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(data) else { return false };
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&written).ok(), Some(value), "{}", String::from_utf8_lossy(&written));
    true
}

/// A relay's refusal.
pub fn problem(data: &[u8]) -> bool {
    json::<Problem>(data)
}

/// Bodies of the control operations, and receipts.
pub fn api(data: &[u8]) -> bool {
    json::<Describe>(data)
        | json::<OpenRequest>(data)
        | json::<Opened>(data)
        | json::<WatchRequest>(data)
        | json::<Receipt>(data)
        | json::<IssuerDescribe>(data)
        | json::<IssueRequest>(data)
        | json::<Issued>(data)
}

/// The records of a page or a watch, as they come in pieces: the first octet says how large the pieces are.
pub fn records(data: &[u8]) -> bool {
    let Some((piece, stream)) = data.split_first() else { return false };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(decode(stream, usize::from(*piece).max(1)), whole, "records depend on how the network cuts them");
    let (records, end) = whole;
    let written: Vec<u8> = records.iter().flat_map(Record::encode).collect();
    assert_eq!(decode(&written, written.len().max(1)), (records.clone(), Ok(true)));
    !records.is_empty() && end.is_ok()
}

/// The records of a stream, and whether it ends at the end of one.
fn decode(stream: &[u8], piece: usize) -> (Vec<Record>, Result<bool, StreamError>) {
    let (mut decoder, mut records) = (RecordDecoder::default(), Vec::new());
    for piece in stream.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.next_record() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                Err(error) => return (records, Err(error)),
            }
        }
    }
    (records, Ok(decoder.is_at_boundary()))
}
