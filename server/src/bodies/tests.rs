//! Receiving: room, order of checks, slow and stopped bodies. Time here is the runtime's own, and passes at once.

use super::*;
use futures_util::{future, stream};
use std::convert::Infallible;

const MEBIBYTE: u64 = 1 << 20;

/// A body that brings so many octets at every interval.
fn steady(bytes: usize, interval: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    stream::unfold(ticks, move |mut ticks| async move {
        ticks.tick().await;
        Some((Ok(Bytes::from(vec![7; bytes])), ticks))
    })
}

fn silent() -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::pending()
}

/// Runs a future until it waits for something else.
async fn start<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    assert!(futures_util::poll!(&mut future).is_pending());
    future
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_that_goes_on_is_received() {
    let bodies = Bodies::new(16 * MEBIBYTE);
    // 4 KiB a second: more than four minutes.
    let body = steady(4 << 10, Duration::from_secs(1)).take(256);
    let received = bodies.receive(body, Some(MEBIBYTE), MEBIBYTE).await.unwrap();
    assert_eq!(received.len() as u64, MEBIBYTE);
    let small = steady(64, Duration::from_millis(600)).take(16);
    assert_eq!(bodies.receive(small, Some(1024), MEBIBYTE).await.unwrap().len(), 1024);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_given_up_however_much_came_before() {
    let bodies = Bodies::new(16 * MEBIBYTE);
    for came in [0, 1, 900 << 10] {
        let started = Instant::now();
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![7; came]))]);
        let received = bodies.receive(first.chain(silent()), Some(MEBIBYTE), MEBIBYTE).await;
        assert_eq!((received, started.elapsed()), (Err(BodyError::TooSlow), PROGRESS_TIME), "{came}");
    }
    let trickle = steady(1, Duration::from_secs(1));
    assert_eq!(bodies.receive(trickle, Some(MEBIBYTE), MEBIBYTE).await, Err(BodyError::TooSlow));
}

#[tokio::test(start_paused = true)]
async fn unfinished_bodies_leave_room_for_small_ones_and_give_theirs_back() {
    let bodies = Bodies::new(8 * MEBIBYTE);
    let mut unfinished = Vec::new();
    for _ in 0..7 {
        unfinished.push(start(bodies.receive(silent(), Some(MEBIBYTE), MEBIBYTE)).await);
    }
    let refused = Err(BodyError::NoRoom);
    assert_eq!(bodies.receive(silent(), Some(MEBIBYTE), MEBIBYTE).await, refused);
    assert_eq!(bodies.receive(silent(), None, MEBIBYTE).await, refused, "as large as it may be");
    let frame = || stream::iter([Ok::<_, Infallible>(Bytes::from(vec![7; 1024]))]);
    assert_eq!(bodies.receive(frame(), Some(1024), MEBIBYTE).await.unwrap().len(), 1024);
    assert_eq!(future::join_all(unfinished).await, vec![Err(BodyError::TooSlow); 7]);
    assert_eq!(bodies.receive(frame(), None, MEBIBYTE).await.unwrap().len(), 1024);
}

#[tokio::test]
async fn a_body_is_no_longer_than_it_may_be_or_was_announced() {
    let bodies = Bodies::new(8 * MEBIBYTE);
    let two = || stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"four")), Ok(Bytes::from_static(b"more"))]);
    let too_large = Err(BodyError::TooLarge);
    assert_eq!(bodies.receive(silent(), Some(8), 7).await, too_large, "it is not even read");
    assert_eq!(bodies.receive(two(), None, 7).await, too_large);
    assert_eq!(bodies.receive(two(), Some(7), 8).await, too_large);
    assert_eq!(bodies.receive(two(), Some(8), 8).await.unwrap(), "fourmore");
    let broken = stream::iter([Ok(Bytes::from_static(b"four")), Err("hung up")]);
    assert_eq!(bodies.receive(broken, Some(8), 8).await, Err(BodyError::Broken));
}
