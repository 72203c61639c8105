//! What happens, in which order: every choice is the seed's.

use super::cheat::{CLOSINGS_MAX, Cheat, Forged, Forger, Memory};
use super::client::{Operation, name_of};
use super::lies::Lie;
use super::network::unreachable;
use super::relay::Ask;
use super::run::{Run, describe};
use super::{PROFILES, Scenario};
use std::sync::atomic::Ordering;
use twiza_client::engine::AllianceNumber;
use twiza_client::store::alliances::Status;
use twiza_crypto::alliance::Role;

const STEPS: usize = 260;
pub(super) const DAY_SECONDS: u64 = 24 * 3600;

/// How long after it was made a relay takes a request (`docs/protocol.md`).
const REQUEST_SECONDS: u64 = 600;

/// Steps in a hundred that belong to the scenario.
const SCENARIO_PERCENT: u32 = 5;

/// People whom the relay does not see for longer than it keeps mailboxes: the others go on without them.
const AWAY_MAX: usize = 2;

impl Run {
    pub(super) async fn live(&mut self) -> Result<(), String> {
        self.calmly(0, Operation::Found).await?;
        let newcomers = self.rng.usize(1..3);
        if self.scenario == Scenario::Cheats {
            self.cheats = (1..=self.rng.usize(1..=newcomers)).collect();
        }
        for newcomer in 1..=newcomers {
            let role = if self.cheats.contains(&newcomer) { self.role() } else { Role::Organiser };
            self.admit(newcomer, role).await?;
        }
        for _ in 0..STEPS {
            self.step().await?;
        }
        self.end().await
    }

    /// Lets somebody in while nothing goes wrong.
    async fn admit(&mut self, newcomer: usize, role: Role) -> Result<(), String> {
        let alliance = self.active(0).await?.ok_or("the founder has no alliance")?;
        self.calmly(0, Operation::Invite { alliance, role }).await?;
        let link = self.links.pop().ok_or("no invitation")?;
        self.calmly(newcomer, Operation::Join { link }).await?;
        self.calmly(0, Operation::Approve { alliance }).await?;
        let number = self.views(newcomer).await?.first().map(|view| view.number).ok_or("no request")?;
        self.calmly(newcomer, Operation::Sync { alliance: number }).await
    }

    /// One decision of the schedule.
    async fn step(&mut self) -> Result<(), String> {
        if self.rng.u32(0..100) < SCENARIO_PERCENT {
            return match self.scenario {
                Scenario::Programs => self.start_or_end_second_program().await,
                Scenario::Cheats => self.cheat().await,
                Scenario::Absence => self.let_days_pass().await,
                Scenario::Lies => self.lie(),
            };
        }
        match self.rng.u32(0..100) {
            0..2 => self.let_time_pass(),
            2..5 => {
                let index = self.pick_program();
                self.kill(index).await?;
            }
            5..7 if !self.late.is_empty() => {
                let place = self.rng.usize(0..self.late.len());
                let (asker, ask) = self.late.swap_remove(place);
                self.note(|| "a late copy arrives".to_owned());
                // Nobody waits for the answer any more.
                drop(self.relay.answer(asker, &ask));
            }
            7..8 => {
                self.relay.is_full = !self.relay.is_full;
                self.count("relay full, or emptied");
                self.note(|| "the relay's disk fills, or is emptied".to_owned());
            }
            8..40 => self.start_something().await?,
            _ if self.in_flight.is_empty() => self.start_something().await?,
            _ => self.deliver().await?,
        }
        Ok(())
    }

    fn pick_profile(&mut self) -> usize {
        self.rng.usize(0..PROFILES)
    }

    fn pick_program(&mut self) -> usize {
        let up: Vec<usize> = self.programs.iter().filter(|one| one.engine.is_some()).map(|one| one.index).collect();
        self.rng.choice(up).unwrap_or_default()
    }

    fn let_time_pass(&mut self) {
        let passed = if self.rng.u8(0..4) == 0 { self.rng.u64(0..DAY_SECONDS) } else { self.rng.u64(0..3600) };
        self.pass(passed);
        let index = self.pick_program();
        let days = i64::try_from(2 * DAY_SECONDS).unwrap_or_default();
        let skew = self.rng.i64(-days..days);
        self.programs[index].clock.skew.store(skew, Ordering::Relaxed);
        self.note(|| format!("{passed} s pass; a clock of {index} is wrong by {skew} s"));
    }

    /// Requests carry the time: those that took longer on their way are refused.
    fn pass(&mut self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
        if seconds > REQUEST_SECONDS {
            self.late.clear();
        }
    }

    async fn start_or_end_second_program(&mut self) -> Result<(), String> {
        let index = PROFILES + self.pick_profile();
        if self.programs[index].engine.is_some() {
            return self.kill(index).await;
        }
        self.count("second program started");
        self.note(|| format!("{index}: started beside {}", index - PROFILES));
        self.programs[index].open().await.map_err(|error| format!("{index} does not start: {error}"))
    }

    /// Days pass, in which somebody may go away or come back.
    async fn let_days_pass(&mut self) -> Result<(), String> {
        // Everybody who is there reads to the end first: without it, one seed in 300 is broken still (see docs/convergence.md).
        self.relay.is_full = false;
        self.finish_what_began().await?;
        self.synchronise().await?;
        // No request is good for days: whoever waits for an answer gets none, wherever it stands.
        while let Some(request) = self.in_flight.pop() {
            self.lose(request).await?;
        }
        let passed = self.rng.u64(1..8);
        self.pass(passed * DAY_SECONDS);
        let profile = self.pick_profile();
        if !self.away.remove(&profile) && self.away.len() < AWAY_MAX {
            self.away.insert(profile);
            self.count("somebody goes away");
        }
        let away = self.away.clone();
        self.note(|| format!("{passed} days pass; {away:?} are away"));
        Ok(())
    }

    fn lie(&mut self) -> Result<(), String> {
        let lie = self.lie_of_run();
        if self.relay.lie(lie, &mut self.rng) {
            self.count(lie.name());
            self.note(|| format!("the relay: {lie:?}"));
        }
        Ok(())
    }

    pub(super) fn lie_of_run(&self) -> Lie {
        let count = Lie::ALL.len() as u64;
        Lie::ALL[usize::try_from(self.seed % count).unwrap_or_default()]
    }

    /// A cheat puts something into its mailbox.
    async fn cheat(&mut self) -> Result<(), String> {
        let Some(&profile) = self.rng.choice(&self.cheats) else { return Ok(()) };
        let (true, Some(alliance)) = (self.programs[profile].is_idle(), self.active(profile).await?) else {
            return Ok(());
        };
        let insider = self.engine(profile)?.insider(alliance).await.map_err(|error| error.to_string())?;
        let epoch = insider.group.epoch();
        let Some(cheat) = self.rng.choice(Cheat::ALL) else { return Ok(()) };
        self.remember(&insider.keys);
        let mut forger = Forger { insider, rng: self.rng.fork() };
        // Whoever is leaving, for one, cannot make a commit: its client would not let it either.
        let Ok(forged) = forger.forge(cheat, &self.memories) else { return Ok(()) };
        self.memories.push(Memory { keys: forger.insider.keys, epoch, closing: None });
        self.note(|| format!("{profile} cheats in epoch {epoch}: {cheat:?}"));
        self.put(profile, cheat, forged);
        Ok(())
    }

    /// Looks up how the mailboxes ended that cheats have been to.
    fn remember(&mut self, present: &twiza_crypto::epoch::EpochKeys) {
        for memory in
            self.memories.iter_mut().filter(|memory| memory.keys.mailbox.address() != present.mailbox.address())
        {
            let closing = self.relay.shelf.closing_frame(&memory.keys.mailbox.address());
            memory.closing = memory.closing.take().or_else(|| closing.map(<[u8]>::to_vec));
        }
    }

    fn put(&mut self, profile: usize, cheat: Cheat, forged: Forged) {
        let Forged { address, epoch, frames, closing, convicts, unreadable } = forged;
        if closing && self.expected.refusals.get(&epoch).is_some_and(|all| all.len() >= CLOSINGS_MAX) {
            return;
        }
        for frame in frames {
            let answer = self.relay.answer(profile, &Ask::Append { address, frame, closing });
            let said = answer.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
            self.note(|| format!("{profile}: forged for {}: {said}", describe(&Ask::Open(address))));
            if answer.is_err() {
                return;
            }
            self.count(cheat.name());
            if closing {
                self.expected.refusals.entry(epoch).or_default().push(convicts.then(|| name_of(profile)));
            }
            if unreadable {
                *self.expected.unreadable.entry(epoch).or_default() += 1;
            }
        }
    }

    /// Decides what becomes of one request in flight.
    async fn deliver(&mut self) -> Result<(), String> {
        let place = self.rng.usize(0..self.in_flight.len());
        let request = self.in_flight.swap_remove(place);
        match self.rng.u32(0..100) {
            0..8 => self.lose(request).await,
            8..18 => {
                self.count("answer lost");
                let (program, ask) = (request.program, request.ask);
                self.note(|| format!("{program}: {} is done, the answer lost", describe(&ask)));
                drop(self.relay.answer(program, &ask));
                self.reply(request.reply, Err(unreachable())).await
            }
            18..23 => {
                self.count("request repeated");
                self.late.push((request.program, request.ask.clone()));
                self.answer(request).await
            }
            23..24 => {
                self.count("relay restarted");
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

    /// Starts an operation of some program that has nothing to do.
    async fn start_something(&mut self) -> Result<(), String> {
        let idle = self.programs.iter().filter(|one| one.is_idle() && !self.away.contains(&one.profile));
        let idle: Vec<usize> = idle.map(|one| one.index).collect();
        let Some(index) = self.rng.choice(idle) else { return Ok(()) };
        let views = self.views(index).await?;
        let active = views.iter().rfind(|view| view.status == Status::Active).map(|view| view.number);
        let waits = |status: Status| matches!(status, Status::Joining | Status::Lost | Status::Stuck);
        let joining = views.iter().rfind(|view| waits(view.status)).map(|view| view.number);
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
            self.programs[index].arm(commits);
        }
        self.start(index, operation).await
    }

    fn member_operation(&mut self, index: usize, alliance: AllianceNumber) -> Operation {
        let somebody = name_of(self.pick_profile());
        match self.rng.u32(0..100) {
            0..40 => Operation::Send { alliance, text: format!("{index} says its number {}", self.sent.len()) },
            40..68 => Operation::Sync { alliance },
            68..74 => Operation::Rotate { alliance },
            74..82 => Operation::Invite { alliance, role: self.role() },
            82..92 => Operation::Approve { alliance },
            92..95 => Operation::Remove { alliance, member: somebody },
            95..98 => Operation::SetRole { alliance, member: somebody, role: self.role() },
            98 => Operation::SetGrant { alliance, grant: format!("grant {}", self.sent.len()) },
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
}
