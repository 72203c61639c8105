//! A member: what its store keeps, what is in its memory only, and each of its steps. The rules are those of
//! `client/src/engine` and `crypto/src/judge.rs`, without everything that does not matter for agreement.

use crate::relay::{Address, Body, Commit, Epoch, Frame, Post, Set, members_of};
use crate::{Mistake, Scenario};

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    /// To say something, by its number.
    Text(u8),
    /// To remove somebody.
    Remove(usize),
    /// New keys; carries out departures.
    Rotate,
    /// To leave.
    Leave,
}

/// How far a wish is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nothing was sealed for it.
    Queued,
    /// Sealed for a mailbox.
    Sealed {
        /// The same octets at each attempt to post.
        frame: Frame,
        /// Whether the relay's receipt is stored.
        receipt: bool,
    },
    /// One's own wish to leave was read back; somebody else's commit carries it out.
    Noted,
    /// It has happened.
    Done,
    /// It cannot happen any more, and that was told.
    Failed,
}

/// An intent in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wish {
    /// What is wanted.
    pub want: Want,
    /// How far it is.
    pub stage: Stage,
}

impl Wish {
    fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Done | Stage::Failed)
    }

    fn is_commit(&self) -> bool {
        matches!(self.want, Want::Remove(_) | Want::Rotate)
    }
}

/// Whether somebody takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Yes.
    Active,
    /// No: a commit took this member out.
    Out,
    /// All branches of an epoch were spoiled.
    Stuck,
}

/// A text in somebody's history, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The mailbox.
    pub address: Address,
    /// Its place there.
    pub sequence: u8,
    /// Whose.
    pub author: usize,
    /// Which.
    pub text: u8,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Whether it takes part.
    pub status: Status,
    /// The epoch it is in.
    pub epoch: Epoch,
    /// The branch that it reads.
    pub branch: u8,
    /// Frames of it that were read.
    pub cursor: u8,
    /// Wishes to leave that were read in this mailbox.
    pub noted: Set,
    /// The outbox.
    pub wishes: Vec<Wish>,
    /// What was read.
    pub history: Vec<Entry>,
    attempts: u8,
    /// In memory: the wish whose frame waits for an answer.
    waiting: Option<usize>,
    /// In memory, by mistake: a sealed wish that is not stored.
    unstored: Option<usize>,
}

impl Member {
    pub(crate) fn new(wants: &[Want]) -> Self {
        Self {
            status: Status::Active,
            epoch: Epoch::new(),
            branch: 0,
            cursor: 0,
            noted: Set::default(),
            wishes: wants.iter().map(|want| Wish { want: *want, stage: Stage::Queued }).collect(),
            history: Vec::new(),
            attempts: 0,
            waiting: None,
            unstored: None,
        }
    }

    /// Whether it takes part.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Whether anything is still to be done.
    #[must_use]
    pub fn has_open_wishes(&self) -> bool {
        self.wishes.iter().any(Wish::is_open)
    }

    /// The mailbox that it reads.
    #[must_use]
    pub fn address(&self) -> Address {
        Address { epoch: self.epoch.clone(), branch: self.branch }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    pub(crate) fn has_memory(&self) -> bool {
        self.waiting.is_some() || self.unstored.is_some()
    }

    /// Seals the first wish whose time has come, in one step with everything that belongs to it.
    pub(crate) fn seal(&mut self, own: usize, scenario: &Scenario) -> bool {
        if !self.is_active() {
            return false;
        }
        self.wish_to_carry_out_departures(own);
        let committing = self.wishes.iter().any(|wish| wish.is_commit() && matches!(wish.stage, Stage::Sealed { .. }));
        let ready = |wish: &Wish| match wish.want {
            Want::Text(_) => self.noted.is_empty(),
            Want::Leave => true,
            Want::Remove(_) | Want::Rotate => !committing,
        };
        let found = self.wishes.iter().position(|wish| wish.stage == Stage::Queued && ready(wish));
        let Some(index) = found else { return false };
        self.wishes[index].stage = match self.body(own, index, scenario) {
            Err(stage) => stage,
            Ok(body) => {
                self.attempts += 1;
                let frame = Frame { author: own, attempt: self.attempts, body };
                if scenario.makes(Mistake::PostBeforeStoring) {
                    self.unstored = Some(index);
                }
                Stage::Sealed { frame, receipt: false }
            }
        };
        if scenario.makes(Mistake::MergeBeforeReceipt) && self.wishes[index].is_commit() {
            self.merge_unread(own, index, scenario);
        }
        true
    }

    /// What a wish becomes under the present state, or where it ends at once.
    fn body(&mut self, own: usize, index: usize, scenario: &Scenario) -> Result<Body, Stage> {
        let members = members_of(&self.epoch, scenario.wants.len());
        let leaving = self.noted.has(own);
        match self.wishes[index].want {
            Want::Text(text) => Ok(Body::Text(text)),
            Want::Leave if leaving => Err(Stage::Noted),
            Want::Leave if self.leaves_no_organiser(own, scenario) => Err(Stage::Failed),
            Want::Leave => {
                if scenario.makes(Mistake::OwnWishFirst) {
                    self.noted = self.noted.with(own);
                }
                Ok(Body::Leave)
            }
            _ if leaving => Err(Stage::Failed),
            Want::Remove(other) if !members.has(other) => Err(Stage::Done),
            Want::Remove(other) => {
                let commit = Body::Commit { removed: Some(other), departed: self.noted };
                let valid = self.judge(own, &commit, scenario);
                if valid { Ok(commit) } else { Err(Stage::Failed) }
            }
            Want::Rotate => Ok(Body::Commit { removed: None, departed: self.noted }),
        }
    }

    /// Whoever can carries out departures, by a commit that changes nothing else.
    fn wish_to_carry_out_departures(&mut self, own: usize) {
        let waits = self.wishes.iter().any(|wish| wish.is_open() && (wish.is_commit() || wish.want == Want::Leave));
        if !self.noted.is_empty() && !self.noted.has(own) && !waits {
            self.wishes.push(Wish { want: Want::Rotate, stage: Stage::Queued });
        }
    }

    fn leaves_no_organiser(&self, leaver: usize, scenario: &Scenario) -> bool {
        let members = members_of(&self.epoch, scenario.wants.len()).without(self.noted.with(leaver));
        !has_organiser(members, scenario)
    }

    /// The same verdict for everybody who has read as far.
    fn judge(&self, author: usize, commit: &Body, scenario: &Scenario) -> bool {
        let Body::Commit { removed, departed } = commit else { return false };
        let members = members_of(&self.epoch, scenario.wants.len());
        let after = members.without(*departed);
        let after = removed.map_or(after, |gone| after.without(Set::default().with(gone)));
        // What was not read cannot be processed, whatever the rules say.
        let processable = departed.is_within(self.noted) && after.has(author);
        let allowed = removed.is_none_or(|gone| scenario.organisers[author] && members.has(gone));
        processable && (scenario.makes(Mistake::NobodyJudges) || (allowed && has_organiser(after, scenario)))
    }

    /// The oldest frame without a receipt.
    pub(crate) fn next_post(&self) -> Option<(Post, usize)> {
        let waits = |wish: &Wish| matches!(&wish.stage, Stage::Sealed { receipt: false, .. });
        let index = self.wishes.iter().position(waits).filter(|_| self.is_active())?;
        let Stage::Sealed { frame, .. } = &self.wishes[index].stage else { return None };
        Some((Post { address: self.sealed_for(frame), frame: frame.clone() }, index))
    }

    /// Frames are sealed for the mailbox that is read: what was sealed for another is queued again when it ends. (Whoever
    /// merges too early is in the next epoch before its commit has left.)
    fn sealed_for(&self, frame: &Frame) -> Address {
        let made =
            self.epoch.last().is_some_and(|commit| commit.author == frame.author && commit.attempt == frame.attempt);
        match self.epoch.split_last() {
            Some((_, before)) if made => Address { epoch: before.to_vec(), branch: 0 },
            _ => self.address(),
        }
    }

    pub(crate) fn wait_for(&mut self, wish: usize) {
        self.waiting = Some(wish);
    }

    pub(crate) fn take_receipt(&mut self) -> bool {
        let Some(index) = self.waiting.take() else { return false };
        self.unstored = None;
        if let Stage::Sealed { receipt, .. } = &mut self.wishes[index].stage {
            *receipt = true;
        }
        true
    }

    pub(crate) fn lose_answer(&mut self, scenario: &Scenario) {
        let Some(index) = self.waiting.take() else { return };
        if scenario.makes(Mistake::SealAgainWithoutAnswer) {
            self.wishes[index].stage = Stage::Queued;
        }
    }

    pub(crate) fn crash(&mut self) {
        self.waiting = None;
        if let Some(index) = self.unstored.take() {
            self.wishes[index].stage = Stage::Queued;
        }
    }

    /// Takes the next frame of the mailbox; history, place and group change in one step.
    pub(crate) fn read(&mut self, own: usize, frame: &Frame, scenario: &Scenario) {
        let sequence = self.cursor;
        self.cursor += 1;
        let is_own = |wish: &Wish| matches!(&wish.stage, Stage::Sealed { frame: sealed, .. } if sealed == frame);
        let wish = self.wishes.iter().position(is_own);
        if wish.is_some() && wish == self.unstored {
            self.unstored = None;
        }
        match &frame.body {
            // One's own message that one does not know any more cannot be decrypted.
            Body::Text(_) if frame.author == own && wish.is_none() => {}
            Body::Text(text) => {
                let entry = Entry { address: self.address(), sequence, author: frame.author, text: *text };
                self.history.push(entry);
                self.set_stage(wish, Stage::Done);
            }
            Body::Leave => self.note(own, frame.author, wish, scenario),
            Body::Commit { removed, departed } => {
                let known = frame.author != own || wish.is_some();
                if known && self.judge(frame.author, &frame.body, scenario) {
                    let commit =
                        Commit { author: frame.author, attempt: frame.attempt, removed: *removed, departed: *departed };
                    self.set_stage(wish, Stage::Done);
                    self.enter(own, commit, scenario);
                } else {
                    self.branch_off(scenario);
                }
            }
            Body::Junk => self.branch_off(scenario),
        }
    }

    fn set_stage(&mut self, wish: Option<usize>, stage: Stage) {
        if let Some(index) = wish {
            self.wishes[index].stage = stage;
        }
    }

    /// A wish to leave counts from its place in the mailbox, unless nobody would be left to organise.
    fn note(&mut self, own: usize, author: usize, wish: Option<usize>, scenario: &Scenario) {
        let counted = author == own && self.noted.has(own);
        if !counted && self.leaves_no_organiser(author, scenario) {
            self.set_stage(wish, Stage::Failed);
        } else {
            self.noted = self.noted.with(author);
            self.set_stage(wish, Stage::Noted);
        }
    }

    /// A commit ended the epoch.
    fn enter(&mut self, own: usize, commit: Commit, scenario: &Scenario) {
        self.epoch.push(commit);
        self.start_mailbox(0, scenario);
        let inside = members_of(&self.epoch, scenario.wants.len()).has(own);
        if !inside && !scenario.makes(Mistake::RemovedFollows) {
            self.status = Status::Out;
            for wish in self.wishes.iter_mut().filter(|wish| wish.is_open()) {
                wish.stage = if wish.want == Want::Leave { Stage::Done } else { Stage::Failed };
            }
        }
    }

    /// The closing frame was no valid commit: the epoch goes on in the next branch.
    fn branch_off(&mut self, scenario: &Scenario) {
        let branch = self.branch + 1;
        if branch >= scenario.branches || scenario.makes(Mistake::SingleWinner) {
            self.status = Status::Stuck;
        }
        self.start_mailbox(branch, scenario);
    }

    /// What was sealed for the last mailbox and was not read there is sealed again.
    fn start_mailbox(&mut self, branch: u8, scenario: &Scenario) {
        (self.branch, self.cursor, self.noted) = (branch, 0, Set::default());
        self.unstored = None;
        for wish in &mut self.wishes {
            if matches!(wish.stage, Stage::Sealed { .. } | Stage::Noted) {
                let forgotten = scenario.makes(Mistake::ForgetWhatRaced) && matches!(wish.want, Want::Text(_));
                wish.stage = if forgotten { Stage::Failed } else { Stage::Queued };
            }
        }
    }

    /// The mistake of taking one's own commit over before the relay has ordered it.
    fn merge_unread(&mut self, own: usize, index: usize, scenario: &Scenario) {
        let Stage::Sealed { frame, .. } = self.wishes[index].stage.clone() else { return };
        let Body::Commit { removed, departed } = frame.body else { return };
        let sealed = self.wishes[index].stage.clone();
        self.enter(own, Commit { author: own, attempt: frame.attempt, removed, departed }, scenario);
        self.wishes[index].stage = sealed;
    }
}

fn has_organiser(members: Set, scenario: &Scenario) -> bool {
    scenario.organisers.iter().enumerate().any(|(index, organiser)| *organiser && members.has(index))
}
