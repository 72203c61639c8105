//! Mutations of octets, the same at each run: what a decoder's author would not think of, near what it accepts.

use fastrand::Rng;

/// Integers at which length checks go wrong.
const EDGES: [u64; 10] = [0, 1, 0x3f, 0x40, 0x7f, 0x3fff, 0x4000, 0x3fff_ffff, 0xffff_ffff, u64::MAX];

/// Octets that a mutation may have at most.
const OCTETS_MAX: usize = 1 << 17;

/// One to four changes of a seed.
pub fn mutate(random: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = pick(random, seeds);
    for _ in 0..random.usize(1..=4) {
        change(random, &mut octets, seeds);
    }
    octets.truncate(OCTETS_MAX);
    octets
}

fn pick(random: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    if seeds.is_empty() { Vec::new() } else { seeds[random.usize(..seeds.len())].clone() }
}

fn change(random: &mut Rng, octets: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let place = random.usize(..=octets.len());
    let end = (place + random.usize(..=16)).min(octets.len());
    match random.u8(..9) {
        0 if place < octets.len() => octets[place] ^= 1 << random.u8(..8),
        1 if place < octets.len() => octets[place] = random.u8(..),
        2 => octets.truncate(place),
        3 => drop(octets.drain(place..end)),
        4 => octets.insert(place, random.u8(..)),
        5 => {
            let again = octets[place..end].to_vec();
            octets.splice(place..place, again);
        }
        6 => {
            let width = [1, 2, 4, 8][random.usize(..4)];
            let edge = EDGES[random.usize(..EDGES.len())].to_be_bytes();
            let end = (place + width).min(octets.len());
            octets.splice(place..end, edge[8 - width..].iter().copied());
        }
        7 => {
            let other = pick(random, seeds);
            octets.truncate(place);
            octets.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
        _ => octets.extend((0..random.usize(..64)).map(|_| 0)),
    }
}
