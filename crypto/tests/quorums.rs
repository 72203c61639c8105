//! Rules that ask for several organisations, as a function of plain data: what needs which approvals, and that no
//! sequence of permitted commits escapes them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::collections::BTreeSet;
use twiza_crypto::alliance::{AllianceId, AllianceRelay, AllianceState, Claim, Role, Seat};
use twiza_crypto::credential::Person;
use twiza_crypto::grant::{Grant, ReplacedGrant};
use twiza_crypto::identity::Identity;
use twiza_crypto::judge::{CommitFacts, Refusal, judge};
use twiza_crypto::ledger::{Ledger, Spent};
use twiza_crypto::motion::{Action, Admission, Motion, MotionId, VerifiedMotion};
use twiza_crypto::name::Name;
use twiza_crypto::rules::{Allotment, Quorums, Rules, Succession};
use twiza_protocol::RelaySigningKey;

const PEOPLE: u8 = 9;
const TODAY: u32 = 20_000;

fn identity(person: u8) -> Identity {
    Identity::from_bytes([person; 32])
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Whoever has this number is always of the same organisation: 0, 4 and 8 of Nour, 1 and 5 of Amal, and so on.
fn organisation(person: u8) -> Name {
    name(["Nour", "Amal", "Tafat", "Tilelli"][usize::from(person % 4)])
}

fn person(number: u8) -> Person {
    Person { identity: identity(number), name: name("Somebody"), organisation: organisation(number) }
}

fn seat(number: u8, role: Role) -> Seat {
    Seat { identity: identity(number), role, organisation: organisation(number) }
}

fn admission(number: u8, role: Role) -> Admission {
    Admission::of(&person(number), role)
}

/// Organisers 0, 1 and 2 of three organisations; members 3 of a fourth, 4 of the first and 5 of the second.
fn alliance(rules: Rules) -> AllianceState {
    let key = RelaySigningKey::from_seed(&[9; 32]).public();
    let address = format!("twiza://relay.example/{key}").parse().expect("an address");
    let role = |number| if number < 3 { Role::Organiser } else { Role::Member };
    AllianceState {
        id: AllianceId::from_bytes([1; 32]),
        generation: 0,
        name: name("Tawiza"),
        seats: (0..6).map(|number| seat(number, role(number))).collect(),
        relays: vec![AllianceRelay { address, grant: None }],
        rules,
        ledger: Ledger { day: TODAY, spent: Vec::new() },
        claim: None,
        founding: None,
    }
}

fn two_of_three() -> Rules {
    Rules { quorums: Quorums::all(2), ..Rules::default() }
}

fn succession() -> Rules {
    let succession = Succession { silence_days: 30, waiting_days: 7, organisations: 3 };
    Rules { succession: Some(succession), ..two_of_three() }
}

fn motion(id: u8, action: Action) -> Motion {
    Motion { id: MotionId::from_bytes([id; 16]), expires: TODAY + 14, action }
}

/// A motion for a grant of an alliance that has `replaced`.
fn set_grant(replaced: Option<Grant>, grant: Option<Grant>) -> Action {
    Action::SetGrant(ReplacedGrant::of(replaced.as_ref()).expect("a digest"), grant)
}

fn grant() -> Grant {
    Grant::new("autumn").expect("a grant")
}

/// A rotation.
fn facts(author: u8, state: &AllianceState) -> CommitFacts {
    let mut after = state.clone();
    if state.seat(&identity(author)).is_some_and(|seat| seat.role == Role::Organiser) {
        after.claim = None;
    }
    CommitFacts {
        author: person(author),
        author_after: Some(person(author)),
        added: Vec::new(),
        removed: Vec::new(),
        departed: Vec::new(),
        readmitted: Vec::new(),
        other_proposals: false,
        motion: None,
        after: Some(after),
    }
}

/// What an action does, without the motion that allows it.
fn doing(author: u8, state: &AllianceState, action: &Action) -> Option<CommitFacts> {
    let rotation = facts(author, state);
    let base = rotation.after.clone().expect("a state");
    let mut facts = CommitFacts { after: Some(action.applied(state, &base)?), ..rotation };
    match action {
        Action::Add(people) => facts.added = people.iter().map(Admission::person).collect(),
        Action::Remove(people) => facts.removed = people.clone(),
        _ => {}
    }
    Some(facts)
}

/// An honest commit of a motion, but for who approved it.
fn enacting(author: u8, state: &AllianceState, motion: &Motion, approvers: &[u8], day: u32) -> Option<CommitFacts> {
    let mut facts = doing(author, state, &motion.action)?;
    let after = facts.after.as_mut()?;
    if let Action::Claim(appointee) = motion.action {
        after.claim = Some(Claim { id: motion.id, appointee });
    }
    after.ledger.day = day;
    after.ledger.spent.retain(|spent| spent.expires >= day);
    after.ledger.spent.push(Spent { id: motion.id, expires: motion.expires });
    after.ledger.spent.sort_by_key(|spent| spent.id);
    let approvers = approvers.iter().copied().map(identity).collect();
    facts.motion = Some(VerifiedMotion { motion: motion.clone(), approvers });
    Some(facts)
}

fn verdict(author: u8, state: &AllianceState, motion: &Motion, approvers: &[u8]) -> Result<(), Refusal> {
    judge(state, &enacting(author, state, motion, approvers, TODAY).expect("possible"))
}

#[test]
fn every_kind_of_change_asks_for_its_own_number_of_organisations() {
    let actions = [
        (Action::Add(vec![admission(7, Role::Member)]), 0),
        (Action::Remove(vec![identity(3)]), 1),
        (Action::SetRole(identity(4), Role::Observer), 2),
        (Action::SetRules(Rules::default()), 3),
        (Action::Rename(name("Tiwizi")), 4),
        (set_grant(None, Some(grant())), 4),
    ];
    for (action, kind) in &actions {
        for needed in 2..=3 {
            let mut quorums = [1; 5];
            quorums[*kind] = needed;
            let [admit, remove, roles, rules, name] = quorums;
            // The rules are never easier to change than what they protect.
            let rules = rules.max(needed);
            let quorums = Quorums { admit, remove, roles, rules, alliance: name };
            let state = alliance(Rules { quorums, ..Rules::default() });
            let alone = doing(0, &state, action).expect("possible");
            assert_eq!(judge(&state, &alone), Err(Refusal::ApprovalsMissing), "{action:?} alone");
            let motion = motion(1, action.clone());
            for approvers in [&[][..], &[0], &[1], &[0, 1], &[1, 2], &[0, 1, 2]] {
                let organisations = approvers.iter().chain(&[0]).collect::<BTreeSet<_>>().len();
                let enough = organisations >= usize::from(needed);
                let expected = if enough { Ok(()) } else { Err(Refusal::ApprovalsMissing) };
                assert_eq!(verdict(0, &state, &motion, approvers), expected, "{action:?} by {approvers:?} of {needed}");
            }
        }
    }
}

#[test]
fn only_organisers_of_different_organisations_count() {
    let state = alliance(two_of_three());
    let motion = motion(1, Action::Remove(vec![identity(3)]));
    // A member of another organisation, somebody removed long ago, and a second organiser of one's own organisation.
    assert_eq!(verdict(0, &state, &motion, &[3, 5]), Err(Refusal::ApprovalsMissing));
    assert_eq!(verdict(0, &state, &motion, &[8]), Err(Refusal::ApprovalsMissing));
    let state = state.with_seat(seat(4, Role::Organiser));
    assert_eq!(verdict(0, &state, &motion, &[4]), Err(Refusal::ApprovalsMissing));
    assert_eq!(verdict(0, &state, &motion, &[1]), Ok(()));
    // However many approved: a member cannot enact it.
    assert_eq!(verdict(5, &state, &motion, &[0, 1, 2]), Err(Refusal::NotOrganiser));
}

#[test]
fn a_commit_does_its_motion_and_nothing_else() {
    let state = alliance(two_of_three());
    let motion = motion(1, Action::Remove(vec![identity(3)]));
    let with = |change: &dyn Fn(&mut CommitFacts)| {
        let mut facts = enacting(0, &state, &motion, &[1, 2], TODAY).expect("possible");
        change(&mut facts);
        judge(&state, &facts)
    };
    assert_eq!(with(&|_| {}), Ok(()));
    let after = |change: &dyn Fn(&mut AllianceState)| with(&|facts| change(facts.after.as_mut().expect("a state")));
    assert_eq!(after(&|state| state.name = name("Other")), Err(Refusal::MotionMismatch));
    assert_eq!(after(&|state| state.rules = Rules::default()), Err(Refusal::MotionMismatch));
    assert_eq!(after(&|state| state.seats[4].role = Role::Organiser), Err(Refusal::MotionMismatch));
    assert_eq!(after(&|state| state.ledger.spent.clear()), Err(Refusal::MotionMismatch));
    assert_eq!(after(&|state| state.ledger.day += 1), Ok(()), "the day may go forward");
    assert_eq!(after(&|state| state.ledger.day -= 1), Err(Refusal::LedgerChanged));
    assert_eq!(after(&|state| state.ledger.day += 15), Err(Refusal::MotionExpired));
    let other = with(&|facts| {
        facts.removed = vec![identity(4)];
        facts.after =
            Some(facts.after.clone().expect("a state").without(&[identity(4)]).with_seat(seat(3, Role::Member)));
    });
    assert_eq!(other, Err(Refusal::MotionMismatch), "somebody else");
    // Somebody under another name than was approved.
    let add = self::motion(2, Action::Add(vec![admission(7, Role::Member)]));
    let mut facts = enacting(0, &state, &add, &[1], TODAY).expect("possible");
    assert_eq!(judge(&state, &facts), Ok(()));
    facts.added[0].name = name("Somebody Else");
    assert_eq!(judge(&state, &facts), Err(Refusal::MotionMismatch));
    // New keys for somebody, smuggled in beside it.
    let mut facts = enacting(0, &state, &add, &[1], TODAY).expect("possible");
    facts.added.push(person(4));
    facts.removed.push(identity(4));
    assert_eq!(judge(&state, &facts), Err(Refusal::MotionMismatch));
}

#[test]
fn wishes_to_leave_are_carried_out_beside_a_motion() {
    let state = alliance(two_of_three());
    for gone in [3, 4] {
        let motion = motion(1, Action::Remove(vec![identity(3)]));
        let mut facts = enacting(0, &state, &motion, &[1], TODAY).expect("possible");
        facts.departed = vec![identity(gone)];
        facts.removed.retain(|removed| *removed != identity(gone));
        facts.after = Some(facts.after.expect("a state").without(&[identity(gone)]));
        // Whoever is to be removed may also have wished to leave: then something is left to enact only if others go too.
        let expected = if gone == 3 { Err(Refusal::MotionMismatch) } else { Ok(()) };
        assert_eq!(judge(&state, &facts), expected);
    }
}

#[test]
fn a_motion_is_spent_once() {
    let mut state = alliance(two_of_three());
    let motion = motion(1, Action::SetRole(identity(4), Role::Observer));
    let facts = enacting(0, &state, &motion, &[1], TODAY).expect("possible");
    assert_eq!(judge(&state, &facts), Ok(()));
    state = facts.after.expect("a state");
    // Somebody undoes it rightly, and somebody else replays it.
    let undo = self::motion(2, Action::SetRole(identity(4), Role::Member));
    let facts = enacting(2, &state, &undo, &[1], TODAY).expect("possible");
    assert_eq!(judge(&state, &facts), Ok(()));
    state = facts.after.expect("a state");
    let mut replay = enacting(0, &state, &motion, &[1], TODAY).expect("possible");
    assert_eq!(judge(&state, &replay), Err(Refusal::MotionSpent));
    replay.after.as_mut().expect("a state").ledger = state.ledger.clone();
    assert_eq!(judge(&state, &replay), Err(Refusal::MotionSpent));
    // After its last day it is forgotten, and has expired.
    state.ledger = Ledger { day: TODAY + 15, spent: Vec::new() };
    let replay = enacting(0, &state, &motion, &[1], TODAY + 15).expect("possible");
    assert_eq!(judge(&state, &replay), Err(Refusal::MotionExpired));
}

#[test]
fn what_one_organisation_may_do_alone_takes_no_motion() {
    let state = alliance(Rules::default());
    let motion = motion(1, Action::Remove(vec![identity(3)]));
    assert_eq!(verdict(0, &state, &motion, &[1, 2]), Err(Refusal::MotionNeedless));
    // So nobody can fill the ledger or move its day alone.
    let mut moved = facts(0, &state);
    moved.after.as_mut().expect("a state").ledger.day += 1;
    assert_eq!(judge(&state, &moved), Err(Refusal::LedgerChanged));
}

#[test]
fn an_organisation_gets_and_loses_its_voice_by_what_the_rules_take() {
    // One organisation decides on roles and people, three on the rules.
    let quorums = Quorums { rules: 3, ..Quorums::all(1) };
    let state = alliance(Rules { quorums, ..Rules::default() });
    for action in [Action::SetRole(identity(3), Role::Organiser), Action::Add(vec![admission(7, Role::Organiser)])] {
        let alone = doing(0, &state, &action).expect("possible");
        assert_eq!(judge(&state, &alone), Err(Refusal::ApprovalsMissing), "{action:?}: a puppet with a voice");
        assert_eq!(verdict(0, &state, &motion(1, action.clone()), &[1, 2]), Ok(()));
    }
    let second = doing(0, &state, &Action::SetRole(identity(4), Role::Organiser)).expect("possible");
    assert_eq!(judge(&state, &second), Ok(()), "a second organiser of one's own organisation is no further voice");
}

#[test]
fn a_quorum_can_always_be_reached() {
    let mut state = alliance(Rules { quorums: Quorums::all(3), ..Rules::default() });
    for action in [
        Action::SetRole(identity(1), Role::Member),
        Action::Remove(vec![identity(2)]),
        Action::SetRules(Rules { quorums: Quorums::all(4), ..Rules::default() }),
    ] {
        let refused = verdict(0, &state, &motion(1, action.clone()), &[1, 2]);
        assert_eq!(refused, Err(Refusal::QuorumUnreachable), "{action:?}");
    }
    let mut leaving = facts(3, &state);
    leaving.departed = vec![identity(1)];
    leaving.after = Some(state.clone().without(&[identity(1)]));
    assert_eq!(judge(&state, &leaving), Err(Refusal::QuorumUnreachable));
    state.seats[5].role = Role::Organiser; // 5 is of the same organisation as 1.
    leaving.after = Some(state.clone().without(&[identity(1)]));
    assert_eq!(judge(&state, &leaving), Ok(()));
}

#[test]
fn delegates_decide_on_their_own_organisation_within_its_allotment_and_on_no_other() {
    let allotments = vec![Allotment { organisation: organisation(0), seats: 3 }];
    let state = alliance(Rules { own_delegates: true, allotments, ..two_of_three() });
    let alone = |author, state: &AllianceState, action| judge(state, &doing(author, state, &action).expect("possible"));
    assert_eq!(alone(0, &state, Action::Add(vec![admission(8, Role::Member)])), Ok(()), "the third of three");
    assert_eq!(alone(0, &state, Action::Remove(vec![identity(4)])), Ok(()));
    assert_eq!(alone(1, &state, Action::Remove(vec![identity(4)])), Err(Refusal::ApprovalsMissing), "another's");
    let another = Action::Add(vec![admission(6, Role::Member)]);
    assert_eq!(alone(0, &state, another), Err(Refusal::ApprovalsMissing), "for another organisation");
    let organiser = Action::Add(vec![admission(8, Role::Organiser)]);
    assert_eq!(alone(0, &state, organiser), Err(Refusal::ApprovalsMissing), "organisers are more than delegates");
    assert_eq!(alone(4, &state, Action::Add(vec![admission(8, Role::Member)])), Err(Refusal::NotOrganiser));
    let full = state.clone().with_seat(seat(8, Role::Observer));
    let fourth = Person { identity: identity(12), ..person(8) };
    let fourth = Action::Add(vec![Admission::of(&fourth, Role::Member)]);
    assert_eq!(alone(0, &full, fourth.clone()), Err(Refusal::AllotmentExceeded));
    // Approvals of others do not lift it either: the rules must be changed first.
    assert_eq!(verdict(1, &full, &motion(1, fourth), &[0, 2]), Err(Refusal::AllotmentExceeded));
    let allotments = vec![Allotment { organisation: organisation(0), seats: 1 }];
    let fewer = Action::SetRules(Rules { allotments, ..two_of_three() });
    assert_eq!(verdict(0, &state, &motion(1, fewer), &[1]), Err(Refusal::AllotmentExceeded), "below what is there");
}

#[test]
fn succession_takes_two_steps_by_members_of_several_organisations() {
    let mut state = alliance(succession());
    let claim = motion(1, Action::Claim(identity(3)));
    assert_eq!(verdict(5, &state, &claim, &[4]), Err(Refusal::ApprovalsMissing), "two of three organisations");
    assert_eq!(verdict(0, &state, &claim, &[3, 4, 5]), Err(Refusal::NoSuccession), "an organiser has no need of it");
    let at_once = self::motion(2, Action::Appoint(claim.id, identity(3)));
    assert!(enacting(5, &state, &at_once, &[3, 4], TODAY).is_none(), "no claim stands");
    let made = enacting(5, &state, &claim, &[3, 4], TODAY).expect("possible");
    assert_eq!(judge(&state, &made), Ok(()));
    state = made.after.expect("a state");
    // Members go on below the claim; only an organiser takes it away, and must.
    assert_eq!(judge(&state, &facts(4, &state)), Ok(()));
    let mut taken = facts(4, &state);
    taken.after.as_mut().expect("a state").claim = None;
    assert_eq!(judge(&state, &taken), Err(Refusal::NotOrganiser));
    let mut kept = facts(0, &state);
    kept.after.as_mut().expect("a state").claim = state.claim;
    assert_eq!(judge(&state, &kept), Err(Refusal::ClaimMismatch));
    assert_eq!(judge(&state, &facts(0, &state)), Ok(()), "an objection");
    // Without one, the appointee becomes an organiser.
    for (action, approvers) in [
        (Action::Appoint(claim.id, identity(3)), &[4][..]),
        (Action::Appoint(MotionId::from_bytes([9; 16]), identity(3)), &[3, 4]),
        (Action::Appoint(claim.id, identity(4)), &[3, 5]),
    ] {
        let made = enacting(5, &state, &self::motion(3, action), approvers, TODAY);
        assert!(made.is_none_or(|made| judge(&state, &made).is_err()));
    }
    let made = enacting(5, &state, &at_once, &[3, 4], TODAY).expect("possible");
    assert_eq!(judge(&state, &made), Ok(()));
    let state = made.after.expect("a state");
    assert_eq!(state.seat(&identity(3)).map(|seat| seat.role), Some(Role::Organiser));
    assert_eq!(state.claim, None);
}

#[test]
fn without_rules_for_it_there_is_no_succession() {
    let state = alliance(two_of_three());
    let claim = motion(1, Action::Claim(identity(3)));
    assert_eq!(verdict(5, &state, &claim, &[3, 4]), Err(Refusal::NoSuccession));
}

#[test]
fn rules_that_protect_nothing_or_are_out_of_bounds_are_unsound() {
    let allotment = |text, seats| Allotment { organisation: name(text), seats };
    let succession = Succession { silence_days: 30, waiting_days: 7, organisations: 2 };
    let sound = Rules {
        quorums: Quorums { rules: 3, ..Quorums::all(2) },
        allotments: vec![allotment("Amal", 3), allotment("Nour", 4)],
        succession: Some(succession),
        ..Rules::default()
    };
    assert!(sound.are_sound() && Rules::default().are_sound());
    let with_quorums = |quorums| Rules { quorums, ..sound.clone() };
    let with_allotments = |allotments| Rules { allotments, ..sound.clone() };
    let with_succession = |succession| Rules { succession: Some(succession), ..sound.clone() };
    for (what, unsound) in [
        ("easier to change than what they protect", with_quorums(Quorums { rules: 1, ..Quorums::all(2) })),
        ("nobody's approval", with_quorums(Quorums { admit: 0, ..Quorums::all(2) })),
        ("more organisations than can be asked", with_quorums(Quorums::all(33))),
        ("unsorted", with_allotments(vec![allotment("Nour", 4), allotment("Amal", 3)])),
        ("named twice", with_allotments(vec![allotment("Nour", 4), allotment("Nour", 4)])),
        ("no seat at all", with_allotments(vec![allotment("Nour", 0)])),
        ("a succession by one organisation", with_succession(Succession { organisations: 1, ..succession })),
        ("a succession without silence", with_succession(Succession { silence_days: 0, ..succession })),
        ("a succession without waiting", with_succession(Succession { waiting_days: 0, ..succession })),
    ] {
        assert!(!unsound.are_sound(), "{what}");
        let state = AllianceState { rules: unsound, ..alliance(Rules::default()) };
        assert!(AllianceState::decode(&state.encode().expect("octets")).is_err(), "{what}");
    }
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Observer), Just(Role::Member), Just(Role::Organiser)]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let quorum = || 1..=3_u8;
    let allotment = proptest::option::of(1..4_u16);
    let succession = proptest::option::of(2..=3_u8);
    ((quorum(), quorum(), quorum(), quorum(), quorum()), any::<bool>(), allotment, succession).prop_map(
        |((admit, remove, roles, rules, alliance), own_delegates, allotment, succession)| Rules {
            quorums: Quorums {
                admit,
                remove,
                roles,
                rules: rules.max(admit).max(remove).max(roles).max(alliance),
                alliance,
            },
            own_delegates,
            allotments: allotment.map(|seats| Allotment { organisation: organisation(0), seats }).into_iter().collect(),
            succession: succession.map(|organisations| Succession { silence_days: 1, waiting_days: 1, organisations }),
        },
    )
}

fn any_action() -> impl Strategy<Value = Action> {
    let who = || (0..PEOPLE).prop_map(identity);
    let maybe_grant = || proptest::option::of(Just(grant()));
    prop_oneof![
        (0..PEOPLE, any_role()).prop_map(|(who, role)| Action::Add(vec![admission(who, role)])),
        who().prop_map(|who| Action::Remove(vec![who])),
        (who(), any_role()).prop_map(|(who, role)| Action::SetRole(who, role)),
        any_rules().prop_map(Action::SetRules),
        Just(Action::Rename(name("Tiwizi"))),
        (maybe_grant(), maybe_grant()).prop_map(|(replaced, grant)| set_grant(replaced, grant)),
        who().prop_map(Action::Claim),
        (0..4_u8, who()).prop_map(|(claim, who)| Action::Appoint(MotionId::from_bytes([claim; 16]), who)),
    ]
}

/// A commit that somebody tries: with or without a motion, and sometimes with something smuggled in.
#[derive(Debug, Clone)]
struct Attempt {
    author: u8,
    action: Action,
    motion: Option<(u8, Vec<u8>, u32)>,
    leaving: Option<u8>,
    smuggled: Option<(u8, Role)>,
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let approvers = subsequence((0..PEOPLE).collect::<Vec<_>>(), 0..=usize::from(PEOPLE));
    let motion = proptest::option::weighted(0.8, (0..4_u8, approvers, 0..3_u32));
    let leaving = proptest::option::weighted(0.1, 0..PEOPLE);
    let smuggled = proptest::option::weighted(0.05, (0..PEOPLE, any_role()));
    (0..PEOPLE, any_action(), motion, leaving, smuggled)
        .prop_map(|(author, action, motion, leaving, smuggled)| Attempt { author, action, motion, leaving, smuggled })
}

fn facts_of(attempt: &Attempt, state: &AllianceState) -> Option<CommitFacts> {
    let mut facts = match &attempt.motion {
        Some((id, approvers, days)) => {
            let motion = motion(*id, attempt.action.clone());
            let day = state.ledger.day + days;
            enacting(attempt.author, state, &Motion { expires: day + 5, ..motion }, approvers, day)?
        }
        // A claim without a motion is a rotation.
        None if matches!(attempt.action, Action::Claim(_)) => return None,
        None => doing(attempt.author, state, &attempt.action)?,
    };
    let mut after = facts.after?;
    if let Some(gone) = attempt.leaving.map(identity).filter(|gone| state.seat(gone).is_some()) {
        after = after.without(&[gone]);
        facts.departed = vec![gone];
        facts.removed.retain(|removed| *removed != gone);
    }
    if let Some((who, role)) = attempt.smuggled
        && let Some(found) = after.seat(&identity(who)).cloned()
    {
        after = after.with_seat(Seat { role, ..found });
    }
    Some(CommitFacts { after: Some(after), ..facts })
}

/// The organisations of those who stand behind a commit, written down apart from what is tested.
fn behind(state: &AllianceState, attempt: &Attempt, rank: Role) -> usize {
    let approvers = attempt.motion.iter().flat_map(|(_, approvers, _)| approvers).chain([&attempt.author]);
    let seats = approvers.filter_map(|who| state.seat(&identity(*who))).filter(|seat| seat.role >= rank);
    seats.map(|seat| seat.organisation.clone()).collect::<BTreeSet<_>>().len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn days_of_any_size_are_judged_and_none_lets_an_expired_motion_through(
        attempt in any_attempt(),
        (before, after, expires) in (any::<u32>(), any::<u32>(), any::<u32>()),
        near in any::<bool>(),
    ) {
        let mut state = alliance(succession());
        state.ledger.day = before;
        let (day, expires) = if near {
            (before.saturating_add(after % 70), before.saturating_add(expires % 140))
        } else {
            (after, expires)
        };
        let Some((id, approvers, _)) = &attempt.motion else { return Ok(()) };
        let motion = Motion { expires, ..motion(*id, attempt.action.clone()) };
        let Some(facts) = enacting(attempt.author, &state, &motion, approvers, day) else { return Ok(()) };
        let verdict = judge(&state, &facts);
        prop_assert_eq!(verdict, judge(&state.clone(), &facts.clone()));
        if verdict.is_ok() {
            prop_assert!(before <= day && day <= expires && expires - day <= 60);
        }
        prop_assert!(state.ledger.day_for(after, &motion) >= before, "the day of an honest commit never goes back");
    }

    #[test]
    fn no_sequence_of_permitted_commits_escapes_the_rules(rules in any_rules(), attempts in vec(any_attempt(), 1..80)) {
        let mut state = alliance(Rules { allotments: Vec::new(), ..rules });
        let mut spent = BTreeSet::new();
        for attempt in attempts {
            let Some(facts) = facts_of(&attempt, &state) else { continue };
            let verdict = judge(&state, &facts);
            prop_assert_eq!(verdict, judge(&state.clone(), &facts.clone()), "the same for all");
            if verdict.is_err() {
                continue;
            }
            let after = facts.after.expect("what is permitted has a state");
            let author = state.seat(&identity(attempt.author)).expect("only members change anything").clone();
            let quorums = state.rules.quorums;
            let departed = state.clone().without(&facts.departed);
            let idle = AllianceState { claim: None, ..after.clone() } == AllianceState { claim: None, ..departed.clone() };
            if idle && facts.motion.is_none() {
                // Nothing but wishes to leave, which anybody carries out.
            } else if matches!(attempt.action, Action::Claim(_) | Action::Appoint(..)) {
                let succession = state.rules.succession.expect("only where the rules have one");
                prop_assert!(author.role < Role::Organiser);
                prop_assert!(behind(&state, &attempt, Role::Member) >= usize::from(succession.organisations));
            } else {
                let organisations = behind(&state, &attempt, Role::Organiser);
                prop_assert_eq!(author.role, Role::Organiser);
                let delegate = |seat: &Seat| {
                    state.rules.own_delegates
                        && seat.organisation == author.organisation
                        && seat.role != Role::Organiser
                };
                for old in &state.seats {
                    match after.seat(&old.identity) {
                        None if facts.departed.contains(&old.identity) || delegate(old) => {}
                        None => prop_assert!(organisations >= usize::from(quorums.remove), "removed"),
                        Some(new) if new.role == old.role => {}
                        Some(_) => prop_assert!(organisations >= usize::from(quorums.roles), "another role"),
                    }
                }
                let new = after.seats.iter().filter(|seat| state.seat(&seat.identity).is_none());
                for _ in new.filter(|seat| !delegate(seat)) {
                    prop_assert!(organisations >= usize::from(quorums.admit), "let in");
                }
                prop_assert!(state.rules == after.rules || organisations >= usize::from(quorums.rules), "rules");
                prop_assert!(state.name == after.name || organisations >= usize::from(quorums.alliance), "name");
                let voices = departed.voices() != after.voices();
                prop_assert!(!voices || organisations >= usize::from(quorums.rules), "who decides");
                prop_assert_eq!(after.claim, None, "an organiser's commit is its objection");
            }
            if let Some(VerifiedMotion { motion, .. }) = &facts.motion {
                prop_assert!(spent.insert((motion.id, motion.expires)), "spent once");
                prop_assert!(motion.expires >= state.ledger.day);
            }
            prop_assert!(after.ledger.day >= state.ledger.day, "days go forward");
            state = after;
            prop_assert!(state.organisers() > 0, "somebody organises");
            let largest = state.rules.quorums.rules;
            prop_assert!(state.voices().len() >= usize::from(largest), "a quorum can be reached");
            let own = state.seats.iter().filter(|seat| seat.organisation == organisation(0)).count();
            prop_assert!(state.rules.allotments.iter().all(|allotment| own <= usize::from(allotment.seats)));
            let encoded = state.encode().expect("a state");
            prop_assert_eq!(AllianceState::decode(&encoded).expect("a state that members accept"), state.clone());
        }
    }
}
