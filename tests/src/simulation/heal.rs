//! The end of a run: nothing goes wrong any more, everybody must come to rest, and the oracle is asked.

use super::client::Operation;
use super::oracle::{self, Case};
use super::run::Run;
use super::witness::Witness;
use super::{PROFILES, Promise, Scenario};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use twiza_client::engine::{AllianceView, LOOK_BACK_AFTER_SECONDS, Outbox, RECOVERY_AFTER_SECONDS};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::Event;

/// Rounds of synchronising after which everybody must agree.
const ROUNDS_MAX: usize = 30;

/// Answers in a network that works, after which somebody asks without end.
const ANSWERS_MAX: usize = 20_000;

/// Requests that one operation may take in a network that works, besides those for each frame and each mailbox that
/// there is to read: whatever cheats and relays put there, the work is bounded by its amount.
const REQUESTS_BASE: usize = 60;

/// Requests for each mailbox: to open it, to read it, to see that it ended, to seal for it and to read back.
const REQUESTS_PER_MAILBOX: usize = 8;

impl Run {
    pub(super) async fn end(&mut self) -> Result<(), String> {
        self.heal().await?;
        self.come_to_rest().await?;
        if self.scenario == Scenario::Absence {
            self.come_back().await?;
        }
        if self.scenario == Scenario::Lies {
            self.exchange_messages().await?;
        }
        self.judge().await
    }

    async fn judge(&mut self) -> Result<(), String> {
        let mut witnesses = Vec::new();
        for index in 0..PROFILES {
            witnesses.extend(Witness::of(index, self.engine(index)?).await.map_err(|error| error.to_string())?);
        }
        self.outcome.frames = self.relay.shelf.frames();
        self.outcome.requests = self.relay.answered;
        self.outcome.texts = self.sent.len();
        self.outcome.told = self.told.len();
        self.outcome.epoch = witnesses.iter().map(|witness| witness.view.epoch).max().unwrap_or_default();
        let let_in =
            witnesses.iter().flat_map(Witness::events).filter(|(_, e)| matches!(e, Event::Rejoined { .. })).count();
        for _ in 0..let_in {
            self.count("somebody is let in again");
        }
        let expected = (self.scenario != Scenario::Lies).then_some(&self.expected);
        let nobody = BTreeSet::new();
        let lost = if self.scenario == Scenario::Absence { &self.lost } else { &nobody };
        let is_said_again = matches!(self.scenario, Scenario::Absence | Scenario::Lies);
        let case = Case { witnesses: &witnesses, sent: &self.sent, expected, lost, is_said_again };
        let mut is_told_alone = false;
        let judged = match self.scenario {
            Scenario::Lies => match self.lie_of_run().promise() {
                // Two sides that each removed the other's author stay apart, and are told.
                Promise::Healed if witnesses.iter().any(Witness::is_apart) => oracle::check_detected(&case, &self.told),
                Promise::Detected => oracle::check_detected(&case, &self.told),
                Promise::Healed => match oracle::check(&case) {
                    // What only somebody knew who is out by now, nobody puts back; who read on without it was told.
                    Err(_) if witnesses.iter().any(Witness::is_out) => {
                        is_told_alone = true;
                        oracle::check_detected(&case, &self.told)
                    }
                    checked => checked,
                },
            },
            _ => oracle::check(&case),
        };
        if is_told_alone {
            self.count("told, and not healed: whoever knew more is out");
        }
        judged
    }

    /// Carries an operation out with a network that works.
    pub(super) async fn calmly(&mut self, index: usize, operation: Operation) -> Result<(), String> {
        let asked = self.relay.answered;
        self.start(index, operation).await?;
        self.drain(asked).await
    }

    async fn drain(&mut self, asked: usize) -> Result<(), String> {
        while let Some(request) = self.in_flight.pop() {
            self.answer(request).await?;
            let bound = REQUESTS_BASE + self.relay.shelf.frames() + REQUESTS_PER_MAILBOX * self.relay.shelf.mailboxes();
            if self.relay.answered - asked > bound {
                return Err(format!("somebody asks the relay more than {bound} times for one thing"));
            }
        }
        Ok(())
    }

    /// From now on the network works, and the relay tells the truth.
    async fn heal(&mut self) -> Result<(), String> {
        self.note(|| "the network heals".to_owned());
        self.relay.is_full = false;
        self.relay.repent();
        self.away.clear();
        for program in &self.programs {
            program.clock.skew.store(0, Ordering::Relaxed);
            program.arm(-1);
        }
        self.finish_what_began().await?;
        for (asker, ask) in std::mem::take(&mut self.late) {
            drop(self.relay.answer(asker, &ask));
        }
        Ok(())
    }

    /// Answers everything until nobody asks any more.
    pub(super) async fn finish_what_began(&mut self) -> Result<(), String> {
        for _ in 0..ANSWERS_MAX {
            let Some(request) = self.in_flight.pop() else { return Ok(()) };
            self.answer(request).await?;
        }
        Err("somebody asks the relay without end".to_owned())
    }

    async fn come_to_rest(&mut self) -> Result<(), String> {
        let mut before = None;
        for _ in 0..ROUNDS_MAX {
            // What clients look after from time to time, they look after now.
            self.now.fetch_add(LOOK_BACK_AFTER_SECONDS.max(RECOVERY_AFTER_SECONDS), Ordering::Relaxed);
            self.synchronise().await?;
            let now = self.standing().await?;
            if before.as_ref() == Some(&now) {
                return Ok(());
            }
            before = Some(now);
        }
        Err("the alliance does not come to rest".to_owned())
    }

    /// How everybody stands: where it reads, how much it has read, and what waits to be sent. (What lies at the relay may
    /// grow all the same: whoever is lost asks again from hour to hour.)
    async fn standing(&self) -> Result<Vec<(u64, Status, usize, Outbox)>, String> {
        let mut standing = Vec::new();
        for index in 0..PROFILES {
            let witnesses = Witness::of(index, self.engine(index)?).await.map_err(|error| error.to_string())?;
            let stands = |one: &Witness| (one.view.epoch, one.view.status, one.entries.len(), one.outbox);
            standing.extend(witnesses.iter().map(stands));
        }
        Ok(standing)
    }

    /// Everybody who is there synchronises.
    pub(super) async fn synchronise(&mut self) -> Result<(), String> {
        let up = self.programs.iter().filter(|one| one.engine.is_some() && !self.away.contains(&one.profile));
        let up: Vec<usize> = up.map(|one| one.index).collect();
        for index in up {
            for view in self.views(index).await? {
                if matches!(view.status, Status::Active | Status::Joining | Status::Lost | Status::Stuck) {
                    self.calmly(index, Operation::Sync { alliance: view.number }).await?;
                }
            }
        }
        Ok(())
    }

    /// Where the relay has forgotten the place of all, those who read furthest say that they go on. Whoever is behind
    /// the others asks to be let in again; nobody can answer where all others are lost or leaving.
    async fn come_back(&mut self) -> Result<(), String> {
        let members = self.members().await?;
        let latest = members.iter().map(|(_, view)| view.epoch).max();
        let is_lost =
            |(profile, view): &&(usize, AllianceView)| view.status == Status::Lost || self.lost.contains(profile);
        let lost: Vec<_> = members.iter().filter(is_lost).cloned().collect();
        let all = lost.len() == members.len();
        for (profile, view) in lost {
            let alliance = view.number;
            let goes_on = all && Some(view.epoch) == latest;
            self.count(if goes_on { "a silent alliance goes on" } else { "somebody asks to be let in again" });
            let operation = if goes_on { Operation::Reopen { alliance } } else { Operation::Rejoin { alliance } };
            self.calmly(profile, operation).await?;
        }
        self.come_to_rest().await
    }

    async fn members(&self) -> Result<Vec<(usize, AllianceView)>, String> {
        let mut members = Vec::new();
        for profile in 0..PROFILES {
            let views = self.views(profile).await?.into_iter();
            members.extend(
                views.filter(|view| matches!(view.status, Status::Active | Status::Lost)).map(|view| (profile, view)),
            );
        }
        Ok(members)
    }

    /// Everybody who can say something says it, and everybody reads.
    async fn exchange_messages(&mut self) -> Result<(), String> {
        for (profile, view) in self.members().await?.into_iter().filter(|(_, view)| view.status == Status::Active) {
            let text = format!("{profile} asks whether everybody is there");
            self.calmly(profile, Operation::Send { alliance: view.number, text }).await?;
        }
        self.come_to_rest().await
    }
}
