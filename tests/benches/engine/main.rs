//! What the engine costs with its encrypted store, beside OpenMLS doing the same in memory, in the same run.
//!
//! ```text
//! cargo bench -p twiza-tests --bench engine                                     everything
//! TWIZA_BENCH_MEMBERS=10 cargo bench -p twiza-tests --bench engine -- --quick   a first impression
//! ```
//!
//! The relay is a table in memory that answers at once and signs nothing, so that network and relay cost nothing. Stores
//! lie where `TWIZA_BENCH_DIR` says, else in memory: what a disk costs on top is its sync, once a step.

mod raw;
mod relay;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use raw::raw_pair;
use relay::MemoryRelay;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use twiza_client::Engine;
use twiza_client::engine::AllianceNumber;
use twiza_crypto::alliance::Role;
use twiza_crypto::name::Name;
use twiza_tests::world::{open_in, person_in_by};

/// Texts that are read in one go.
const TEXTS: usize = 1000;

/// Alliances of so many members.
fn sizes() -> Vec<usize> {
    let wanted = std::env::var("TWIZA_BENCH_MEMBERS").unwrap_or_else(|_| "10,200".to_owned());
    wanted.split(',').map(|size| size.trim().parse().expect("TWIZA_BENCH_MEMBERS is a list of numbers")).collect()
}

fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let usual = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(std::env::var_os("TWIZA_BENCH_DIR").map_or(usual, PathBuf::from)).expect("a folder")
}

/// An alliance: its founder, who is there, and its newest member, whose profile is closed.
struct Town {
    folder: TempDir,
    relay: MemoryRelay,
    founder: Engine,
    alliance: AllianceNumber,
    of_newest: AllianceNumber,
    members: usize,
}

impl Town {
    async fn new(members: usize) -> Self {
        let (folder, relay) = (folder(), MemoryRelay::default());
        let person = async |place: usize| {
            let organisation = format!("Organisation {}", place % 12);
            let path = folder.path().join(place.to_string());
            person_in_by(&path, &format!("Delegate {place}"), &organisation, relay.connector())
                .await
                .expect("a profile")
        };
        let founder = person(0).await;
        let name = Name::new("Tawiza").expect("a name");
        let alliance = founder.found(&name, &relay.address(), None).await.expect("founded");
        let mut of_newest = alliance;
        for place in 1..members {
            let newcomer = person(place).await;
            let invitation = founder.invite(alliance, Role::Member, 7).await.expect("an invitation");
            of_newest = newcomer.join(&invitation.link, None, None).await.expect("a request");
            newcomer.close().await;
        }
        let requests = founder.requests(alliance).await.expect("requests");
        let requests: Vec<i64> = requests.iter().map(|request| request.number).collect();
        founder.approve(alliance, &requests).await.expect("approved");
        let newest = folder.path().join((members - 1).to_string());
        let newest = open_in(&newest, relay.connector()).await.expect("a profile");
        newest.sync(of_newest).await.expect("let in");
        newest.close().await;
        founder.sync(alliance).await.expect("in step");
        Self { folder, relay, founder, alliance, of_newest, members }
    }

    fn newest(&self) -> PathBuf {
        self.folder.path().join((self.members - 1).to_string())
    }

    async fn open(&self, profile: &Path) -> Engine {
        open_in(profile, self.relay.connector()).await.expect("a profile")
    }

    /// The newest member's profile, as often as wished.
    fn copy(&self) -> TempDir {
        let copy = folder();
        for file in std::fs::read_dir(self.newest()).expect("a profile").flatten() {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
        }
        copy
    }
}

fn engine(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for members in sizes() {
        let town = runtime.block_on(Town::new(members));
        let mut group = criterion.benchmark_group(format!("{members} members"));
        group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
        let profile = town.newest();
        group.bench_function("open a profile", |bencher| {
            bencher.iter(|| runtime.block_on(async { town.open(&profile).await.close().await }));
        });
        group.bench_function("open a profile and list the members", |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let engine = town.open(&profile).await;
                    black_box(engine.members(town.of_newest).await.expect("members"));
                    engine.close().await;
                });
            });
        });
        group.bench_function("synchronise, with nothing new", |bencher| {
            bencher.iter(|| runtime.block_on(town.founder.sync(town.alliance)).expect("in step"));
        });
        send(&mut group, &runtime, &town);
        read(&mut group, &runtime, &town);
        group.finish();
    }
}

fn text() -> String {
    "a".repeat(200)
}

fn send(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, town: &Town) {
    let text = text();
    group.bench_function("send a text", |bencher| {
        bencher.iter(|| runtime.block_on(town.founder.send(town.alliance, &text)).expect("sent"));
    });
    let (mut speaker, _) = raw_pair(town.members);
    group.bench_function("send a text, OpenMLS alone", |bencher| bencher.iter(|| black_box(speaker.say(&text))));
}

fn read(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &Runtime, town: &Town) {
    let text = text();
    runtime.block_on(async {
        let newest = town.open(&town.newest()).await;
        newest.sync(town.of_newest).await.expect("in step");
        newest.close().await;
        for _ in 0..TEXTS {
            town.founder.send(town.alliance, &text).await.expect("sent");
        }
    });
    group.bench_function(format!("read {TEXTS} texts"), |bencher| {
        let begin = || {
            let copy = town.copy();
            let engine = runtime.block_on(town.open(copy.path()));
            (copy, engine)
        };
        let read = |(copy, engine): (TempDir, Engine)| {
            runtime.block_on(engine.sync(town.of_newest)).expect("in step");
            (copy, engine)
        };
        bencher.iter_batched(begin, read, BatchSize::PerIteration);
    });
    let (mut speaker, mut listener) = raw_pair(town.members);
    group.bench_function(format!("read {TEXTS} texts, OpenMLS alone"), |bencher| {
        let said = || (0..TEXTS).map(|_| speaker.say(&text)).collect::<Vec<_>>();
        let hear = |texts: Vec<Vec<u8>>| texts.iter().for_each(|sealed| drop(black_box(listener.hear(sealed))));
        bencher.iter_batched(said, hear, BatchSize::PerIteration);
    });
}

criterion_group!(benches, engine);
criterion_main!(benches);
