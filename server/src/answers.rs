//! Frames on their way out, as pages and as backlog of watches: how many octets at once, and how slowly they may be taken.
//!
//! Whoever has a mailbox could ask for its frames on many streams and read none of them, and the relay would hold them all.
//! Room is therefore taken before they are read from the store, and given back when the connection has dropped them
//! ([`crate::keeper`]). Who takes nothing forward is hung up on; and where there is no room, requests wait for it in a row, while
//! whoever is slowest, once that has gone on for a while, makes some.
//!
//! ```text
//! PAGES_BYTES_MAX = ┌──── 1/2: whole pages ────┬──── 1/2: small ones ────┐    BACKLOG_BYTES_MAX: of watches
//! ```
//!
//! So where many come at once, on slow networks after a shutdown for instance, they have small pages and not none.

use crate::keeper::{Keeper, keeping};
use crate::pace::Pace;
use crate::peer::Peer;
use crate::places::Places;
use crate::room::{Room, Taken};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
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

/// How long frames are on their way before they may have to make room for others.
const SLOW_TIME: Duration = Duration::from_secs(10);

/// How often somebody has to make room, at most: who is hung up on has to leave before the next is.
const GIVING_UP_INTERVAL: Duration = Duration::from_millis(100);

/// How long a request waits for room.
const WAITING_TIME_MAX: Duration = Duration::from_secs(12);

/// Requests that wait for it at once.
const WAITING_MAX: usize = 256;

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

/// Frames that are on their way, and their room. They have left when this is dropped.
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
    /// When somebody had to make room last.
    given_up: Option<Instant>,
}

/// How far it is.
#[derive(Debug)]
struct Progress {
    since: Instant,
    left: AtomicU64,
    /// Of its connection.
    pace: Pace,
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

    /// Takes room for a page of this size, or for a small one; if need be, after a while. `None` where there is none then.
    pub(crate) async fn page(&self, page_bytes_max: u64, peer: Option<&Peer>) -> Option<Place> {
        let small = SMALL_PAGE_BYTES.min(page_bytes_max);
        let placed = |taken, page_bytes_max| Place { taken, under_way: self.pages.clone(), page_bytes_max };
        let sizes = [(&self.whole, page_bytes_max), (&self.small, small), (&self.whole, small)];
        let free = sizes.into_iter().find_map(|(room, bytes)| Some((room.take(room_for(bytes))?, bytes)));
        if let Some((taken, bytes)) = free {
            return Some(placed(taken, bytes));
        }
        let _waiting = self.waiting.take(1)?;
        let _one_of_few = match peer {
            Some(peer) => Some(peer.pace().wait()?),
            None => None,
        };
        // Those who wait come before those who ask later, so nobody has more by asking again and again.
        let freed = async {
            tokio::select! {
                taken = self.small.wait(room_for(small)) => taken,
                taken = self.whole.wait(room_for(small)) => taken,
            }
        };
        let taken = timeout(WAITING_TIME_MAX, self.pages.making_room(freed)).await.ok().flatten()?;
        Some(placed(taken, small))
    }

    /// Takes room for some backlog of a watch, as soon as there is any; `None` never, but at the end of all.
    pub(crate) async fn backlog(&self) -> Option<Place> {
        let bytes = room_for(SMALL_PAGE_BYTES);
        let taken = match self.backlog.take(bytes) {
            Some(taken) => taken,
            None => self.backlogs.making_room(self.backlog.wait(bytes)).await?,
        };
        Some(Place { taken, under_way: self.backlogs.clone(), page_bytes_max: SMALL_PAGE_BYTES })
    }
}

/// Even a small page may have one frame of the largest size.
fn room_for(page_bytes_max: u64) -> u64 {
    page_bytes_max.max(FrameSize::MAX.bytes() as u64)
}

impl Place {
    /// Sets out with so many octets. As much of the room is kept as they need.
    pub(crate) fn set_out(self, bytes: u64, peer: Option<Peer>) -> Arc<Sending> {
        let Self { mut taken, under_way, .. } = self;
        taken.keep(bytes);
        let pace = Pace::of(peer.as_ref());
        pace.begin();
        let (left, given_up) = (AtomicU64::new(0), AtomicBool::new(false));
        let progress = Arc::new(Progress { since: Instant::now(), left, pace, given_up, peer });
        let watched = tokio::spawn(give_up_where_nobody_reads(Arc::downgrade(&progress))).abort_handle();
        let number = under_way.add(progress.clone());
        Arc::new(Sending { progress, number, under_way, watched, _taken: taken })
    }

    /// The body that sends these parts.
    pub(crate) fn send(self, parts: Vec<Bytes>, peer: Option<Peer>) -> Body {
        let sending = self.set_out(parts.iter().map(|part| part.len() as u64).sum(), peer);
        let progress = sending.progress.clone();
        let kept = parts.into_iter().flat_map(move |part| keeping(part, sending.clone()));
        Body::from_stream(stream::iter(kept).map(move |part| {
            if progress.is_given_up() { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(part) }
        }))
    }
}

impl Keeper for Sending {
    fn left(&self, bytes: u64) {
        self.progress.left.fetch_add(bytes, Ordering::Relaxed);
        self.progress.pace.left(bytes);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.watched.abort();
        self.progress.pace.end();
        self.under_way.change(|numbered| numbered.all.remove(&self.number));
    }
}

impl UnderWay {
    fn add(&self, progress: Arc<Progress>) -> u64 {
        self.change(|Numbered { next, all, .. }| {
            *next += 1;
            all.insert(*next, progress);
            *next
        })
    }

    /// Waits for room that others give back, and has the slowest do so.
    async fn making_room(&self, freed: impl Future<Output = Option<Taken>>) -> Option<Taken> {
        let mut freed = pin!(freed);
        loop {
            self.give_up_slowest();
            if let Ok(taken) = timeout(GIVING_UP_INTERVAL, &mut freed).await {
                return taken;
            }
        }
    }

    /// Gives up what is taken most slowly, of what has been on its way for long; not too often.
    fn give_up_slowest(&self) {
        let slowest = self.change(|numbered| {
            if numbered.given_up.is_some_and(|last| last.elapsed() < GIVING_UP_INTERVAL) {
                return None;
            }
            let slow = numbered.all.values().filter(|one| one.since.elapsed() >= SLOW_TIME && !one.is_given_up());
            let slowest = slow.min_by_key(|one| one.octets_a_second()).cloned()?;
            numbered.given_up = Some(Instant::now());
            Some(slowest)
        });
        slowest.iter().for_each(|progress| progress.give_up());
    }

    fn change<T>(&self, change: impl FnOnce(&mut Numbered) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress {
    fn octets_a_second(&self) -> u64 {
        self.left.load(Ordering::Relaxed) / self.since.elapsed().as_secs().max(1)
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
    while let Some(due) = progress.upgrade().map(|progress| progress.pace.due()) {
        sleep_until(due).await;
        let Some(progress) = progress.upgrade() else { return };
        if progress.pace.due() <= Instant::now() {
            return progress.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::PART_BYTES;
    use crate::pace::PAUSE_MAX;
    use crate::peer::Strangers;
    use axum::body::to_bytes;
    use tokio::time::sleep;

    const MEBIBYTE: u64 = 1 << 20;

    fn parts(bytes: u64) -> Vec<Bytes> {
        vec![Bytes::from_static(b"head"), vec![0; bytes as usize].into()]
    }

    fn size(place: Option<Place>) -> Option<u64> {
        place.map(|place| place.page_bytes_max)
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_keeps_the_room_that_it_needs_until_it_has_left() {
        let answers = Answers::of_bytes(8 * MEBIBYTE, MEBIBYTE);
        let whole = answers.page(4 * MEBIBYTE, None).await.unwrap();
        assert_eq!(whole.page_bytes_max, 4 * MEBIBYTE);
        let body = whole.send(parts(2 * MEBIBYTE), None);
        let mut small = Vec::new();
        for _ in 0..5 {
            small.push(answers.page(4 * MEBIBYTE, None).await);
        }
        assert!(answers.page(4 * MEBIBYTE, None).await.is_none());
        // Four in their own half, and one in what the whole page did not need.
        assert!(small.into_iter().all(|place| size(place) == Some(SMALL_PAGE_BYTES)));
        assert_eq!(size(answers.page(MEBIBYTE, None).await), Some(MEBIBYTE), "what the page does not need is free");
        // Nobody has taken anything of it while others waited for room.
        to_bytes(body, usize::MAX).await.unwrap_err();
        let body = answers.page(4 * MEBIBYTE, None).await.unwrap().send(parts(2 * MEBIBYTE), None);
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len() as u64, 2 * MEBIBYTE + 4);
        assert_eq!(size(answers.page(4 * MEBIBYTE, None).await), Some(4 * MEBIBYTE));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_little_is_hung_up_on_and_its_room_is_free_once_all_has_left() {
        let answers = Answers::of_bytes(2 * MEBIBYTE, MEBIBYTE);
        let peer = Strangers::default().enter();
        let mut body = answers
            .page(MEBIBYTE, None)
            .await
            .unwrap()
            .send(parts(MEBIBYTE / 2), Some(peer.clone()))
            .into_data_stream();
        body.next().await.unwrap().unwrap();
        for _ in 0..12 {
            // As slowly as may be.
            body.next().await.unwrap().unwrap();
            sleep(Duration::from_secs(16)).await;
        }
        assert!(!peer.is_hung_up());
        // Who was quick may pause, and not for longer. What was handed over has not left.
        let mut handed = Vec::new();
        for _ in 0..8 {
            body.next().await.unwrap().unwrap();
            handed.push(body.next().await.unwrap().unwrap());
        }
        sleep(PAUSE_MAX - Duration::from_secs(1)).await;
        assert!(!peer.is_hung_up());
        sleep(Duration::from_secs(2)).await;
        assert!(peer.is_hung_up());
        body.next().await.unwrap().unwrap_err();
        drop(body);
        assert_eq!(
            size(answers.page(MEBIBYTE, None).await),
            Some(SMALL_PAGE_BYTES),
            "HTTP still has what it was handed"
        );
        handed.truncate(1);
        assert_eq!(size(answers.page(MEBIBYTE, None).await), Some(SMALL_PAGE_BYTES));
        handed.clear();
        assert_eq!(size(answers.page(MEBIBYTE, None).await), Some(MEBIBYTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_has_one_pace_for_all_that_it_asked_for() {
        let answers = Answers::of_bytes(8 * MEBIBYTE, MEBIBYTE);
        let peer = Strangers::default().enter();
        let mut bodies = Vec::new();
        for _ in 0..4 {
            bodies.push(answers.page(MEBIBYTE, None).await.unwrap().send(parts(MEBIBYTE / 2), Some(peer.clone())));
        }
        let mut first = bodies.remove(0).into_data_stream();
        for _ in 0..10 {
            first.next().await.unwrap().unwrap();
            sleep(Duration::from_secs(15)).await;
        }
        assert!(!peer.is_hung_up(), "the others wait for their turn");
        sleep(PAUSE_MAX).await;
        assert!(peer.is_hung_up());
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_room_the_slowest_makes_some_for_who_waits() {
        let answers = Answers::of_bytes(4 * MEBIBYTE, MEBIBYTE);
        let strangers = Strangers::default();
        let mut bodies = Vec::new();
        for taken in [3, 1, 4, 2] {
            let peer = strangers.enter();
            let place = answers.page(MEBIBYTE, None).await.unwrap();
            let mut body = place.send(parts(MEBIBYTE - 4), Some(peer.clone())).into_data_stream();
            for _ in 0..=taken {
                body.next().await.unwrap().unwrap();
            }
            bodies.push((peer, body));
        }
        let asked = Instant::now();
        let leaving = async {
            while !bodies[1].0.is_hung_up() {
                sleep(GIVING_UP_INTERVAL / 10).await;
            }
            bodies.remove(1)
        };
        let (place, _) = tokio::join!(answers.page(MEBIBYTE, None), async { drop(leaving.await) });
        assert_eq!(size(place), Some(SMALL_PAGE_BYTES));
        assert!((SLOW_TIME..WAITING_TIME_MAX).contains(&asked.elapsed()), "nobody was slow before");
        assert!(bodies.iter().all(|(peer, _)| !peer.is_hung_up()), "one was enough");
        assert!(bodies[1].1.next().await.unwrap().unwrap().len() <= PART_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_waits_for_room_which_the_slowest_makes() {
        let answers = Answers::of_bytes(MEBIBYTE, MEBIBYTE);
        let peer = Strangers::default().enter();
        let first = answers.backlog().await.unwrap().set_out(MEBIBYTE, Some(peer.clone()));
        assert!(timeout(SLOW_TIME / 2, answers.backlog()).await.is_err() && !peer.is_hung_up());
        let leaving = async {
            while !peer.is_hung_up() {
                sleep(GIVING_UP_INTERVAL / 10).await;
            }
            drop(first);
        };
        let (place, ()) = tokio::join!(answers.backlog(), leaving);
        drop(place.unwrap().set_out(1024, None));
        assert_eq!(size(answers.backlog().await), Some(SMALL_PAGE_BYTES));
    }
}
