//! The scenarios: small alliances in which everything meets that has ever gone wrong.

use crate::member::Want::{Leave, Remove, Rotate, Text};
use crate::properties::{
    CONVERGES, LATER_BRANCH, MEMBERS_ONLY, NO_FORK, ONCE, ONE_HISTORY, RULES, SEALED_AGAIN, SOMEBODY_OUT, STUCK,
    TWO_COMMITS,
};
use crate::{Faults, Mistake, Scenario};

const CALM: Faults = Faults { lost: 0, late: 0, crashes: 0, cheats: 0 };

/// Two speak and both rotate, on a bad network.
#[must_use]
pub fn speaking() -> Scenario {
    Scenario {
        name: "two speak and rotate",
        organisers: vec![true, true],
        wants: vec![vec![Text(1), Rotate, Text(2)], vec![Text(1), Rotate]],
        cheat: None,
        faults: Faults { lost: 2, late: 1, crashes: 1, ..CALM },
        branches: 3,
        mistake: None,
        reached: &[TWO_COMMITS, SEALED_AGAIN],
    }
}

/// A member spoils branches while it is removed and another speaks.
#[must_use]
pub fn cheating() -> Scenario {
    Scenario {
        name: "a cheat is removed",
        organisers: vec![true, false, false],
        wants: vec![vec![Remove(2)], vec![Text(1)], vec![]],
        cheat: Some(2),
        faults: Faults { lost: 1, cheats: 2, ..CALM },
        branches: 3,
        mistake: None,
        reached: &[LATER_BRANCH, SOMEBODY_OUT, SEALED_AGAIN],
    }
}

/// Both organisers and a member want to leave; one of the organisers cannot.
#[must_use]
pub fn leaving() -> Scenario {
    Scenario {
        name: "everybody wants to leave",
        organisers: vec![true, true, false],
        wants: vec![vec![Leave], vec![Text(1), Leave], vec![Leave]],
        cheat: None,
        faults: Faults { lost: 1, ..CALM },
        branches: 3,
        mistake: None,
        reached: &[SOMEBODY_OUT],
    }
}

/// Two organisers remove each other, and a member speaks meanwhile.
#[must_use]
pub fn removing_each_other() -> Scenario {
    Scenario {
        name: "two organisers remove each other",
        organisers: vec![true, true, false],
        wants: vec![vec![Remove(1), Text(1)], vec![Remove(0)], vec![Text(1)]],
        cheat: None,
        faults: Faults { lost: 1, crashes: 1, ..CALM },
        branches: 3,
        mistake: None,
        reached: &[SOMEBODY_OUT, SEALED_AGAIN],
    }
}

/// Two organisers remove the same member, who wants to leave anyway.
#[must_use]
pub fn removing_a_leaver() -> Scenario {
    Scenario {
        name: "two remove one who leaves",
        organisers: vec![true, true, false],
        wants: vec![vec![Remove(2), Text(1)], vec![Remove(2)], vec![Leave]],
        cheat: None,
        faults: Faults { lost: 1, late: 1, ..CALM },
        branches: 3,
        mistake: None,
        reached: &[SOMEBODY_OUT, SEALED_AGAIN],
    }
}

/// As many invalid closing frames as there are branches: what only a reboot mends.
#[must_use]
pub fn all_branches_spoiled() -> Scenario {
    Scenario {
        name: "all branches spoiled",
        organisers: vec![true, false],
        wants: vec![vec![Rotate], vec![]],
        cheat: Some(1),
        faults: Faults { cheats: 2, ..CALM },
        branches: 2,
        mistake: None,
        reached: &[STUCK],
    }
}

/// The scenarios in which everything must hold.
#[must_use]
pub fn all() -> Vec<Scenario> {
    vec![speaking(), cheating(), leaving(), removing_each_other(), removing_a_leaver()]
}

/// Each mistake, in a scenario where it shows, and a property that it breaks.
#[must_use]
pub fn mistakes() -> Vec<(Scenario, Mistake, &'static str)> {
    vec![
        (speaking(), Mistake::MergeBeforeReceipt, NO_FORK),
        (leaving(), Mistake::OwnWishFirst, CONVERGES),
        (cheating(), Mistake::SingleWinner, CONVERGES),
        (speaking(), Mistake::PostBeforeStoring, ONE_HISTORY),
        (speaking(), Mistake::SealAgainWithoutAnswer, ONCE),
        (speaking(), Mistake::ForgetWhatRaced, CONVERGES),
        (speaking(), Mistake::RelayRepeats, ONCE),
        (removing_each_other(), Mistake::RelayNeverCloses, CONVERGES),
        (cheating(), Mistake::RemovedFollows, MEMBERS_ONLY),
        (cheating(), Mistake::NobodyJudges, RULES),
    ]
}
