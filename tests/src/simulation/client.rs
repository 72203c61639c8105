//! A simulated program: an engine on the store of its profile, that can be killed and started again.

use super::network::{Network, Occurrence};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::task::JoinHandle;
use twiza_client::clock::Clock;
use twiza_client::engine::{
    AllianceNumber, Delivery, Environment, LOOK_BACK_AFTER_SECONDS, RECOVERY_AFTER_SECONDS, ROTATE_AFTER_SECONDS,
};
use twiza_client::{ClientError, Engine};
use twiza_crypto::alliance::Role;
use twiza_crypto::grant::Grant;
use twiza_crypto::name::Name;
use twiza_crypto::vault::VaultCost;
use twiza_crypto::{Entropy, EntropyError, Random};
use twiza_protocol::RelayAddress;

const PASSPHRASE: &str = "simulated";
const COST: VaultCost = VaultCost { memory_kib: 8, passes: 1, lanes: 1 };

/// Randomness from the run's seed.
pub(super) struct Seeded(pub(super) fastrand::Rng);

impl Entropy for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(buffer);
        Ok(())
    }
}

/// Everybody's time, and how wrong this client's clock is.
#[derive(Clone)]
pub(super) struct VirtualClock {
    pub(super) now: Arc<AtomicU64>,
    pub(super) skew: Arc<AtomicI64>,
}

impl Clock for VirtualClock {
    fn unix_seconds(&self) -> u64 {
        self.now.load(Ordering::Relaxed).saturating_add_signed(self.skew.load(Ordering::Relaxed))
    }
}

/// What somebody does.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Found,
    Send { alliance: AllianceNumber, text: String },
    Sync { alliance: AllianceNumber },
    Rotate { alliance: AllianceNumber },
    Invite { alliance: AllianceNumber, role: Role },
    Join { link: String },
    Approve { alliance: AllianceNumber },
    Remove { alliance: AllianceNumber, member: String },
    SetRole { alliance: AllianceNumber, member: String, role: Role },
    SetGrant { alliance: AllianceNumber, grant: String },
    Leave { alliance: AllianceNumber },
    Reopen { alliance: AllianceNumber },
    Rejoin { alliance: AllianceNumber },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Nothing,
    Link(String),
    Text(Delivery),
}

/// An operation that ended by itself.
pub(super) struct Finished {
    pub(super) program: usize,
    pub(super) operation: Operation,
    pub(super) result: Result<Done, ClientError>,
}

/// How a profile's people are called.
pub(super) fn name_of(profile: usize) -> String {
    format!("Member {profile}")
}

/// One program of a profile.
pub(super) struct Program {
    pub(super) index: usize,
    pub(super) profile: usize,
    folder: PathBuf,
    pub(super) clock: VirtualClock,
    random: fastrand::Rng,
    network: Network,
    /// Absent while it is down.
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) running: Option<JoinHandle<()>>,
    /// Commits to disk that still succeed; the one after them fails, as if the power had gone. Negative: no limit.
    commits_left: Arc<AtomicI64>,
}

impl Program {
    /// A program that is not started yet.
    pub(super) fn new(
        profile: usize,
        folder: PathBuf,
        clock: VirtualClock,
        random: fastrand::Rng,
        network: Network,
    ) -> Self {
        let (index, commits_left) = (network.program, Arc::new(AtomicI64::new(-1)));
        Self { index, profile, folder, clock, random, network, engine: None, running: None, commits_left }
    }

    /// Makes the profile.
    pub(super) async fn create(&mut self) -> Result<(), ClientError> {
        let profile = self.profile;
        let (own, organisation) = (Name::new(&name_of(profile))?, Name::new(&format!("Organisation {}", profile % 3))?);
        let environment = self.environment();
        let engine = Engine::create(&self.folder, PASSPHRASE, COST, &own, &organisation, environment).await?;
        self.install(engine).await
    }

    /// Starts on the profile that is there.
    pub(super) async fn open(&mut self) -> Result<(), ClientError> {
        let environment = self.environment();
        let engine = Engine::open(&self.folder, PASSPHRASE, environment).await?;
        self.install(engine).await
    }

    async fn install(&mut self, engine: Engine) -> Result<(), ClientError> {
        let left = self.commits_left.clone();
        engine.decide_commits(move || admit(&left)).await?;
        self.engine = Some(Arc::new(engine));
        Ok(())
    }

    fn environment(&mut self) -> Environment {
        Environment {
            clock: Arc::new(self.clock.clone()),
            random: Random::new(Seeded(self.random.fork())),
            connector: Arc::new(self.network.clone()),
            rotate_after_seconds: ROTATE_AFTER_SECONDS,
            look_back_after_seconds: LOOK_BACK_AFTER_SECONDS,
            recovery_after_seconds: RECOVERY_AFTER_SECONDS,
        }
    }

    /// Whether it could begin an operation.
    pub(super) fn is_idle(&self) -> bool {
        self.engine.is_some() && self.running.is_none()
    }

    /// Starts an operation; the occurrences tell how it goes on.
    pub(super) fn start(&mut self, operation: Operation, relay: &RelayAddress) {
        let Some(engine) = self.engine.clone() else { return };
        let (program, occurrences, relay) = (self.index, self.network.occurrences.clone(), relay.clone());
        self.running = Some(tokio::task::spawn_local(async move {
            let result = carry_out(&engine, &operation, &relay).await;
            drop(engine);
            // The run may be over.
            drop(occurrences.send(Occurrence::Finished(Finished { program, operation, result })));
        }));
    }

    /// Lets this many further commits to disk succeed before the power goes.
    pub(super) fn arm(&self, commits: i64) {
        self.commits_left.store(commits, Ordering::Relaxed);
    }

    /// Whether the power has gone.
    pub(super) fn is_dead(&self) -> bool {
        self.commits_left.load(Ordering::Relaxed) == DEAD
    }

    /// Ends the process wherever it is.
    pub(super) async fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // Aborted: that is no news.
            drop(running.await);
        }
        if let Some(engine) = self.engine.take().and_then(Arc::into_inner) {
            engine.close().await;
        }
        self.commits_left.store(-1, Ordering::Relaxed);
    }
}

const DEAD: i64 = i64::MIN;

fn admit(left: &AtomicI64) -> bool {
    match left.load(Ordering::Relaxed) {
        DEAD => false,
        0 => {
            left.store(DEAD, Ordering::Relaxed);
            false
        }
        some if some > 0 => {
            left.store(some - 1, Ordering::Relaxed);
            true
        }
        _ => true,
    }
}

async fn carry_out(engine: &Engine, operation: &Operation, relay: &RelayAddress) -> Result<Done, ClientError> {
    match operation {
        Operation::Found => drop(engine.found(&Name::new("Simulated")?, relay, None).await?),
        Operation::Send { alliance, text } => return Ok(Done::Text(engine.send(*alliance, text).await?)),
        Operation::Sync { alliance } => drop(engine.sync(*alliance).await?),
        Operation::Rotate { alliance } => engine.rotate(*alliance).await?,
        Operation::Invite { alliance, role } => {
            return Ok(Done::Link(engine.invite(*alliance, *role, 7).await?.link.to_string()));
        }
        Operation::Join { link } => drop(engine.join(link, None, None).await?),
        Operation::Approve { alliance } => {
            let requests: Vec<i64> = engine.requests(*alliance).await?.iter().map(|request| request.number).collect();
            if !requests.is_empty() {
                engine.approve(*alliance, &requests).await?;
            }
        }
        Operation::Remove { alliance, member } => drop(engine.remove(*alliance, member).await?),
        Operation::SetRole { alliance, member, role } => drop(engine.set_role(*alliance, member, *role).await?),
        Operation::SetGrant { alliance, grant } => {
            engine.set_grant(*alliance, Grant::new(grant).ok().as_ref()).await.map(|_| ())?;
        }
        Operation::Leave { alliance } => engine.leave(*alliance).await?,
        Operation::Reopen { alliance } => engine.reopen(*alliance).await?,
        Operation::Rejoin { alliance } => drop(engine.rejoin(*alliance).await?),
    }
    Ok(Done::Nothing)
}
