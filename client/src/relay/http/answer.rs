//! A relay's answer, taken only as far as an honest one goes. What a relay says has no end of its own accord: every
//! reader of a body says how much it takes.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::Response;
use std::pin::Pin;

/// Octets of a JSON answer, or of a problem.
pub(super) const JSON_BYTES_MAX: usize = 64 << 10;

/// Octets of a page's records. An honest relay's page has `page_bytes_max` octets of frames (4 MiB unless its operator
/// says otherwise), or one frame; this leaves room for records' headers, heartbeats, and larger pages.
pub(super) const PAGE_BYTES_MAX: usize = 16 << 20;

/// Why a body ends before its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// The network's fault.
    Network(reqwest::Error),
    /// The relay's: it says more than any answer needs.
    TooLong,
}

/// A body that is given up once it is longer than it may be.
pub(super) struct Body {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    bytes_left: usize,
}

impl Body {
    pub(super) fn of(response: Response, bytes_max: usize) -> Self {
        Self { chunks: Box::pin(response.bytes_stream()), bytes_left: bytes_max }
    }

    /// The next octets; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        let Some(chunk) = self.chunks.next().await else { return Ok(None) };
        let chunk = chunk.map_err(Cut::Network)?;
        self.bytes_left = self.bytes_left.checked_sub(chunk.len()).ok_or(Cut::TooLong)?;
        Ok(Some(chunk))
    }

    /// All octets up to the end.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, Cut> {
        let mut octets = Vec::new();
        while let Some(chunk) = self.next().await? {
            octets.extend_from_slice(&chunk);
        }
        Ok(octets)
    }
}
