//! One run: everybody in it, and what is in flight between them.

use super::cheat::{Expected, Memory};
use super::client::{Done, Finished, Operation, Program, VirtualClock};
use super::network::{Network, Occurrence, Request, unreachable};
use super::relay::{Answer, Ask, SimulatedRelay};
use super::schedule::DAY_SECONDS;
use super::witness::Sent;
use super::{Broken, PROFILES, Scenario};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use tokio::sync::{mpsc, oneshot};
use twiza_client::engine::{AllianceNumber, AllianceView};
use twiza_client::relay::RelayError;
use twiza_client::store::alliances::Status;
use twiza_client::{ClientError, Engine};
use twiza_protocol::RelayAddress;

/// Programs that a profile has at most at once.
const PROGRAMS_PER_PROFILE: usize = 2;

/// The day on which every run begins, in seconds since the Unix epoch: 2026-09-21.
const FIRST_DAY: u64 = 20_717 * DAY_SECONDS;

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Texts that somebody said.
    pub texts: usize,
    /// Frames that the relay holds at the end.
    pub frames: usize,
    /// The last epoch.
    pub epoch: u64,
    /// Requests that the relay answered.
    pub requests: usize,
    /// Clients who were told that their place is lost, or that the relay contradicts itself.
    pub told: usize,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, usize>,
    /// What happened, in order.
    pub log: Vec<String>,
}

pub(super) struct Run {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) relay: SimulatedRelay,
    pub(super) address: RelayAddress,
    pub(super) now: Arc<AtomicU64>,
    /// The first program of each profile, which is always there, and then its others.
    pub(super) programs: Vec<Program>,
    occurrences: mpsc::UnboundedReceiver<Occurrence>,
    pub(super) in_flight: Vec<Request>,
    /// Requests whose sender has given up, or copies of answered ones, with the number of who asked: they may still
    /// arrive.
    pub(super) late: Vec<(usize, Ask)>,
    pub(super) links: Vec<String>,
    pub(super) sent: BTreeMap<String, Sent>,
    /// Profiles that do nothing for now.
    pub(super) away: BTreeSet<usize>,
    /// Profiles that cheat.
    pub(super) cheats: Vec<usize>,
    pub(super) memories: Vec<Memory>,
    pub(super) expected: Expected,
    /// Profiles whose last operation said that their place is lost.
    pub(super) lost: BTreeSet<usize>,
    /// Profiles to whom an operation has said that the relay contradicts itself, or has lost the place.
    pub(super) told: BTreeSet<usize>,
    pub(super) outcome: Outcome,
    log: Vec<String>,
}

/// Runs a seed, with the clients' stores in a folder. It begins at a time of its own, so that it ends on any day as it
/// did on the first.
///
/// # Errors
/// What was found broken.
pub async fn run(scenario: Scenario, seed: u64, folder: &Path) -> Result<Outcome, Broken> {
    let mut run = match Run::new(scenario, seed, folder).await {
        Ok(run) => run,
        Err(error) => return Err(Broken { what: format!("no start: {error}"), log: Vec::new() }),
    };
    let lived = run.live().await;
    for program in &mut run.programs {
        program.end().await;
    }
    match lived {
        Ok(()) => Ok(Outcome { log: run.log, ..run.outcome }),
        Err(what) => Err(Broken { what, log: run.log }),
    }
}

impl Run {
    async fn new(scenario: Scenario, seed: u64, folder: &Path) -> Result<Self, ClientError> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = FIRST_DAY + rng.u64(..DAY_SECONDS);
        let mut relay_seed = [0; 32];
        rng.fill(&mut relay_seed);
        let now = Arc::new(AtomicU64::new(now));
        let relay = SimulatedRelay::new(relay_seed, now.clone());
        let key = relay.key();
        let address = format!("twiza://relay.example/{key}");
        let address = address.parse().map_err(|_| ClientError::Store("no address".to_owned()))?;
        let (sender, occurrences) = mpsc::unbounded_channel();
        let mut programs = Vec::new();
        for index in 0..PROFILES * PROGRAMS_PER_PROFILE {
            let profile = index % PROFILES;
            let clock = VirtualClock { now: now.clone(), skew: Arc::new(AtomicI64::new(0)) };
            let network = Network { program: index, relay: key, now: now.clone(), occurrences: sender.clone() };
            programs.push(Program::new(profile, folder.join(profile.to_string()), clock, rng.fork(), network));
        }
        for first in programs.iter_mut().take(PROFILES) {
            first.create().await?;
        }
        Ok(Self {
            scenario,
            seed,
            rng,
            relay,
            address,
            now,
            programs,
            occurrences,
            in_flight: Vec::new(),
            late: Vec::new(),
            links: Vec::new(),
            sent: BTreeMap::new(),
            away: BTreeSet::new(),
            cheats: Vec::new(),
            memories: Vec::new(),
            expected: Expected::default(),
            lost: BTreeSet::new(),
            told: BTreeSet::new(),
            outcome: Outcome::default(),
            log: Vec::new(),
        })
    }

    /// Begins an operation, and lets its program run until it stands at a request or has finished.
    pub(super) async fn start(&mut self, index: usize, operation: Operation) -> Result<(), String> {
        self.note(|| format!("{index}: {operation:?} begins"));
        let program = &mut self.programs[index];
        if let Operation::Send { text, .. } = &operation {
            self.sent.insert(text.clone(), Sent::begun(program.profile));
        }
        program.start(operation, &self.address);
        self.settle().await
    }

    pub(super) async fn answer(&mut self, request: Request) -> Result<(), String> {
        let answer = self.relay.answer(request.program, &request.ask);
        let (program, ask) = (request.program, request.ask);
        let said = answer.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        self.note(|| format!("{program}: {}: {said}", describe(&ask)));
        self.reply(request.reply, answer).await
    }

    pub(super) async fn lose(&mut self, request: Request) -> Result<(), String> {
        self.count("request lost");
        let program = request.program;
        self.note(|| format!("{program}: {} is lost", describe(&request.ask)));
        if self.rng.bool() {
            self.late.push((program, request.ask));
        }
        self.reply(request.reply, Err(unreachable())).await
    }

    pub(super) async fn reply(
        &mut self,
        reply: oneshot::Sender<Result<Answer, RelayError>>,
        answer: Result<Answer, RelayError>,
    ) -> Result<(), String> {
        if reply.send(answer).is_ok() { self.settle().await } else { Ok(()) }
    }

    /// Waits until the one program that runs stands at a request, or has finished.
    async fn settle(&mut self) -> Result<(), String> {
        match self.occurrences.recv().await.ok_or("nobody runs")? {
            Occurrence::Request(request) if self.programs[request.program].is_dead() => {
                self.kill(request.program).await
            }
            Occurrence::Request(request) => {
                self.in_flight.push(request);
                Ok(())
            }
            Occurrence::Finished(finished) => self.finish(finished).await,
        }
    }

    async fn finish(&mut self, finished: Finished) -> Result<(), String> {
        let Finished { program: index, operation, result } = finished;
        let profile = self.programs[index].profile;
        self.programs[index].running = None;
        let said = result.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        self.note(|| format!("{index}: {operation:?} ends: {said}"));
        if self.programs[index].is_dead() {
            return self.kill(index).await;
        }
        if let Operation::Send { text, .. } = &operation {
            self.sent.insert(text.clone(), Sent::of(profile, &result));
        }
        self.lost.remove(&profile);
        match result {
            Ok(Done::Link(link)) => self.links.push(link),
            Ok(Done::Nothing | Done::Text(_)) => {}
            Err(error) => self.take_error(profile, &error).map_err(|what| format!("{index}: {operation:?} {what}"))?,
        }
        self.programs[index].arm(-1);
        Ok(())
    }

    /// Errors that this schedule may bring about; every other is a fault of ours.
    fn take_error(&mut self, profile: usize, error: &ClientError) -> Result<(), String> {
        use ClientError as E;
        let may_be_lost = matches!(self.scenario, Scenario::Absence | Scenario::Lies);
        match error {
            E::PlaceLost if may_be_lost => {
                self.lost.insert(profile);
                self.told.insert(profile);
            }
            // An expired mailbox, opened again by a late copy of a request: empty, where there had been frames.
            E::RelayContradiction(_) if self.scenario == Scenario::Absence => {
                self.lost.insert(profile);
                self.told.insert(profile);
            }
            E::PlaceThere | E::NobodyToAsk if may_be_lost => {}
            E::RelayContradiction(_) | E::Relay(RelayError::Protocol(_)) if self.scenario == Scenario::Lies => {
                self.told.insert(profile);
            }
            E::Relay(error) if error.is_retryable() || error.code().is_some() => {}
            E::NotActive(_) | E::NotOrganiser | E::NotPossible(_) | E::UnknownMember(_) | E::UnknownRequest(_) => {}
            E::InvitationUsed | E::InvitationOwn | E::InvitationExpired | E::BeingLetIn(_) => {}
            error => return Err(format!("fails: {error}")),
        }
        Ok(())
    }

    /// A program ends wherever it is. A profile's first starts again from its disk.
    pub(super) async fn kill(&mut self, index: usize) -> Result<(), String> {
        self.count("program killed");
        self.note(|| format!("{index}: killed"));
        let lost = self.in_flight.extract_if(.., |request| request.program == index);
        self.late.extend(lost.map(|request| (request.program, request.ask)));
        let program = &mut self.programs[index];
        program.end().await;
        if index < PROFILES {
            program.open().await.map_err(|error| format!("{index} does not start again: {error}"))?;
        }
        Ok(())
    }

    pub(super) async fn views(&self, index: usize) -> Result<Vec<AllianceView>, String> {
        self.engine(index)?.alliances().await.map_err(|error| error.to_string())
    }

    pub(super) async fn active(&self, index: usize) -> Result<Option<AllianceNumber>, String> {
        let views = self.views(index).await?;
        Ok(views.iter().rfind(|view| view.status == Status::Active).map(|view| view.number))
    }

    pub(super) fn engine(&self, index: usize) -> Result<&Engine, String> {
        self.programs[index].engine.as_deref().ok_or_else(|| format!("{index} is down"))
    }

    pub(super) fn count(&mut self, fault: &'static str) {
        *self.outcome.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        self.log.push(format!("{:4} {line}", self.log.len()));
    }
}

pub(super) fn describe(ask: &Ask) -> String {
    let short = |address: &twiza_protocol::MailboxAddress| address.to_string().chars().take(6).collect::<String>();
    match ask {
        Ask::Open(address) => format!("open {}", short(address)),
        Ask::Append { address, closing: true, .. } => format!("close {}", short(address)),
        Ask::Append { address, .. } => format!("append {}", short(address)),
        Ask::Read { address, after } => format!("read {} after {}", short(address), after.0),
    }
}
