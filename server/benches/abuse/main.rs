//! What strangers who mean harm can do to a relay, and to those who use it meanwhile.
//!
//! `cargo bench -p twiza-relay --bench abuse`; after `--`, the name of one attack, and `--seconds N` for how long each takes.
//!
//! An honest client appends a frame every 50 ms on a connection that it had before, and asks on a new connection twice a
//! second. Each attack is one function in `attacks.rs`, with at most [`ATTACKERS`] connections at once, on loopback; the
//! relay is the built program, with room for [`CONNECTIONS_MAX`] connections.

mod attacks;
mod honest;
#[path = "../../tests/support/pinned.rs"]
mod pinned;
#[path = "../support/process.rs"]
mod process;

use attacks::{ATTACKS, Target};
use honest::Honest;
use process::Process;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Connections that an attack has at once: more than the relay lets in.
const ATTACKERS: usize = 3000;
const CONNECTIONS_MAX: usize = 2000;

fn main() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let seconds = after("--seconds").map_or(10, |text| text.parse().expect("a number of seconds"));
    let chosen = arguments.first().filter(|argument| !argument.starts_with("--"));
    let parent = std::env::var_os("TWIZA_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!(
        "| attack | | honest appends: median, p99, longest (ms) | new connections served | resident (MiB) |\n|---|---|---|---|---|"
    );
    for (name, attack) in ATTACKS {
        if chosen.is_some_and(|chosen| chosen != name) {
            continue;
        }
        let folder = tempfile::tempdir_in(&parent).unwrap();
        let data = process::made_in(folder.path(), &format!("connections_max = {CONNECTIONS_MAX}\n"));
        let relay = Process::start(&data);
        runtime.block_on(measure(name, *attack, &relay, Duration::from_secs(seconds)));
    }
}

async fn measure(name: &str, attack: attacks::Attack, relay: &Process, span: Duration) {
    let target = Target { key: relay.key, socket: relay.socket };
    let mut honest = Honest::begin(target).await;
    sleep(Duration::from_secs(2)).await;
    row(name, "before", &mut honest, relay.resident_kib());
    let attackers: Vec<_> = (0..ATTACKERS).map(|number| tokio::spawn(attack(target, number))).collect();
    let (started, mut most) = (Instant::now(), 0);
    while started.elapsed() < span {
        sleep(Duration::from_millis(200)).await;
        most = most.max(relay.resident_kib());
    }
    row(name, "meanwhile, the most", &mut honest, most);
    attackers.iter().for_each(tokio::task::JoinHandle::abort);
    for attacker in attackers {
        drop(attacker.await);
    }
    sleep(Duration::from_secs(5)).await;
    honest.forget();
    sleep(Duration::from_secs(2)).await;
    row(name, "after 5 s", &mut honest, relay.resident_kib());
    honest.end();
}

fn row(name: &str, when: &str, honest: &mut Honest, resident_kib: u64) {
    let seen = honest.take();
    println!("| {name} | {when} | {} | {} | {:.0} |", seen.appends, seen.newcomers, resident_kib as f64 / 1024.0);
}
