//! Frames on their way out, as pages and as backlog of watches: how many octets at once, and how slowly they may be taken.
//!
//! Whoever has a mailbox could ask for its frames on many streams and read none of them, and the relay would hold them all.
//! Room is therefore taken before they are read from the store, and given back when the connection has dropped them: a part that
//! was handed to HTTP may wait there. Who does not take them forward is hung up on; and where there is no room, whoever is slowest,
//! once that has gone on for a while.
//!
//! ```text
//! PAGES_BYTES_MAX = ┌──── 1/2: whole pages ────┬──── 1/2: small ones ────┐    BACKLOG_BYTES_MAX: of watches
//! ```
//!
//! So where many come at once, on slow networks after a shutdown for instance, they have small pages and not none.

use crate::peer::Peer;
use crate::places::Places;
use crate::room::{Room, Taken};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};
use twiza_protocol::FrameSize;

/// Octets of all pages that are on their way.
const PAGES_BYTES_MAX: u64 = 128 << 20;

/// Octets of all backlog that is on its way to watchers.
const BACKLOG_BYTES_MAX: u64 = 64 << 20;

/// Octets of both.
pub(crate) const ANSWERS_BYTES_MAX: u64 = PAGES_BYTES_MAX + BACKLOG_BYTES_MAX;

/// Octets of a page where there is no room for a whole one, or of a watch's backlog. It may have one frame that is larger.
const SMALL_PAGE_BYTES: u64 = 256 << 10;

/// Octets that HTTP is handed at once. It asks for more when it has sent them.
const PART_BYTES: usize = 16 << 10;

/// How slowly frames may be taken, but for pauses of [`PAUSE_MAX`].
const OCTETS_A_SECOND_MIN: u64 = 1024;

/// How long nothing may be taken.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long frames are on their way before they may have to make room for others.
const SLOW_TIME: Duration = Duration::from_secs(10);

/// Who was hung up on has left after so long: its task has only to be woken.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

/// Requests that wait for such room at once.
const WAITING_MAX: usize = 32;

/// Room for the pages of all requests, and the backlogs of all watches.
#[derive(Debug)]
pub(crate) struct Answers {
    whole: Room,
    small: Room,
    pages: UnderWay,
    backlog: Room,
    backlogs: UnderWay,
    waiting: Places,
}

/// Room for frames that are not read from the store yet.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Taken,
    under_way: UnderWay,
    /// Octets of the frames, if there is more than one.
    pub(crate) page_bytes_max: u64,
}

/// Frames that are on their way, and their room. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Sending {
    progress: Arc<Progress>,
    number: u64,
    under_way: UnderWay,
    /// Who sees to it that it goes forward.
    watched: AbortHandle,
    _taken: Taken,
}

/// All that is on its way, in the order in which it set out.
#[derive(Debug, Clone, Default)]
struct UnderWay(Arc<Mutex<Numbered>>);

#[derive(Debug, Default)]
struct Numbered {
    next: u64,
    all: BTreeMap<u64, Arc<Progress>>,
}

/// How far it is.
#[derive(Debug)]
struct Progress {
    since: Instant,
    taken: AtomicU64,
    /// When it is given up, if nothing is taken until then.
    due: Mutex<Instant>,
    given_up: AtomicBool,
    /// Whom it is for; nobody where there is no connection.
    peer: Option<Peer>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self::of_bytes(PAGES_BYTES_MAX, BACKLOG_BYTES_MAX)
    }

    fn of_bytes(pages: u64, backlog: u64) -> Self {
        Self {
            whole: Room::of_bytes(pages / 2),
            small: Room::of_bytes(pages / 2),
            pages: UnderWay::default(),
            backlog: Room::of_bytes(backlog),
            backlogs: UnderWay::default(),
            waiting: Places::new(WAITING_MAX),
        }
    }

    /// Takes room for a page of this size, or for a small one; if need be, that of somebody slow. `None` where there is none
    /// for either.
    pub(crate) async fn page(&self, page_bytes_max: u64) -> Option<Place> {
        let small = SMALL_PAGE_BYTES.min(page_bytes_max);
        let placed = |taken, page_bytes_max| Place { taken, under_way: self.pages.clone(), page_bytes_max };
        let sizes = [(&self.whole, page_bytes_max), (&self.small, small)];
        let free = sizes.into_iter().find_map(|(room, bytes)| Some((room.take(room_for(bytes))?, bytes)));
        if let Some((taken, bytes)) = free {
            return Some(placed(taken, bytes));
        }
        let _waiting = self.waiting.take(1)?;
        if !self.pages.give_up_slowest() {
            return None;
        }
        // Those who wait come before those who ask now. The one who left may have had a whole page.
        let freed = async {
            tokio::select! {
                taken = self.small.wait(room_for(small)) => taken,
                taken = self.whole.wait(room_for(small)) => taken,
            }
        };
        timeout(LEAVING_TIME_MAX, freed).await.ok().flatten().map(|taken| placed(taken, small))
    }

    /// Takes room for some backlog of a watch, as soon as there is any.
    pub(crate) async fn backlog(&self) -> Place {
        let bytes = room_for(SMALL_PAGE_BYTES);
        loop {
            let free = match self.backlog.take(bytes) {
                Some(taken) => Some(taken),
                None => {
                    self.backlogs.give_up_slowest();
                    timeout(LEAVING_TIME_MAX, self.backlog.wait(bytes)).await.ok().flatten()
                }
            };
            if let Some(taken) = free {
                return Place { taken, under_way: self.backlogs.clone(), page_bytes_max: SMALL_PAGE_BYTES };
            }
        }
    }
}

/// Even a small page may have one frame of the largest size.
fn room_for(page_bytes_max: u64) -> u64 {
    page_bytes_max.max(FrameSize::MAX.bytes() as u64)
}

impl Place {
    /// Sets out with so many octets. As much of the room is kept as they need.
    pub(crate) fn set_out(self, bytes: u64, peer: Option<Peer>) -> Sending {
        let Self { mut taken, under_way, .. } = self;
        taken.keep(bytes);
        let now = Instant::now();
        let progress = Arc::new(Progress {
            since: now,
            taken: AtomicU64::new(0),
            due: Mutex::new(now + PAUSE_MAX),
            given_up: AtomicBool::new(false),
            peer,
        });
        let watched = tokio::spawn(give_up_where_nobody_reads(Arc::downgrade(&progress))).abort_handle();
        let number = under_way.add(progress.clone());
        Sending { progress, number, under_way, watched, _taken: taken }
    }

    /// The body that sends these parts.
    pub(crate) fn send(self, mut parts: VecDeque<Bytes>, peer: Option<Peer>) -> Body {
        let sending = self.set_out(parts.iter().map(|part| part.len() as u64).sum(), peer);
        Body::from_stream(stream::poll_fn(move |_| std::task::Poll::Ready(sending.next_of(&mut parts))))
    }
}

impl Sending {
    /// So many octets were handed to HTTP.
    pub(crate) fn took(&self, bytes: u64) {
        self.progress.took(bytes);
    }

    fn next_of(&self, parts: &mut VecDeque<Bytes>) -> Option<io::Result<Bytes>> {
        if self.progress.is_given_up() {
            return Some(Err(io::ErrorKind::TimedOut.into()));
        }
        let first = parts.front_mut()?;
        let part = first.split_to(first.len().min(PART_BYTES));
        if first.is_empty() {
            parts.pop_front();
        }
        self.took(part.len() as u64);
        Some(Ok(part))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.watched.abort();
        self.under_way.change(|numbered| numbered.all.remove(&self.number));
    }
}

impl UnderWay {
    fn add(&self, progress: Arc<Progress>) -> u64 {
        self.change(|Numbered { next, all }| {
            *next += 1;
            all.insert(*next, progress);
            *next
        })
    }

    /// Gives up what is taken most slowly, of what has been on its way for long.
    fn give_up_slowest(&self) -> bool {
        let slowest = self.change(|numbered| {
            let slow = numbered.all.values().filter(|one| one.since.elapsed() >= SLOW_TIME && !one.is_given_up());
            slow.min_by_key(|one| one.octets_a_second()).cloned()
        });
        slowest.inspect(|progress| progress.give_up()).is_some()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Numbered) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress {
    fn took(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        let (now, earned) = (Instant::now(), Duration::from_secs(bytes / OCTETS_A_SECOND_MIN));
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was quick for a while may not rest for longer than others.
        *due = (*due + earned).min(now + PAUSE_MAX + earned);
    }

    fn due(&self) -> Instant {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn octets_a_second(&self) -> u64 {
        self.taken.load(Ordering::Relaxed) / self.since.elapsed().as_secs().max(1)
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Only the end of its connection takes back what HTTP was handed.
    fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        if let Some(peer) = &self.peer {
            peer.end();
        }
    }
}

async fn give_up_where_nobody_reads(progress: Weak<Progress>) {
    while let Some(due) = progress.upgrade().map(|progress| progress.due()) {
        sleep_until(due).await;
        let Some(progress) = progress.upgrade() else { return };
        if progress.due() <= Instant::now() {
            return progress.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Strangers;
    use axum::body::to_bytes;
    use futures_util::StreamExt;
    use tokio::time::sleep;

    const MEBIBYTE: u64 = 1 << 20;

    fn parts(bytes: u64) -> VecDeque<Bytes> {
        [Bytes::from_static(b"head"), vec![0; bytes as usize].into()].into()
    }

    #[tokio::test]
    async fn a_page_keeps_the_room_that_it_needs_until_it_is_sent() {
        let answers = Answers::of_bytes(8 * MEBIBYTE, MEBIBYTE);
        let size = |place: Option<Place>| place.map(|place| place.page_bytes_max);
        let whole = answers.page(4 * MEBIBYTE).await.unwrap();
        assert_eq!(whole.page_bytes_max, 4 * MEBIBYTE);
        let body = whole.send(parts(2 * MEBIBYTE), None);
        let mut small = Vec::new();
        for _ in 0..4 {
            small.push(answers.page(4 * MEBIBYTE).await);
        }
        assert!(answers.page(4 * MEBIBYTE).await.is_none());
        assert!(small.into_iter().all(|place| size(place) == Some(SMALL_PAGE_BYTES)));
        assert_eq!(size(answers.page(MEBIBYTE).await), Some(MEBIBYTE), "what the page does not need is free");
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len() as u64, 2 * MEBIBYTE + 4);
        assert_eq!(size(answers.page(4 * MEBIBYTE).await), Some(4 * MEBIBYTE));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_little_of_a_page_is_hung_up_on_and_its_room_is_free_once_it_has_left() {
        let answers = Answers::of_bytes(2 * MEBIBYTE, MEBIBYTE);
        let is_whole = async || answers.page(MEBIBYTE).await.is_some_and(|place| place.page_bytes_max == MEBIBYTE);
        let peer = Strangers::default().enter();
        peer.has_proved();
        let mut body =
            answers.page(MEBIBYTE).await.unwrap().send(parts(MEBIBYTE / 2), Some(peer.clone())).into_data_stream();
        body.next().await.unwrap().unwrap();
        for _ in 0..12 {
            // As slowly as may be.
            body.next().await.unwrap().unwrap();
            sleep(Duration::from_secs(16)).await;
        }
        assert!(!peer.is_hung_up());
        // Who was quick may pause, and not for longer.
        for _ in 0..8 {
            body.next().await.unwrap().unwrap();
        }
        sleep(PAUSE_MAX).await;
        assert!(!peer.is_hung_up());
        sleep(Duration::from_secs(17)).await;
        assert!(peer.is_hung_up());
        assert!(!is_whole().await, "HTTP may still hold what it was handed");
        body.next().await.unwrap().unwrap_err();
        drop(body);
        assert!(is_whole().await);
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_room_the_slowest_makes_some() {
        let answers = Answers::of_bytes(4 * MEBIBYTE, MEBIBYTE);
        let strangers = Strangers::default();
        let mut bodies = Vec::new();
        for _ in 0..4 {
            let peer = strangers.enter();
            peer.has_proved();
            let place = answers.page(MEBIBYTE).await.unwrap();
            bodies.push((peer.clone(), place.send(parts(MEBIBYTE - 4), Some(peer)).into_data_stream()));
        }
        assert!(answers.page(MEBIBYTE).await.is_none(), "nobody is slow yet");
        for (taken, (_, body)) in [2, 1, 3, 2].into_iter().zip(&mut bodies) {
            for _ in 0..=taken {
                body.next().await.unwrap().unwrap();
            }
        }
        sleep(SLOW_TIME).await;
        let leaving = async {
            while !bodies[1].0.is_hung_up() {
                tokio::task::yield_now().await;
            }
            bodies.remove(1)
        };
        let (place, _) = tokio::join!(answers.page(MEBIBYTE), async { drop(leaving.await) });
        assert_eq!(place.unwrap().page_bytes_max, SMALL_PAGE_BYTES);
        assert!(bodies.iter().all(|(peer, _)| !peer.is_hung_up()));
    }
    #[tokio::test(start_paused = true)]
    async fn a_watch_waits_for_room_which_the_slowest_makes() {
        let answers = Answers::of_bytes(MEBIBYTE, MEBIBYTE);
        let peer = Strangers::default().enter();
        let mut waiting = std::pin::pin!(answers.backlog());
        let first = waiting.as_mut().await.set_out(MEBIBYTE, Some(peer.clone()));
        assert!(timeout(SLOW_TIME / 2, answers.backlog()).await.is_err() && !peer.is_hung_up());
        let leaving = async {
            while !peer.is_hung_up() {
                tokio::task::yield_now().await;
            }
            drop(first);
        };
        let (place, ()) = tokio::join!(answers.backlog(), leaving);
        drop(place.set_out(1024, None));
        assert_eq!(answers.backlog().await.page_bytes_max, SMALL_PAGE_BYTES);
    }
}
