//! Bodies of requests on their way in: how many octets at once, and how slowly they may come.
//!
//! Nobody has shown a key yet while a body is on its way, so a stranger could make the relay hold as much as it likes,
//! for as long as it likes. Room for a whole body is therefore taken before any of it is read, and a body that does not
//! come forward loses it.
//!
//! ```text
//! bodies_bytes_max = ┌───────────── 7/8: any body ─────────────┬─ 1/8: small ones only ─┐
//! ```
//!
//! So those who send large bodies keep nobody from sending small ones, which most frames are.

use crate::room::{Room, Taken};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use std::pin::pin;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

/// A body up to this size is small.
pub(crate) const SMALL_BODY_BYTES: u64 = 16 << 10;

/// The share of the room that only small bodies may use: one part in so many.
const SMALL_BODIES_SHARE: u64 = 8;

/// Time in which a body has to come forward by [`PROGRESS_BYTES`] or to its end: 4 KiB a second, with pauses.
const PROGRESS_TIME: Duration = Duration::from_secs(10);

/// Octets that have to come in every [`PROGRESS_TIME`].
const PROGRESS_BYTES: usize = 40 << 10;

/// Room for the bodies of all requests.
#[derive(Debug)]
pub(crate) struct Bodies {
    any: Room,
    small: Room,
}

/// Why a body was not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    /// Longer than its kind may be. The requester's fault.
    #[error("the body is too large")]
    TooLarge,
    /// No room at the moment. Retryable.
    #[error("too many bodies are on their way")]
    NoRoom,
    /// It stopped, or all but. The network's fault mostly, so retryable.
    #[error("the body comes too slowly")]
    TooSlow,
    /// The connection failed.
    #[error("the body broke off")]
    Broken,
}

impl Bodies {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let small = bytes_max / SMALL_BODIES_SHARE;
        Self { any: Room::of_bytes(bytes_max - small), small: Room::of_bytes(small) }
    }

    /// Receives one body. Without an announced length, it takes the room of the largest that would be accepted.
    ///
    /// # Errors
    /// [`BodyError`].
    pub(crate) async fn receive<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        announced: Option<u64>,
        bytes_max: u64,
    ) -> Result<Bytes, BodyError> {
        if announced.is_some_and(|announced| announced > bytes_max) {
            return Err(BodyError::TooLarge);
        }
        let room_bytes = announced.unwrap_or(bytes_max);
        let _taken = self.take(room_bytes).ok_or(BodyError::NoRoom)?;
        read(body, room_bytes as usize).await
    }

    fn take(&self, bytes: u64) -> Option<Taken> {
        let small = (bytes <= SMALL_BODY_BYTES).then(|| self.small.take(bytes)).flatten();
        small.or_else(|| self.any.take(bytes))
    }
}

async fn read<E>(body: impl Stream<Item = Result<Bytes, E>>, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut body = pin!(body);
    // At once, and not in steps: it has this room already.
    let mut received = BytesMut::with_capacity(bytes_max);
    let mut due = Due::first();
    loop {
        let chunk = timeout_at(due.time, body.next()).await.map_err(|_| BodyError::TooSlow)?;
        let Some(chunk) = chunk else { return Ok(received.freeze()) };
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if received.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        // Copied: a chunk keeps the connection's whole buffer, however short it is.
        received.extend_from_slice(&chunk);
        due.received(received.len());
    }
}

/// When a body has to have come to which length.
struct Due {
    time: Instant,
    length: usize,
}

impl Due {
    fn first() -> Self {
        Self { time: Instant::now() + PROGRESS_TIME, length: PROGRESS_BYTES }
    }

    fn received(&mut self, length: usize) {
        if length >= self.length {
            *self = Self { time: Instant::now() + PROGRESS_TIME, length: length + PROGRESS_BYTES };
        }
    }
}

#[cfg(test)]
mod tests;
