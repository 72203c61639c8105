//! What the sizes of frames tell: of commits nothing, of texts only how long they are.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use support::{alliance_of, joiner, random, relay};
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::epoch::Branch;
use twiza_crypto::group::commit::Change;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::FrameSize;

const OPERATIONS: usize = 1_000;

/// Which operation, or how large a group, is not to be told from sizes: a histogram over a thousand operations.
#[test]
fn a_thousand_commits_of_all_kinds_fill_frames_of_one_size() {
    let mut party = alliance_of(4).swap_remove(0);
    let mut histogram = BTreeMap::<usize, BTreeMap<&str, usize>>::new();
    let mut guests = Vec::new();
    let mut payloads = BTreeSet::new();
    for operation in 0..OPERATIONS {
        if guests.len() > 20 {
            let gone = std::mem::take(&mut guests);
            commit(&mut party, "remove", &Change::Remove(gone), &mut histogram, &mut payloads);
            continue;
        }
        let member = party.group().members().expect("members").last().expect("a member").person.identity;
        let (name, change) = match operation % 5 {
            0 => {
                let (guest, request) = joiner(&format!("Guest {operation}"), "Somewhere");
                guests.push(guest.identity());
                ("add", Change::Add(vec![(request, Role::Member)]))
            }
            1 => ("rotate", Change::Rotate),
            2 => ("role", Change::SetRole(member, if operation % 2 == 0 { Role::Observer } else { Role::Organiser })),
            3 if operation % 3 == 0 => ("rotate", Change::Rotate),
            3 => ("remove", Change::Remove(guests.pop().into_iter().collect())),
            _ => ("rotate", Change::Rotate),
        };
        commit(&mut party, name, &change, &mut histogram, &mut payloads);
    }
    println!("octets of a frame, and what was in it: {histogram:?}; {} lengths of commits", payloads.len());
    assert!(payloads.len() > 10, "commits differ, or this shows nothing");
    let kinds: Vec<_> = histogram.values().map(BTreeMap::len).collect();
    assert_eq!(kinds, [4], "one size for all four kinds of commits");
}

fn commit<'a>(
    party: &mut support::Party,
    name: &'a str,
    change: &Change,
    histogram: &mut BTreeMap<usize, BTreeMap<&'a str, usize>>,
    payloads: &mut BTreeSet<usize>,
) {
    let address = party.address();
    let keys = party.group().epoch_keys(relay().address.key(), Branch::default()).expect("keys");
    let pending = party.group_mut().commit(change, &address).expect("an organiser's commit");
    payloads.insert(pending.commit.len());
    let (kind, size) = (ContentKind::Commit, pending.frame_size);
    let frames = seal_payload(&keys.frame, kind, &pending.commit, Some(&pending.author), size, &random());
    for frame in frames.expect("frames") {
        *histogram.entry(frame.as_bytes().len()).or_default().entry(name).or_default() += 1;
    }
    party.group_mut().merge_pending().expect("one's own commit");
    party.save();
}

/// Short texts are all of one size.
#[test]
fn what_people_usually_say_fills_the_smallest_frame() {
    let mut parties = alliance_of(2);
    let keys = parties[1].group().epoch_keys(relay().address.key(), Branch::default()).expect("keys");
    for length in 1..=500 {
        let message = parties[1].say(&"x".repeat(length));
        let frames = seal_payload(&keys.frame, ContentKind::Message, &message, None, FrameSize::Kib1, &random());
        let sizes: Vec<_> = frames.expect("frames").iter().map(|frame| frame.as_bytes().len()).collect();
        assert_eq!(sizes, [FrameSize::Kib1.bytes()], "a text of {length} octets");
    }
}
