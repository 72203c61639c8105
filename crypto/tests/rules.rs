//! The rules as a function of plain data: total, deterministic, and such that no sequence of permitted commits breaks
//! what an alliance must be.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use twiza_crypto::alliance::{AllianceId, AllianceRelay, AllianceState, Role, Seat};
use twiza_crypto::credential::Person;
use twiza_crypto::grant::Grant;
use twiza_crypto::identity::Identity;
use twiza_crypto::judge::{CommitFacts, Refusal, judge};
use twiza_crypto::ledger::Ledger;
use twiza_crypto::name::Name;
use twiza_crypto::rules::Rules;
use twiza_protocol::RelaySigningKey;

/// Few people and few organisations, so that arbitrary facts meet each other often.
const PEOPLE: u8 = 6;
const ORGANISATIONS: [&str; 3] = ["Nour", "Amal", "Tafat"];

fn identity(person: u8) -> Identity {
    Identity::from_bytes([person; 32])
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn organisation(of: usize) -> Name {
    name(ORGANISATIONS[of % ORGANISATIONS.len()])
}

fn relay(seed: u8) -> AllianceRelay {
    let key = RelaySigningKey::from_seed(&[seed; 32]).public();
    AllianceRelay { address: format!("twiza://relay.example/{key}").parse().expect("an address"), grant: None }
}

fn person(person: u8, of: usize) -> Person {
    Person { identity: identity(person), name: name("Somebody"), organisation: organisation(of) }
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Observer), Just(Role::Member), Just(Role::Organiser)]
}

fn any_people() -> impl Strategy<Value = Vec<Identity>> {
    vec((0..PEOPLE).prop_map(identity), 0..3)
}

fn any_state() -> impl Strategy<Value = AllianceState> {
    let seats = proptest::collection::btree_map(0..PEOPLE, (any_role(), 0..3_usize), 0..6);
    (seats, 1..3_u8, 1..3_u8).prop_map(|(seats, first_relay, id)| AllianceState {
        id: AllianceId::from_bytes([id; 32]),
        generation: 0,
        name: name("Tawiza"),
        seats: seats
            .into_iter()
            .map(|(person, (role, of))| Seat { identity: identity(person), role, organisation: organisation(of) })
            .collect(),
        relays: vec![relay(first_relay)],
        rules: Rules::default(),
        ledger: Ledger::default(),
        claim: None,
        founding: None,
    })
}

/// Of those added, who is removed as well, as they were before.
fn readmitted(removed: &[Identity], added: &[Person]) -> Vec<Person> {
    added.iter().filter(|person| removed.contains(&person.identity)).cloned().collect()
}

fn any_facts() -> impl Strategy<Value = CommitFacts> {
    let added = vec((0..PEOPLE, 0..3_usize).prop_map(|(who, of)| person(who, of)), 0..3);
    let author_after = proptest::option::of((0..PEOPLE, 0..3_usize).prop_map(|(who, of)| person(who, of)));
    let others = (proptest::bool::weighted(0.1), proptest::option::weighted(0.9, any_state()));
    ((0..PEOPLE, 0..3_usize), author_after, added, any_people(), any_people(), others).prop_map(
        |((author, of), author_after, added, removed, departed, (other_proposals, after))| CommitFacts {
            author: person(author, of),
            author_after,
            readmitted: readmitted(&removed, &added),
            added,
            removed,
            departed,
            other_proposals,
            motion: None,
            after,
        },
    )
}

/// A wish of some member, honest or not, that is turned into facts against the state of the moment.
#[derive(Debug, Clone)]
struct Attempt {
    author: u8,
    added: Vec<(u8, Role, usize)>,
    removed: Vec<u8>,
    departed: Vec<u8>,
    role: Option<(u8, Role)>,
    /// Seats that a cheat puts in or takes out without leaves to match.
    smuggled: Option<(u8, Role, usize)>,
    dropped: Option<u8>,
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let rarely = |strategy| proptest::option::weighted(0.15, strategy);
    (
        0..PEOPLE,
        vec((0..PEOPLE, any_role(), 0..3_usize), 0..2),
        vec(0..PEOPLE, 0..2),
        vec(0..PEOPLE, 0..2),
        proptest::option::of((0..PEOPLE, any_role())),
        rarely((0..PEOPLE, any_role(), 0..3_usize).boxed()),
        proptest::option::weighted(0.15, 0..PEOPLE),
    )
        .prop_map(|(author, added, removed, departed, role, smuggled, dropped)| Attempt {
            author,
            added,
            removed,
            departed,
            role,
            smuggled,
            dropped,
        })
}

/// Who has a leaf, and for which organisation: what MLS would say, kept apart from the alliance's state.
type Leaves = BTreeMap<u8, usize>;

fn facts_of(attempt: &Attempt, state: &AllianceState) -> CommitFacts {
    let gone: Vec<_> = attempt.removed.iter().chain(&attempt.departed).map(|who| identity(*who)).collect();
    let mut after = state.clone().without(&gone);
    let seats = attempt.added.iter().chain(&attempt.smuggled);
    for (who, role, of) in seats.copied() {
        after = after.with_seat(Seat { identity: identity(who), role, organisation: organisation(of) });
    }
    if let Some((seat, role)) = attempt.role.and_then(|(who, role)| Some((after.seat(&identity(who))?.clone(), role))) {
        after = after.with_seat(Seat { role, ..seat });
    }
    if let Some(who) = attempt.dropped {
        after = after.without(&[identity(who)]);
    }
    CommitFacts {
        author: person(attempt.author, 0),
        author_after: None,
        added: attempt.added.iter().map(|(who, _, of)| person(*who, *of)).collect(),
        removed: attempt.removed.iter().map(|who| identity(*who)).collect(),
        readmitted: attempt
            .added
            .iter()
            .filter(|(who, ..)| attempt.removed.contains(who))
            .filter_map(|(who, ..)| Some((*who, state.seat(&identity(*who))?.organisation.clone())))
            .map(|(who, organisation)| Person { organisation, ..person(who, 0) })
            .collect(),
        departed: attempt.departed.iter().map(|who| identity(*who)).collect(),
        other_proposals: false,
        motion: None,
        after: Some(after),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn judging_is_total_and_deterministic(before in any_state(), facts in any_facts()) {
        let verdict = judge(&before, &facts);
        prop_assert_eq!(verdict, judge(&before.clone(), &facts.clone()));
        if verdict.is_ok() {
            let after = facts.after.expect("what is permitted has a state");
            prop_assert!(after.organisers() > 0);
            prop_assert_eq!(after.id, before.id);
            let address = |state: &AllianceState| state.relays.first().map(|relay| relay.address.clone());
            prop_assert_eq!(address(&after), address(&before));
        }
    }

    #[test]
    fn no_sequence_of_permitted_commits_breaks_an_alliance(attempts in vec(any_attempt(), 1..60)) {
        let mut leaves = Leaves::from([(0, 0)]);
        let mut state = AllianceState {
            id: AllianceId::from_bytes([1; 32]),
            generation: 0,
            name: name("Tawiza"),
            seats: vec![Seat { identity: identity(0), role: Role::Organiser, organisation: organisation(0) }],
            relays: vec![relay(1)],
            rules: Rules::default(),
            ledger: Ledger::default(),
            claim: None,
            founding: None,
        };
        for attempt in attempts {
            let author = state.seat(&identity(attempt.author)).map(|seat| seat.role);
            let facts = facts_of(&attempt, &state);
            let Ok(()) = judge(&state, &facts) else { continue };
            let after = facts.after.expect("what is permitted has a state");
            let changed = after != state.clone().without(&facts.departed);
            let privileged = changed || !attempt.added.is_empty() || !attempt.removed.is_empty();
            prop_assert!(!privileged || author == Some(Role::Organiser), "only an organiser changes the alliance");
            prop_assert!(author.is_some(), "only members change anything");
            for who in attempt.removed.iter().filter(|who| attempt.added.iter().any(|(added, ..)| added == *who)) {
                prop_assert_eq!(state.seat(&identity(*who)), after.seat(&identity(*who)), "who comes back is as before");
            }
            for who in attempt.removed.iter().chain(&attempt.departed) {
                prop_assert!(leaves.remove(who).is_some(), "who goes was there");
            }
            for (who, _, of) in &attempt.added {
                prop_assert!(leaves.insert(*who, *of).is_none(), "who comes was not there");
            }
            state = after;
            let seated = state.seats.iter().map(|seat| (seat.identity, seat.organisation.clone()));
            let expected = leaves.iter().map(|(who, of)| (identity(*who), organisation(*of)));
            prop_assert!(seated.eq(expected), "a seat for every leaf and a leaf for every seat");
            prop_assert!(state.organisers() > 0, "somebody can still let people in");
            let encoded = state.encode().expect("a state");
            prop_assert_eq!(AllianceState::decode(&encoded).expect("a state that members accept"), state.clone());
        }
    }
}

/// An alliance of an organiser (0), a member (1) and an observer (2).
fn three() -> AllianceState {
    let seat = |who, role| Seat { identity: identity(who), role, organisation: organisation(0) };
    AllianceState {
        id: AllianceId::from_bytes([1; 32]),
        generation: 0,
        name: name("Tawiza"),
        seats: vec![seat(0, Role::Organiser), seat(1, Role::Member), seat(2, Role::Observer)],
        relays: vec![relay(1)],
        rules: Rules::default(),
        ledger: Ledger::default(),
        claim: None,
        founding: None,
    }
}

fn rotation(author: u8) -> CommitFacts {
    CommitFacts {
        author: person(author, 0),
        author_after: Some(person(author, 0)),
        added: Vec::new(),
        removed: Vec::new(),
        readmitted: Vec::new(),
        departed: Vec::new(),
        other_proposals: false,
        motion: None,
        after: Some(three()),
    }
}

#[test]
fn each_rule_has_its_own_refusal() {
    let with = |change: &dyn Fn(&mut CommitFacts)| {
        let mut facts = rotation(0);
        change(&mut facts);
        judge(&three(), &facts)
    };
    for author in 0..3 {
        assert_eq!(judge(&three(), &rotation(author)), Ok(()), "everybody may rotate");
    }
    assert_eq!(with(&|facts| facts.author = person(5, 0)), Err(Refusal::AuthorNotMember));
    assert_eq!(with(&|facts| facts.other_proposals = true), Err(Refusal::ProposalKind));
    assert_eq!(with(&|facts| facts.author_after = Some(person(1, 0))), Err(Refusal::AuthorChanged));
    assert_eq!(with(&|facts| facts.author_after = Some(person(0, 1))), Err(Refusal::AuthorChanged));
    let renamed = Person { name: name("Somebody Else"), ..person(0, 0) };
    assert_eq!(with(&|facts| facts.author_after = Some(renamed.clone())), Err(Refusal::AuthorChanged));
    assert_eq!(with(&|facts| facts.removed = vec![identity(0)]), Err(Refusal::AuthorRemoved));
    assert_eq!(with(&|facts| facts.departed = vec![identity(0)]), Err(Refusal::AuthorRemoved));
    assert_eq!(with(&|facts| facts.after = None), Err(Refusal::StateMalformed));
    let moved = AllianceState { relays: vec![relay(2)], ..three() };
    assert_eq!(with(&|facts| facts.after = Some(moved.clone())), Err(Refusal::AnchorChanged));
    let other = AllianceState { id: AllianceId::from_bytes([2; 32]), ..three() };
    assert_eq!(with(&|facts| facts.after = Some(other.clone())), Err(Refusal::AnchorChanged));
    assert_eq!(with(&|facts| facts.added = vec![person(1, 0)]), Err(Refusal::AddedTwice));
    assert_eq!(with(&|facts| facts.added = vec![person(4, 0), person(4, 0)]), Err(Refusal::AddedTwice));
    assert_eq!(with(&|facts| facts.removed = vec![identity(4)]), Err(Refusal::RemovedStranger));
    assert_eq!(with(&|facts| facts.removed = vec![identity(1), identity(1)]), Err(Refusal::RemovedStranger));
    assert_eq!(with(&|facts| facts.removed = vec![identity(1)]), Err(Refusal::SeatsMismatch));
    assert_eq!(with(&|facts| facts.added = vec![person(4, 0)]), Err(Refusal::SeatsMismatch));
    let renamed = AllianceState { name: name("Another"), ..three() };
    let granted = three().with_grant(Some(Grant::new("autumn").expect("a grant")));
    for changed in [renamed, granted] {
        let by = |author: u8| CommitFacts { after: Some(changed.clone()), ..rotation(author) };
        assert_eq!(judge(&three(), &by(1)), Err(Refusal::NotOrganiser));
        assert_eq!(judge(&three(), &by(0)), Ok(()));
    }
    let nobody = three().with_seat(Seat { role: Role::Member, ..three().seats[0].clone() });
    assert_eq!(with(&|facts| facts.after = Some(nobody.clone())), Err(Refusal::NoOrganiser));
}

#[test]
fn a_readmission_is_an_organisers_and_changes_nothing_else() {
    let back = |author: u8| CommitFacts {
        added: vec![person(1, 0)],
        removed: vec![identity(1)],
        readmitted: vec![person(1, 0)],
        ..rotation(author)
    };
    let with = |change: &dyn Fn(&mut CommitFacts)| {
        let mut facts = back(0);
        change(&mut facts);
        judge(&three(), &facts)
    };
    assert_eq!(judge(&three(), &back(0)), Ok(()), "an organiser lets a member in with new keys");
    assert_eq!(judge(&three(), &back(2)), Err(Refusal::NotOrganiser), "an observer does not");
    assert_eq!(judge(&three(), &back(1)), Err(Refusal::AuthorRemoved), "nobody readmits itself");
    assert_eq!(
        with(&|facts| facts.added = vec![person(2, 0)]),
        Err(Refusal::AddedTwice),
        "one goes and another comes, who has a leaf"
    );
    assert_eq!(
        with(&|facts| facts.added = vec![person(4, 0)]),
        Err(Refusal::SeatsMismatch),
        "somebody else does not get the seat"
    );
    let promoted = three().with_seat(Seat { role: Role::Organiser, ..three().seats[1].clone() });
    assert_eq!(
        with(&|facts| facts.after = Some(promoted.clone())),
        Err(Refusal::ReadmittedChanged),
        "another role on the way"
    );
    let renamed = Person { name: name("Somebody Else"), ..person(1, 0) };
    assert_eq!(with(&|facts| facts.added = vec![renamed.clone()]), Err(Refusal::ReadmittedChanged));
    assert_eq!(with(&|facts| facts.added = vec![person(1, 1)]), Err(Refusal::SeatsMismatch), "another organisation");
    let leaves = |facts: &mut CommitFacts| {
        facts.removed.clear();
        facts.departed = vec![identity(1)];
    };
    assert_eq!(with(&leaves), Err(Refusal::AddedTwice), "whoever wants to leave is let go");
    let next = AllianceState { generation: 1, ..three() };
    assert_eq!(with(&|facts| facts.after = Some(next.clone())), Err(Refusal::AnchorChanged), "no commit reboots");
}
