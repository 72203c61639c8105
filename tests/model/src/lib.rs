//! A model of what keeps members together (the rule of branches, and the outbox), small enough to be checked in every
//! state that it can reach:
//!
//! ```sh
//! cargo run -p twiza-model     # all scenarios, then all deliberate mistakes, with the number of states
//! cargo test -p twiza-model    # the same as tests
//! ```
//!
//! ```text
//! member: wish ─▶ sealed (one step, stored) ─▶ posted ─▶ receipt (stored) ─▶ read back: done
//!                                                │            │
//! faults:                       arrives after the client gave up; answer lost; crash: memory gone, store kept
//! relay:  one append-only list a (epoch, branch); closed once; a repeated frame is the same frame
//! cheat:  closes any branch of an epoch that it knows with what is no commit, or is one against the rules
//! ```
//!
//! An epoch *is* the commits that lead to it, so two epochs are the same only if their whole history is; whether a member
//! may read follows from them. What MLS and the ciphers do is taken for granted: who is not in an epoch cannot derive its
//! address, one's own messages cannot be decrypted, a pending commit is merged or gone.
//!
//! Not modelled: joining, a relay that lies or loses, commits that are valid for some only, a client that is restored
//! from an old backup. `tests/tests/simulation.rs` runs the real engine through lives of chance; this crate runs a model
//! through all lives, but short ones. [`Mistake`]s show that it can fail.

pub mod member;
pub mod properties;
pub mod relay;
pub mod scenario;

use member::{Member, Want};
use relay::{Address, Body, Frame, Post, Relay};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::collections::BTreeSet;

/// A deliberate mistake in the protocol, to see that the checker finds what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// One's own commit is taken over when it is made, and not when it is read back.
    MergeBeforeReceipt,
    /// A wish to leave counts for its author from when it is made, and not from its place in the mailbox.
    OwnWishFirst,
    /// An epoch has one mailbox: if its closing frame is invalid, that was it.
    SingleWinner,
    /// A frame is posted before it is stored: a crash forgets it.
    PostBeforeStoring,
    /// A lost answer is taken for a refusal, and the wish is sealed anew.
    SealAgainWithoutAnswer,
    /// A text that lost the race against a commit is forgotten instead of sealed again.
    ForgetWhatRaced,
    /// The relay stores a repeated frame once more.
    RelayRepeats,
    /// The relay goes on after a closing frame, and gives receipts for what nobody will read.
    RelayNeverCloses,
    /// A removal leaves the epoch's secret as it is: the removed member can follow.
    RemovedFollows,
    /// Receivers do not judge: any commit that MLS can process is taken.
    NobodyJudges,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A member seals the next wish and stores what it sealed.
    Seal(usize),
    /// A member posts its oldest frame without a receipt; the relay takes it, and the answer is on its way.
    Post(usize),
    /// The answer arrives and is stored.
    Receipt(usize),
    /// The answer is lost.
    Lose(usize),
    /// A member posts, and gives up before the request arrives; it arrives at any time later.
    Delay(usize),
    /// A delayed request arrives.
    Arrive(usize),
    /// A member's program dies: its memory is gone, its store stays.
    Crash(usize),
    /// A member reads the next frame of its mailbox, and stores all that follows from it in one step.
    Read(usize),
    /// The cheat closes a branch of its epoch, by this.
    Cheat(u8, Body),
}

impl Action {
    /// Whether it happens by itself where nothing goes wrong.
    #[must_use]
    pub const fn is_progress(&self) -> bool {
        matches!(self, Self::Seal(_) | Self::Post(_) | Self::Receipt(_) | Self::Read(_))
    }
}

/// Faults that may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Answers that get lost.
    pub lost: u8,
    /// Requests that arrive late.
    pub late: u8,
    /// Crashes.
    pub crashes: u8,
    /// Invalid closing frames.
    pub cheats: u8,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The members, as they are stored, and what each has in memory.
    pub members: Vec<Member>,
    /// The relay.
    pub relay: Relay,
    /// Requests that their senders gave up and that are still on their way.
    pub delayed: Vec<Post>,
    /// What may still go wrong.
    pub faults: Faults,
}

/// A few members, their wishes, and what may go wrong.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// Who is an organiser.
    pub organisers: Vec<bool>,
    /// What each member wants, in this order.
    pub wants: Vec<Vec<Want>>,
    /// Who cheats, if anybody does. Its program is honest apart from that.
    pub cheat: Option<usize>,
    /// What may go wrong.
    pub faults: Faults,
    /// Branches that members follow in one epoch.
    pub branches: u8,
    /// A deliberate mistake.
    pub mistake: Option<Mistake>,
    /// What must come about in some life, or the scenario says nothing.
    pub reached: &'static [&'static str],
}

impl Scenario {
    /// The same with a mistake in it.
    #[must_use]
    pub fn with(mut self, mistake: Mistake) -> Self {
        self.mistake = Some(mistake);
        self.reached = &[];
        self
    }

    pub(crate) fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Visits every state.
    #[must_use]
    pub fn check(self) -> Outcome {
        self.check_until(HasDiscoveries::All)
    }

    /// Visits states until this property is found broken. With a mistake in it there may be no end of them.
    #[must_use]
    pub fn check_for(self, property: &'static str) -> Outcome {
        self.check_until(HasDiscoveries::AnyOf(BTreeSet::from([property])))
    }

    fn check_until(self, found: HasDiscoveries) -> Outcome {
        let checker = self.checker().threads(1).finish_when(found).spawn_bfs().join();
        let discoveries = checker.discoveries();
        let always = |name: &str| !checker.model().reached.contains(&name);
        let mut broken: Vec<_> = discoveries
            .iter()
            .filter(|(name, _)| always(name))
            .map(|(name, path)| (*name, path.clone().into_actions()))
            .collect();
        broken.sort_by_key(|(name, _)| *name);
        let reached = &checker.model().reached;
        let unreached = reached.iter().filter(|name| !discoveries.contains_key(*name)).copied().collect();
        Outcome { states: checker.unique_state_count(), steps: checker.max_depth(), broken, unreached }
    }
}

/// What came of visiting every state.
#[derive(Debug)]
pub struct Outcome {
    /// Different states.
    pub states: usize,
    /// Steps of the longest of the shortest ways to a state.
    pub steps: usize,
    /// Properties that do not hold, each with the shortest life in which it does not.
    pub broken: Vec<(&'static str, Vec<Action>)>,
    /// What should come about in some life and does not.
    pub unreached: Vec<&'static str>,
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let members = self.wants.iter().map(|wants| Member::new(wants)).collect();
        vec![State { members, relay: Relay::default(), delayed: Vec::new(), faults: self.faults }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let faults = state.faults;
        for (index, member) in state.members.iter().enumerate() {
            if member.is_waiting() {
                actions.push(Action::Receipt(index));
                actions.extend((faults.lost > 0).then_some(Action::Lose(index)));
            } else {
                actions.extend([Action::Seal(index), Action::Post(index), Action::Read(index)]);
                actions.extend((faults.late > 0).then_some(Action::Delay(index)));
            }
            actions.extend((faults.crashes > 0 && member.has_memory()).then_some(Action::Crash(index)));
        }
        actions.extend((0..state.delayed.len()).map(Action::Arrive));
        if self.cheat.is_some() && faults.cheats > 0 {
            for branch in 0..self.branches {
                actions.extend(self.lies().into_iter().map(|lie| Action::Cheat(branch, lie)));
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let changed = match action {
            Action::Seal(index) => state.members[index].seal(index, self),
            Action::Post(index) => state.post(index, self),
            Action::Receipt(index) => state.members[index].take_receipt(),
            Action::Lose(index) => state.lose(index, self),
            Action::Delay(index) => state.delay(index),
            Action::Arrive(index) => state.arrive(index, self),
            Action::Crash(index) => state.crash(index),
            Action::Read(index) => state.read(index, self),
            Action::Cheat(branch, lie) => state.cheat(branch, lie, self),
        };
        changed.then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}

impl Scenario {
    /// What the cheat closes mailboxes with: junk, and a removal that it has no right to.
    fn lies(&self) -> Vec<Body> {
        vec![Body::Junk, Body::Commit { removed: Some(0), departed: relay::Set::default() }]
    }
}

impl State {
    fn post(&mut self, index: usize, scenario: &Scenario) -> bool {
        let Some((post, wish)) = self.members[index].next_post() else { return false };
        // A refusal changes nothing: the member reads on.
        let taken = self.relay.append(&post, scenario);
        if taken {
            self.members[index].wait_for(wish);
        }
        taken
    }

    fn lose(&mut self, index: usize, scenario: &Scenario) -> bool {
        self.faults.lost -= 1;
        self.members[index].lose_answer(scenario);
        true
    }

    fn delay(&mut self, index: usize) -> bool {
        let Some((post, _)) = self.members[index].next_post() else { return false };
        self.faults.late -= 1;
        self.delayed.push(post);
        true
    }

    fn arrive(&mut self, index: usize, scenario: &Scenario) -> bool {
        let post = self.delayed.remove(index);
        self.relay.append(&post, scenario);
        true
    }

    fn crash(&mut self, index: usize) -> bool {
        self.faults.crashes -= 1;
        self.members[index].crash();
        true
    }

    fn read(&mut self, index: usize, scenario: &Scenario) -> bool {
        let member = &mut self.members[index];
        let Some(placed) = self.relay.at(&member.address(), member.cursor) else { return false };
        member.is_active() && {
            member.read(index, placed, scenario);
            true
        }
    }

    fn cheat(&mut self, branch: u8, lie: Body, scenario: &Scenario) -> bool {
        let Some(index) = scenario.cheat else { return false };
        self.faults.cheats -= 1;
        let member = &self.members[index];
        let digest = u8::MAX - self.faults.cheats;
        let address = Address { epoch: member.epoch.clone(), branch };
        let frame = Frame { author: index, attempt: digest, body: lie };
        self.relay.append(&Post { address, frame }, scenario)
    }
}
