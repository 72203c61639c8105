//! A record's octets on their way out, in few parts.

use crate::keeper::{Keeper, keeping};
use crate::store::StoredFrame;
use bytes::Bytes;
use std::sync::Arc;
use twiza_protocol::stream::frame_record_header;
use twiza_protocol::{FrameSize, Record};

/// Frames up to this size are copied behind their header; larger ones go out as they are.
const COPY_BYTES_MAX: usize = 16 << 10;

/// One record.
#[derive(Debug)]
pub(crate) struct Encoded {
    start: Bytes,
    rest: Option<Bytes>,
    /// What its octets keep until they have left.
    keeper: Option<Arc<dyn Keeper>>,
}

impl Encoded {
    pub(crate) fn of(record: &Record) -> Self {
        Self { start: record.encode().into(), rest: None, keeper: None }
    }

    /// Octets of a frame that its record copies.
    pub(crate) fn copied_bytes(frame: &StoredFrame) -> u64 {
        let length = frame.octets.len();
        if length <= COPY_BYTES_MAX { length as u64 } else { 0 }
    }

    /// A frame's record, without copying a large one.
    pub(crate) fn of_frame(slot: u16, frame: &StoredFrame) -> Option<Self> {
        let Ok(size) = FrameSize::of_length(frame.octets.len()) else {
            debug_assert!(false, "the store gave a frame that append would have refused");
            return None;
        };
        let header = frame_record_header(slot, frame.sequence, frame.closing, size);
        Some(if Self::copied_bytes(frame) > 0 {
            Self { start: [&header[..], &frame.octets].concat().into(), rest: None, keeper: None }
        } else {
            Self { start: Bytes::copy_from_slice(&header), rest: Some(frame.octets.clone()), keeper: None }
        })
    }

    /// Its length in octets.
    pub(crate) fn len(&self) -> u64 {
        (self.start.len() + self.rest.as_ref().map_or(0, Bytes::len)) as u64
    }

    /// Its parts, to be sent one after the other with nothing between.
    pub(crate) fn octets(self) -> Vec<Bytes> {
        let parts = [Some(self.start), self.rest].into_iter().flatten();
        match self.keeper {
            Some(keeper) => parts.flat_map(|part| keeping(part, keeper.clone())).collect(),
            None => parts.collect(),
        }
    }

    /// The same record, whose octets keep this until they have left.
    pub(crate) fn keeping(self, keeper: Arc<dyn Keeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }
}
