//! What must hold in every state, and what must come about in some.

use crate::member::{Entry, Member, Stage, Status, Want};
use crate::relay::{Body, members_of};
use crate::{Action, Scenario, State};
use stateright::{Model, Property};

/// Of two members' histories, one is the beginning of the other.
pub const ONE_HISTORY: &str = "all read the same, in the same order";
/// Of two members' epochs, one follows from the other.
pub const NO_FORK: &str = "an epoch has one successor at most";
/// No text is twice in anybody's history.
pub const ONCE: &str = "no text is read twice";
/// Nobody reads what was said in an epoch that it is not in.
pub const MEMBERS_ONLY: &str = "nobody reads an epoch that it is not in";
/// Only who may removes, and only who said so leaves.
pub const RULES: &str = "membership changes by the rules only";
/// Where nobody can go on, everybody has everything.
pub const CONVERGES: &str = "where nobody can go on, nothing is missing";

/// Reached: the second epoch.
pub const TWO_COMMITS: &str = "two commits, one after the other";
/// Reached: a commit in a later branch.
pub const LATER_BRANCH: &str = "somebody reads in a later branch";
/// Reached: a member is out.
pub const SOMEBODY_OUT: &str = "somebody is out";
/// Reached: all branches of an epoch were spoiled.
pub const STUCK: &str = "all branches are spoiled";
/// Reached: a text that was sealed for one epoch is read in another.
pub const SEALED_AGAIN: &str = "a text that lost the race is read in a later mailbox";

pub(crate) fn all(scenario: &Scenario) -> Vec<Property<Scenario>> {
    let mut properties = vec![
        Property::always(ONE_HISTORY, |_, state: &State| pairs(state, |a, b| is_beginning(&a.history, &b.history))),
        Property::always(NO_FORK, |_, state: &State| pairs(state, |a, b| is_beginning(&a.epoch, &b.epoch))),
        Property::always(ONCE, |_, state: &State| state.members.iter().all(|member| reads_once(&member.history))),
        Property::always(MEMBERS_ONLY, members_only),
        Property::always(RULES, by_the_rules),
        Property::always(CONVERGES, |scenario, state| !is_at_rest(scenario, state) || has_converged(scenario, state)),
    ];
    for name in scenario.reached {
        properties.push(match *name {
            TWO_COMMITS => Property::sometimes(TWO_COMMITS, |_, state: &State| {
                state.members.iter().any(|member| member.epoch.len() == 2)
            }),
            LATER_BRANCH => Property::sometimes(LATER_BRANCH, |_, state: &State| {
                state.members.iter().any(|member| member.history.iter().any(|entry| entry.address.branch > 0))
            }),
            SOMEBODY_OUT => Property::sometimes(SOMEBODY_OUT, |_, state: &State| some_status(state, Status::Out)),
            STUCK => Property::sometimes(STUCK, |_, state: &State| some_status(state, Status::Stuck)),
            other => Property::sometimes(other, |_, state: &State| {
                state.members.iter().flat_map(|member| &member.history).any(|entry| !entry.address.epoch.is_empty())
            }),
        });
    }
    properties
}

fn pairs(state: &State, holds: impl Fn(&Member, &Member) -> bool) -> bool {
    state.members.iter().all(|a| state.members.iter().all(|b| holds(a, b)))
}

fn some_status(state: &State, status: Status) -> bool {
    state.members.iter().any(|member| member.status == status)
}

fn is_beginning<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}

fn reads_once(history: &[Entry]) -> bool {
    history.iter().enumerate().all(|(place, entry)| {
        !history.iter().take(place).any(|before| (before.author, before.text) == (entry.author, entry.text))
    })
}

fn members_only(scenario: &Scenario, state: &State) -> bool {
    let founders = scenario.wants.len();
    state
        .members
        .iter()
        .enumerate()
        .all(|(index, member)| member.history.iter().all(|entry| members_of(&entry.address.epoch, founders).has(index)))
}

fn by_the_rules(scenario: &Scenario, state: &State) -> bool {
    let founders = scenario.wants.len();
    let wished = |index: usize| scenario.wants[index].contains(&Want::Leave);
    let allowed = |epoch: &[crate::relay::Commit]| {
        epoch.iter().enumerate().all(|(place, commit)| {
            let before = members_of(&epoch[..place], founders);
            let removal = commit.removed.is_none_or(|gone| scenario.organisers[commit.author] && before.has(gone));
            let departures = (0..founders).all(|index| !commit.departed.has(index) || wished(index));
            before.has(commit.author) && removal && departures
        })
    };
    state.members.iter().all(|member| allowed(&member.epoch))
}

/// Whether nothing happens any more by itself. Every step of progress is towards such a state (a wish is sealed once a
/// mailbox, a frame acknowledged once, a place read once, and mailboxes are as many as commits and invalid closing frames),
/// so every life that nothing disturbs any more ends in one.
fn is_at_rest(scenario: &Scenario, state: &State) -> bool {
    let mut actions = Vec::new();
    scenario.actions(state, &mut actions);
    !actions.into_iter().filter(Action::is_progress).any(|action| scenario.next_state(state, action).is_some())
}

/// Whoever is in the last epoch is there and has done what it wanted, whoever is not is out, and every text that anybody
/// may take for said was read once by all members of its epoch.
fn has_converged(scenario: &Scenario, state: &State) -> bool {
    let founders = scenario.wants.len();
    let Some(last) = state.members.iter().map(|member| &member.epoch).max_by_key(|epoch| epoch.len()) else {
        return true;
    };
    let inside = members_of(last, founders);
    let placed = |member: &Member| (member.epoch.len(), member.branch, member.cursor);
    let places: Vec<_> = state.members.iter().filter(|member| member.is_active()).map(placed).collect();
    let settled = state.members.iter().enumerate().all(|(index, member)| {
        let status = if inside.has(index) { Status::Active } else { Status::Out };
        member.status == status && !member.has_open_wishes()
    });
    settled && places.windows(2).all(|pair| pair[0] == pair[1]) && nothing_is_lost(scenario, state)
}

fn nothing_is_lost(scenario: &Scenario, state: &State) -> bool {
    let founders = scenario.wants.len();
    let has = |member: &Member, author: usize, text: u8| {
        member.history.iter().filter(|entry| (entry.author, entry.text) == (author, text)).count()
    };
    let stored = state.relay.mailboxes.iter().all(|(address, frames)| {
        frames.iter().all(|frame| match &frame.body {
            Body::Text(text) => (0..founders)
                .filter(|index| members_of(&address.epoch, founders).has(*index))
                .all(|index| has(&state.members[index], frame.author, *text) == 1),
            _ => true,
        })
    });
    let said = state.members.iter().enumerate().all(|(index, member)| {
        member.wishes.iter().all(|wish| match (wish.want, &wish.stage) {
            (Want::Text(text), Stage::Done) => has(member, index, text) == 1,
            // Who is out was told which of its texts nobody reads; nobody else has one.
            (Want::Text(_), _) => member.status == Status::Out,
            _ => true,
        })
    });
    stored && said
}
