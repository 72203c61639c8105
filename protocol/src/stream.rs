//! Records: what a page of `read` and a `watch` are made of.
//!
//! ```text
//! record    = u8(kind) u32(length of payload) payload
//! frame     = 1: u16(slot) u64(sequence) u8(closing) octets
//! head      = 2: u16(slot) u64(sequence) u8(closed) chain(32) signature(64)   nothing newer at this moment
//! more      = 3: u16(slot)                                                   the page is full: read on
//! heartbeat = 4: empty
//! refused   = 5: u16(slot) code                                              this mailbox is not watched
//! lagging   = 6: u16(slot)                                                   too slow: read, then watch again
//! ```
//!
//! Integers are big-endian. A slot is a mailbox's place in the watch request, 0 in a page. Kinds that a reader does
//! not know are skipped.

use crate::{Chain, FrameSize, ProblemCode, Receipt, Sequence, receipt::ReceiptSignature};
use thiserror::Error;

/// The media type of a stream of records.
pub const RECORDS_MEDIA_TYPE: &str = "application/vnd.twiza.records";

/// Octets before a frame's own in its record.
pub const FRAME_RECORD_OVERHEAD_BYTES: usize = HEADER_BYTES + 11;

const HEADER_BYTES: usize = 5;
const PAYLOAD_BYTES_MAX: usize = FrameSize::MAX.bytes() + 64;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A frame and its place.
    Frame {
        /// Which mailbox of the watch.
        slot: u16,
        /// The frame's place.
        sequence: Sequence,
        /// Whether it closed the mailbox.
        closing: bool,
        /// The frame. Its length was not checked here.
        octets: Vec<u8>,
    },
    /// The relay has nothing newer at this moment.
    Head {
        /// Which mailbox of the watch.
        slot: u16,
        /// The relay's word on where the mailbox stands.
        receipt: Receipt,
    },
    /// The page is full; read on after the last frame.
    More {
        /// Which mailbox.
        slot: u16,
    },
    /// The connection lives.
    Heartbeat,
    /// This mailbox of the watch is not watched.
    Refused {
        /// Which mailbox of the watch.
        slot: u16,
        /// Why.
        code: ProblemCode,
    },
    /// The watcher was too slow for this mailbox: read from the cursor, then watch again.
    Lagging {
        /// Which mailbox of the watch.
        slot: u16,
    },
}

/// Octets that are no stream of records. The relay's fault, or the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StreamError {
    /// A record announces more than the largest frame.
    #[error("a record of {0} octets is larger than any frame")]
    TooLarge(usize),
    /// A record's payload is not of its kind's form.
    #[error("a record of kind {0} is malformed")]
    Malformed(u8),
}

/// The octets that come before a frame's own, so that a frame can be sent without copying it.
#[must_use]
pub fn frame_record_header(
    slot: u16,
    sequence: Sequence,
    closing: bool,
    frame: FrameSize,
) -> [u8; FRAME_RECORD_OVERHEAD_BYTES] {
    let length = (frame.bytes() + 11) as u32;
    let mut header = [0; FRAME_RECORD_OVERHEAD_BYTES];
    let fields = [1].into_iter().chain(length.to_be_bytes()).chain(slot.to_be_bytes());
    let fields = fields.chain(sequence.0.to_be_bytes()).chain([u8::from(closing)]);
    header.iter_mut().zip(fields).for_each(|(place, octet)| *place = octet);
    header
}

impl Record {
    /// The record's octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, payload) = match self {
            Self::Frame { slot, sequence, closing, octets } => {
                (1, [&slot.to_be_bytes()[..], &sequence.0.to_be_bytes(), &[u8::from(*closing)], octets].concat())
            }
            Self::Head { slot, receipt } => (
                2,
                [
                    &slot.to_be_bytes()[..],
                    &receipt.sequence.0.to_be_bytes(),
                    &[u8::from(receipt.closed)],
                    receipt.chain.as_bytes(),
                    &receipt.signature.0,
                ]
                .concat(),
            ),
            Self::More { slot } => (3, slot.to_be_bytes().to_vec()),
            Self::Heartbeat => (4, Vec::new()),
            Self::Refused { slot, code } => (5, [&slot.to_be_bytes()[..], code.as_str().as_bytes()].concat()),
            Self::Lagging { slot } => (6, slot.to_be_bytes().to_vec()),
        };
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        [&[kind][..], &length.to_be_bytes(), &payload].concat()
    }

    /// Reads one payload; `None` for a kind of a later version.
    fn decode(kind: u8, payload: &[u8]) -> Result<Option<Self>, StreamError> {
        Self::decode_known(kind, payload).ok_or(StreamError::Malformed(kind))
    }

    fn decode_known(kind: u8, payload: &[u8]) -> Option<Option<Self>> {
        let record = match kind {
            1 => {
                let (slot, rest) = payload.split_first_chunk()?;
                let (sequence, rest) = rest.split_first_chunk()?;
                let (closing, octets) = rest.split_first()?;
                Self::Frame {
                    slot: u16::from_be_bytes(*slot),
                    sequence: Sequence(u64::from_be_bytes(*sequence)),
                    closing: flag(*closing)?,
                    octets: octets.to_vec(),
                }
            }
            2 => {
                let (slot, rest) = payload.split_first_chunk()?;
                let (sequence, rest) = rest.split_first_chunk()?;
                let (closed, rest) = rest.split_first()?;
                let (chain, rest) = rest.split_first_chunk()?;
                let receipt = Receipt {
                    sequence: Sequence(u64::from_be_bytes(*sequence)),
                    chain: Chain::from_bytes(*chain),
                    closed: flag(*closed)?,
                    signature: ReceiptSignature(rest.try_into().ok()?),
                };
                Self::Head { slot: u16::from_be_bytes(*slot), receipt }
            }
            3 => Self::More { slot: u16::from_be_bytes(payload.try_into().ok()?) },
            4 if payload.is_empty() => Self::Heartbeat,
            4 => return None,
            5 => {
                let (slot, code) = payload.split_first_chunk()?;
                let code = ProblemCode::from_text(std::str::from_utf8(code).ok()?);
                Self::Refused { slot: u16::from_be_bytes(*slot), code }
            }
            6 => Self::Lagging { slot: u16::from_be_bytes(payload.try_into().ok()?) },
            _ => return Some(None),
        };
        Some(Some(record))
    }
}

fn flag(octet: u8) -> Option<bool> {
    match octet {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Takes octets as they arrive and gives records as they are complete.
#[derive(Debug, Default)]
pub struct RecordDecoder {
    buffer: Vec<u8>,
    start: usize,
}

impl RecordDecoder {
    /// Takes octets from the network.
    pub fn push(&mut self, octets: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(octets);
    }

    /// The next complete record, if there is one.
    ///
    /// # Errors
    /// [`StreamError`]; the stream cannot be used after it.
    pub fn next_record(&mut self) -> Result<Option<Record>, StreamError> {
        loop {
            let waiting = self.buffer.get(self.start..).unwrap_or_default();
            let Some((header, rest)) = waiting.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
            let [kind, length @ ..] = *header;
            let length = u32::from_be_bytes(length) as usize;
            if length > PAYLOAD_BYTES_MAX {
                return Err(StreamError::TooLarge(length));
            }
            let Some(payload) = rest.get(..length) else { return Ok(None) };
            let record = Record::decode(kind, payload)?;
            self.start += HEADER_BYTES + length;
            if record.is_some() {
                return Ok(record);
            }
        }
    }

    /// Whether the octets so far end at the end of a record.
    #[must_use]
    pub fn is_at_boundary(&self) -> bool {
        self.start == self.buffer.len()
    }
}
