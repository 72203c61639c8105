//! Pages of frames on their way out: how many octets at once, and how long they wait for somebody who does not read.
//!
//! Whoever has a mailbox could ask for its pages on many streams and read none of them, and the relay would hold them all.
//! Room is therefore taken before a page is read from the store, and a page that does not go forward loses it.
//!
//! ```text
//! ANSWERS_BYTES_MAX = ┌──── 1/2: whole pages ────┬──── 1/2: small ones ────┐
//! ```
//!
//! So where many come at once, on slow networks after a shutdown for instance, they have small pages and not none.

use crate::room::{Room, Taken};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use twiza_protocol::FrameSize;

/// Octets of all pages that are on their way.
pub(crate) const ANSWERS_BYTES_MAX: u64 = 128 << 20;

/// Octets of a page where there is no room for a whole one. It may have one frame that is larger.
const SMALL_PAGE_BYTES: u64 = 256 << 10;

/// Time in which somebody has to take a part of a page: a frame, at most.
const PROGRESS_TIME: Duration = Duration::from_secs(60);

/// Room for the pages of all requests.
#[derive(Debug)]
pub(crate) struct Answers {
    whole: Room,
    small: Room,
}

/// Room for one page that is not read from the store yet.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Taken,
    /// Octets of frames that the page may have, if it has more than one.
    pub(crate) page_bytes_max: u64,
}

/// What is not sent yet of a page; nothing once it was given up.
struct Waiting {
    parts: VecDeque<Bytes>,
    _taken: Taken,
}

type Shared = Arc<Mutex<Option<Waiting>>>;

impl Answers {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { whole: Room::of_bytes(bytes_max / 2), small: Room::of_bytes(bytes_max / 2) }
    }

    /// Takes room for a page of this size, or for a small one. `None` where there is none for either.
    pub(crate) fn place(&self, page_bytes_max: u64) -> Option<Place> {
        let sizes = [(&self.whole, page_bytes_max), (&self.small, SMALL_PAGE_BYTES.min(page_bytes_max))];
        sizes.into_iter().find_map(|(room, page_bytes_max)| {
            let taken = room.take(page_bytes_max.max(FrameSize::MAX.bytes() as u64))?;
            Some(Place { taken, page_bytes_max })
        })
    }
}

impl Place {
    /// The body that sends these parts. It keeps as much of the room as they need.
    pub(crate) fn send(self, parts: VecDeque<Bytes>) -> Body {
        let mut taken = self.taken;
        taken.keep(parts.iter().map(|part| part.len() as u64).sum());
        let waiting: Shared = Arc::new(Mutex::new(Some(Waiting { parts, _taken: taken })));
        let sent = CancellationToken::new();
        tokio::spawn(sent.clone().run_until_cancelled_owned(give_up(Arc::downgrade(&waiting))));
        let guard = sent.drop_guard();
        Body::from_stream(stream::poll_fn(move |_| {
            let _ = &guard;
            std::task::Poll::Ready(match lock(&waiting).as_mut() {
                Some(waiting) => waiting.parts.pop_front().map(Ok),
                None => Some(Err(io::Error::from(io::ErrorKind::TimedOut))),
            })
        }))
    }
}

/// Gives a page up once nobody has taken a part of it for long.
async fn give_up(waiting: Weak<Mutex<Option<Waiting>>>) {
    let mut left = usize::MAX;
    loop {
        tokio::time::sleep(PROGRESS_TIME).await;
        let Some(waiting) = waiting.upgrade() else { return };
        let mut waiting = lock(&waiting);
        let now = waiting.as_ref().map_or(0, |waiting| waiting.parts.len());
        if now == left {
            *waiting = None;
            return;
        }
        left = now;
    }
}

fn lock(waiting: &Shared) -> MutexGuard<'_, Option<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    const MEBIBYTE: u64 = 1 << 20;

    fn parts(bytes: u64) -> VecDeque<Bytes> {
        [Bytes::from_static(b"head"), vec![0; bytes as usize].into()].into()
    }

    #[tokio::test]
    async fn a_page_keeps_the_room_that_it_needs_until_it_is_sent() {
        let answers = Answers::new(8 * MEBIBYTE);
        let size = |place: Option<Place>| place.map(|place| place.page_bytes_max);
        let whole = answers.place(4 * MEBIBYTE).unwrap();
        assert_eq!(whole.page_bytes_max, 4 * MEBIBYTE);
        let body = whole.send(parts(2 * MEBIBYTE));
        let small: Vec<_> = (0..4).map(|_| answers.place(4 * MEBIBYTE)).collect();
        assert!(answers.place(4 * MEBIBYTE).is_none());
        assert!(small.into_iter().all(|place| size(place) == Some(SMALL_PAGE_BYTES)));
        assert_eq!(size(answers.place(MEBIBYTE)), Some(MEBIBYTE), "what the page does not need is free");
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len() as u64, 2 * MEBIBYTE + 4);
        assert_eq!(size(answers.place(4 * MEBIBYTE)), Some(4 * MEBIBYTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_nobody_reads_is_given_up() {
        let answers = Answers::new(2 * MEBIBYTE);
        let is_whole = || answers.place(MEBIBYTE).is_some_and(|place| place.page_bytes_max == MEBIBYTE);
        let body = answers.place(MEBIBYTE).unwrap().send(parts(MEBIBYTE / 2));
        tokio::time::sleep(PROGRESS_TIME).await;
        assert!(!is_whole());
        tokio::time::sleep(PROGRESS_TIME * 3).await;
        assert!(is_whole());
        to_bytes(body, usize::MAX).await.unwrap_err();
    }
}
