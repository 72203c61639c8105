//! What the store on SQLite costs as it grows.
//!
//! `cargo bench -p twiza-relay --bench growth`, with `TWIZA_BENCH_DIR` naming a folder on the disk to be measured; after
//! `--`, the largest number of frames that is wanted (10000000 takes some 15 GB).
//!
//! | column | what is measured |
//! |---|---|
//! | one | an append alone in its commit, to a random mailbox; median |
//! | of 64 | an append in a commit of 64, each to a random mailbox; mean |
//! | page | the last 16 frames of a random mailbox; median |
//! | processor | processor time of such appends in commits of 64 |
//! | octets | on the disk, for each octet of frames |
//! | start | from opening the files, closed before, to the first answer |
//! | after a crash | the same with a log that was not copied back |
//! | again | octets on the disk after all has expired and as much was written again |

mod filled;

use filled::Filled;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Frames, mailboxes, and octets of a frame.
const SIZES: [(usize, usize, usize); 5] = [
    (10_000, 100, 4096),
    (10_000, 100, 1024),
    (1_000_000, 10_000, 1024),
    (1_000_000, 100_000, 1024),
    (10_000_000, 100_000, 1024),
];

/// Without an argument, no more frames than these.
const FRAMES_MAX: usize = 1_000_000;

/// Above this many frames, nothing is written a second time.
const FRAMES_AGAIN_MAX: usize = 10_000;

const SAMPLES: usize = 500;

fn main() {
    let frames_max = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(FRAMES_MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!(
        "{:>9} {:>9} {:>6} {:>8} {:>9} {:>8} {:>12} {:>7} {:>9} {:>14} {:>6}",
        "frames",
        "mailboxes",
        "octets",
        "one us",
        "of 64 us",
        "page us",
        "processor us",
        "octets",
        "start ms",
        "after crash ms",
        "again"
    );
    for (frames, mailboxes, frame_bytes) in SIZES.into_iter().filter(|(frames, ..)| *frames <= frames_max) {
        runtime.block_on(measure(frames, mailboxes, frame_bytes));
    }
}

async fn measure(frames: usize, mailboxes: usize, frame_bytes: usize) {
    let parent = std::env::var_os("TWIZA_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let mut filled = Filled::new(folder.path(), mailboxes, frame_bytes).await;
    filled.append(frames).await;
    let one = median(filled.times(SAMPLES, 1).await);
    let (started, processor) = (Instant::now(), processor_time());
    let many = filled.times(SAMPLES / 10, 64).await.len() as u32 * 64;
    let (many_time, processor) = (started.elapsed() / many, (processor_time() - processor) / many);
    let page = median(filled.page_times(SAMPLES).await);
    let crashed = filled.copied().await;
    filled.close().await;
    let closed = filled.reopened().await;
    let octets = filled.bytes_on_disk() as f64 / filled.frame_bytes().await as f64;
    let again = if frames <= FRAMES_AGAIN_MAX { filled.again().await } else { f64::NAN };
    println!(
        "{frames:>9} {mailboxes:>9} {frame_bytes:>6} {:>8.0} {:>9.1} {:>8.0} {:>12.1} {octets:>7.3} {:>9.1} {:>14.1} {again:>6.3}",
        micros(one),
        micros(many_time),
        micros(page),
        micros(processor),
        micros(closed) / 1e3,
        micros(crashed) / 1e3,
    );
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What this program has used of the processors, as Linux tells it: in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    Duration::from_millis(10) * ticks
}
