//! One run: what happens, in which order, decided by a seed.

use super::Broken;
use super::client::{Client, Done, Finished, Operation, VirtualClock};
use super::network::{Network, Occurrence, Request, unreachable};
use super::oracle::{self, Sent, Witness};
use super::relay::{Ask, SimulatedRelay};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::sync::mpsc;
use twiza_client::engine::{AllianceNumber, AllianceView};
use twiza_client::store::alliances::Status;
use twiza_client::{ClientError, Engine};
use twiza_crypto::alliance::Role;
use twiza_protocol::RelayAddress;

const CLIENTS: usize = 5;
const STEPS: usize = 260;
const DAY_SECONDS: u64 = 24 * 3600;

/// Rounds of synchronising after which everybody must agree.
const ROUNDS_MAX: usize = 30;

/// Answers in the healed network after which a run counts as one that never ends.
const ANSWERS_MAX: usize = 20_000;

/// What a run did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Texts that somebody said.
    pub texts: usize,
    /// Frames that the relay holds at the end.
    pub frames: usize,
    /// The last epoch.
    pub epoch: u64,
    /// Requests lost, answers lost, repeats, restarts of the relay, hours in which it was full.
    pub faults: usize,
    /// Clients killed.
    pub kills: usize,
}

struct Run {
    rng: fastrand::Rng,
    relay: SimulatedRelay,
    address: RelayAddress,
    now: Arc<AtomicU64>,
    clients: Vec<Client>,
    occurrences: mpsc::UnboundedReceiver<Occurrence>,
    in_flight: Vec<Request>,
    /// Requests whose sender has given up, or copies of answered ones: they may still arrive.
    late: Vec<Ask>,
    links: Vec<String>,
    sent: BTreeMap<String, Sent>,
    outcome: Outcome,
    log: Vec<String>,
}

/// Runs a seed, with the clients' stores in a folder. `now` is the time at which it begins, in seconds since the Unix
/// epoch: it must be near the real one, because OpenMLS holds key packages against the machine's clock.
///
/// # Errors
/// What was found broken.
pub async fn run(seed: u64, folder: &Path, now: u64) -> Result<Outcome, Broken> {
    let mut run = match Run::new(seed, folder, now).await {
        Ok(run) => run,
        Err(error) => return Err(Broken { what: format!("no start: {error}"), log: Vec::new() }),
    };
    match run.live().await {
        Ok(()) => Ok(run.outcome),
        Err(what) => Err(Broken { what, log: run.log }),
    }
}

impl Run {
    async fn new(seed: u64, folder: &Path, now: u64) -> Result<Self, ClientError> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut relay_seed = [0; 32];
        rng.fill(&mut relay_seed);
        let relay = SimulatedRelay::new(relay_seed);
        let key = relay.key();
        let address = format!("twiza://relay.example/{key}");
        let address = address.parse().map_err(|_| ClientError::Store("no address".to_owned()))?;
        let (sender, occurrences) = mpsc::unbounded_channel();
        let now = Arc::new(AtomicU64::new(now));
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let clock = VirtualClock { now: now.clone(), skew: Arc::new(AtomicI64::new(0)) };
            let network = Network { client, relay: key, occurrences: sender.clone() };
            clients.push(Client::new(folder.join(client.to_string()), clock, rng.fork(), network).await?);
        }
        Ok(Self {
            rng,
            relay,
            address,
            now,
            clients,
            occurrences,
            in_flight: Vec::new(),
            late: Vec::new(),
            links: Vec::new(),
            sent: BTreeMap::new(),
            outcome: Outcome::default(),
            log: Vec::new(),
        })
    }

    async fn live(&mut self) -> Result<(), String> {
        self.calmly(0, Operation::Found).await?;
        for newcomer in 1..self.rng.usize(2..4) {
            self.admit(newcomer).await?;
        }
        for _ in 0..STEPS {
            self.step().await?;
        }
        self.heal().await?;
        let mut witnesses = Vec::new();
        for client in &self.clients {
            witnesses.extend(Witness::of(client.index, engine(client)?).await.map_err(|error| error.to_string())?);
        }
        self.outcome.frames = self.relay.frames();
        self.outcome.texts = self.sent.len();
        self.outcome.epoch = witnesses.iter().map(|witness| witness.view.epoch).max().unwrap_or_default();
        oracle::check(&witnesses, &self.sent)
    }

    /// Lets somebody in while nothing goes wrong.
    async fn admit(&mut self, newcomer: usize) -> Result<(), String> {
        let alliance = self.active(0).await?.ok_or("the founder has no alliance")?;
        self.calmly(0, Operation::Invite { alliance, role: Role::Organiser }).await?;
        let link = self.links.pop().ok_or("no invitation")?;
        self.calmly(newcomer, Operation::Join { link }).await?;
        self.calmly(0, Operation::Approve { alliance }).await?;
        let number = self.views(newcomer).await?.first().map(|view| view.number).ok_or("no request")?;
        self.calmly(newcomer, Operation::Sync { alliance: number }).await
    }

    /// One decision of the schedule.
    async fn step(&mut self) -> Result<(), String> {
        match self.rng.u32(0..100) {
            0..2 => self.let_time_pass(),
            2..5 => {
                let client = self.pick_client();
                self.kill(client).await?;
            }
            5..7 if !self.late.is_empty() => {
                let place = self.rng.usize(0..self.late.len());
                let ask = self.late.swap_remove(place);
                self.note(|| "a late copy arrives".to_owned());
                // Nobody waits for the answer any more.
                drop(self.relay.answer(&ask));
            }
            7..8 => {
                self.relay.is_full = !self.relay.is_full;
                self.outcome.faults += 1;
                self.note(|| "the relay's disk fills, or is emptied".to_owned());
            }
            8..40 => self.start_something().await?,
            _ if self.in_flight.is_empty() => self.start_something().await?,
            _ => self.deliver().await?,
        }
        Ok(())
    }

    fn pick_client(&mut self) -> usize {
        self.rng.usize(0..self.clients.len())
    }

    fn let_time_pass(&mut self) {
        let passed = if self.rng.u8(0..4) == 0 { self.rng.u64(0..DAY_SECONDS) } else { self.rng.u64(0..3600) };
        self.now.fetch_add(passed, Ordering::Relaxed);
        let client = self.pick_client();
        let days = i64::try_from(2 * DAY_SECONDS).unwrap_or_default();
        let skew = self.rng.i64(-days..days);
        if let Some(client) = self.clients.get(client) {
            client.clock.skew.store(skew, Ordering::Relaxed);
        }
        self.note(|| format!("{passed} s pass; a clock of {client} is wrong by {skew} s"));
    }

    /// Decides what becomes of one request in flight.
    async fn deliver(&mut self) -> Result<(), String> {
        let place = self.rng.usize(0..self.in_flight.len());
        let request = self.in_flight.swap_remove(place);
        match self.rng.u32(0..100) {
            0..8 => self.lose(request).await,
            8..18 => {
                self.outcome.faults += 1;
                let (client, ask) = (request.client, request.ask);
                self.note(|| format!("{client}: {} is done, the answer lost", describe(&ask)));
                drop(self.relay.answer(&ask));
                self.reply(request.reply, Err(unreachable())).await
            }
            18..23 => {
                self.outcome.faults += 1;
                self.late.push(request.ask.clone());
                self.answer(request).await
            }
            23..24 => {
                self.note(|| "the relay restarts".to_owned());
                self.lose(request).await?;
                for request in std::mem::take(&mut self.in_flight) {
                    self.lose(request).await?;
                }
                Ok(())
            }
            _ => self.answer(request).await,
        }
    }

    async fn lose(&mut self, request: Request) -> Result<(), String> {
        self.outcome.faults += 1;
        let client = request.client;
        self.note(|| format!("{client}: {} is lost", describe(&request.ask)));
        if self.rng.bool() {
            self.late.push(request.ask);
        }
        self.reply(request.reply, Err(unreachable())).await
    }

    async fn answer(&mut self, request: Request) -> Result<(), String> {
        let answer = self.relay.answer(&request.ask);
        let (client, ask) = (request.client, request.ask);
        let said = answer.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        self.note(|| format!("{client}: {}: {said}", describe(&ask)));
        self.reply(request.reply, answer).await
    }

    async fn reply(
        &mut self,
        reply: tokio::sync::oneshot::Sender<Result<super::relay::Answer, twiza_client::relay::RelayError>>,
        answer: Result<super::relay::Answer, twiza_client::relay::RelayError>,
    ) -> Result<(), String> {
        if reply.send(answer).is_ok() { self.settle().await } else { Ok(()) }
    }

    /// Waits until the one client that runs stands at a request, or has finished.
    async fn settle(&mut self) -> Result<(), String> {
        match self.occurrences.recv().await.ok_or("nobody runs")? {
            Occurrence::Request(request) if self.clients[request.client].is_dead() => self.kill(request.client).await,
            Occurrence::Request(request) => {
                self.in_flight.push(request);
                Ok(())
            }
            Occurrence::Finished(finished) => self.finish(finished).await,
        }
    }

    async fn finish(&mut self, finished: Finished) -> Result<(), String> {
        let Finished { client, operation, result } = finished;
        self.clients[client].running = None;
        let said = result.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        self.note(|| format!("{client}: {operation:?} ends: {said}"));
        if self.clients[client].is_dead() {
            return self.kill(client).await;
        }
        if let Operation::Send { text, .. } = &operation {
            self.sent.insert(text.clone(), Sent::of(client, &result));
        }
        match result {
            Ok(Done::Link(link)) => self.links.push(link),
            Ok(Done::Nothing | Done::Text(_)) => {}
            Err(error) if is_ordinary(&error) => {}
            Err(error) => return Err(format!("{client}: {operation:?} fails: {error}")),
        }
        self.clients[client].arm(-1);
        Ok(())
    }

    /// A client's process ends wherever it is, and starts again from its disk.
    async fn kill(&mut self, index: usize) -> Result<(), String> {
        self.outcome.kills += 1;
        self.note(|| format!("{index}: killed and started again"));
        let lost = self.in_flight.extract_if(.., |request| request.client == index);
        self.late.extend(lost.map(|request| request.ask));
        let client = self.clients.remove(index);
        let client = client.restart().await.map_err(|error| format!("{index} does not start again: {error}"))?;
        self.clients.insert(index, client);
        Ok(())
    }

    /// Starts an operation of some client that has nothing to do.
    async fn start_something(&mut self) -> Result<(), String> {
        let idle: Vec<usize> = self.clients.iter().filter(|c| c.running.is_none()).map(|c| c.index).collect();
        let Some(index) = self.rng.choice(idle) else { return Ok(()) };
        let views = self.views(index).await?;
        let active = views.iter().rfind(|view| view.status == Status::Active).map(|view| view.number);
        let joining = views.iter().rfind(|view| view.status == Status::Joining).map(|view| view.number);
        let operation = match (active, joining) {
            (Some(alliance), _) => self.member_operation(index, alliance),
            (None, Some(alliance)) => Operation::Sync { alliance },
            (None, None) => match self.rng.choice(&self.links) {
                Some(link) => Operation::Join { link: link.clone() },
                None => return Ok(()),
            },
        };
        if self.rng.u32(0..100) < 6 {
            let commits = self.rng.i64(0..6);
            self.clients[index].arm(commits);
        }
        self.start(index, operation).await
    }

    fn member_operation(&mut self, index: usize, alliance: AllianceNumber) -> Operation {
        let somebody = format!("Member {}", self.pick_client());
        match self.rng.u32(0..100) {
            0..40 => Operation::Send { alliance, text: format!("{index} says its number {}", self.sent.len()) },
            40..68 => Operation::Sync { alliance },
            68..74 => Operation::Rotate { alliance },
            74..82 => Operation::Invite { alliance, role: self.role() },
            82..92 => Operation::Approve { alliance },
            92..95 => Operation::Remove { alliance, member: somebody },
            95..99 => Operation::SetRole { alliance, member: somebody, role: self.role() },
            _ => Operation::Leave { alliance },
        }
    }

    fn role(&mut self) -> Role {
        match self.rng.u8(0..6) {
            0 => Role::Observer,
            1..4 => Role::Member,
            _ => Role::Organiser,
        }
    }

    async fn start(&mut self, index: usize, operation: Operation) -> Result<(), String> {
        self.note(|| format!("{index}: {operation:?} begins"));
        if let Operation::Send { text, .. } = &operation {
            self.sent.insert(text.clone(), Sent::begun(index));
        }
        self.clients[index].start(operation, &self.address);
        self.settle().await
    }

    /// Carries an operation out with a network that works.
    async fn calmly(&mut self, index: usize, operation: Operation) -> Result<(), String> {
        self.start(index, operation).await?;
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), String> {
        for _ in 0..ANSWERS_MAX {
            let Some(request) = self.in_flight.pop() else { return Ok(()) };
            self.answer(request).await?;
        }
        Err("somebody asks the relay without end".to_owned())
    }

    /// Nothing goes wrong any more: everybody must come to rest, and agree.
    async fn heal(&mut self) -> Result<(), String> {
        self.note(|| "the network heals".to_owned());
        self.relay.is_full = false;
        for client in &self.clients {
            client.clock.skew.store(0, Ordering::Relaxed);
            client.arm(-1);
        }
        self.drain().await?;
        for ask in std::mem::take(&mut self.late) {
            drop(self.relay.answer(&ask));
        }
        let mut before = None;
        for _ in 0..ROUNDS_MAX {
            for index in 0..self.clients.len() {
                for view in self.views(index).await? {
                    if matches!(view.status, Status::Active | Status::Joining) {
                        self.calmly(index, Operation::Sync { alliance: view.number }).await?;
                    }
                }
            }
            let now = self.relay.frames();
            if before == Some(now) {
                return Ok(());
            }
            before = Some(now);
        }
        Err("the alliance does not come to rest".to_owned())
    }

    async fn views(&self, index: usize) -> Result<Vec<AllianceView>, String> {
        engine(&self.clients[index])?.alliances().await.map_err(|error| error.to_string())
    }

    async fn active(&self, index: usize) -> Result<Option<AllianceNumber>, String> {
        let views = self.views(index).await?;
        Ok(views.iter().rfind(|view| view.status == Status::Active).map(|view| view.number))
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        self.log.push(format!("{:4} {line}", self.log.len()));
    }
}

fn engine(client: &Client) -> Result<&Engine, String> {
    client.engine.as_deref().ok_or_else(|| format!("{} is down", client.index))
}

fn describe(ask: &Ask) -> String {
    let short = |address: &twiza_protocol::MailboxAddress| address.to_string().chars().take(6).collect::<String>();
    match ask {
        Ask::Open(address) => format!("open {}", short(address)),
        Ask::Append { address, closing: true, .. } => format!("close {}", short(address)),
        Ask::Append { address, .. } => format!("append {}", short(address)),
        Ask::Read { address, after } => format!("read {} after {}", short(address), after.0),
    }
}

/// Errors that a schedule like this one may bring about; every other is a fault of ours.
fn is_ordinary(error: &ClientError) -> bool {
    use ClientError as E;
    match error {
        E::Relay(error) => error.is_retryable() || error.code().is_some(),
        E::NotActive(_) | E::NotOrganiser | E::NotPossible(_) | E::UnknownMember(_) | E::UnknownRequest(_) => true,
        E::InvitationUsed | E::InvitationExpired => true,
        _ => false,
    }
}
