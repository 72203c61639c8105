//! What people were told, and whom the kills hit.

use crate::victim::Ending;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a command takes, before any was seen to end.
const FIRST_GUESS: Duration = Duration::from_millis(200);

/// What the sender of a text was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// Nothing: it was killed before.
    Nothing,
    /// That it is sent.
    Sent,
    /// That it waits.
    Waits,
    /// That it cannot be sent.
    Refused,
}

/// A text, by whom, and what that person was told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) person: usize,
    pub(crate) told: Told,
}

/// Everything that has to be remembered of a run; shared by all who act.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    texts: Mutex<BTreeMap<String, Sent>>,
    /// Texts that a command showed to somebody.
    shown: Mutex<Vec<(usize, String)>>,
    killed: Mutex<BTreeMap<String, usize>>,
    commands: AtomicUsize,
    under_way: AtomicUsize,
    /// How long commands take that do what they are to.
    took: Mutex<BTreeMap<&'static str, Duration>>,
    epochs: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Another text, which nobody has said before.
    pub(crate) fn new_text(&self, person: usize) -> String {
        let mut texts = lock(&self.texts);
        let text = format!("text {}", texts.len());
        texts.insert(text.clone(), Sent { person, told: Told::Nothing });
        text
    }

    /// What the sender of a text was told.
    pub(crate) fn tell(&self, person: usize, text: &str, told: Told) {
        lock(&self.texts).insert(text.to_owned(), Sent { person, told });
    }

    pub(crate) fn show(&self, person: usize, text: &str) {
        lock(&self.shown).push((person, text.to_owned()));
    }

    pub(crate) fn texts(&self) -> BTreeMap<String, Sent> {
        lock(&self.texts).clone()
    }

    pub(crate) fn shown(&self) -> Vec<(usize, String)> {
        lock(&self.shown).clone()
    }

    pub(crate) fn begins(&self) {
        self.commands.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn ends(&self, what: &'static str, ending: &Ending) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if ending.killed {
            *lock(&self.killed).entry(format!("client: {what}")).or_default() += 1;
        } else if ending.code == Some(0) {
            let mut took = lock(&self.took);
            let known = took.entry(what).or_insert(ending.took);
            *known = (*known * 3 + ending.took) / 4;
        }
    }

    pub(crate) fn relay_is_killed(&self) {
        let doing = match self.under_way.load(Ordering::SeqCst) {
            0 => "relay: nobody asks",
            1 => "relay: one command under way",
            _ => "relay: several commands under way",
        };
        *lock(&self.killed).entry(doing.to_owned()).or_default() += 1;
    }

    /// About how long such a command takes.
    pub(crate) fn usual(&self, what: &'static str) -> Duration {
        lock(&self.took).get(what).copied().unwrap_or(FIRST_GUESS)
    }

    pub(crate) fn kills(&self) -> usize {
        lock(&self.killed).values().sum()
    }

    pub(crate) fn epoch(&self, epoch: u64) {
        *lock(&self.epochs) = epoch;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = lock(&self.texts);
        let told = |told| texts.values().filter(|sent| sent.told == told).count();
        writeln!(f, "{} kills in {} commands:", self.kills(), self.commands.load(Ordering::SeqCst))?;
        for (what, count) in lock(&self.killed).iter() {
            writeln!(f, "  {count:4} {what}")?;
        }
        write!(
            f,
            "{} texts: {} told to be sent, {} to wait, {} refused, {} killed untold; {} epochs",
            texts.len(),
            told(Told::Sent),
            told(Told::Waits),
            told(Told::Refused),
            told(Told::Nothing),
            lock(&self.epochs),
        )
    }
}
