//! File descriptors: how many connections the operating system lets this process have.
//!
//! Most systems give a process 1024 of them, for the sake of old programs, and let it ask for more. Where they run out,
//! it is not only connections that fail: the database needs some as well.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the database, the log, the listener and the runtime.
const KEPT: u64 = 64;

/// Asks for as many descriptors as this process may have. Without success, everything stays as it was.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::info!(from = current, to = maximum, "raised the limit of file descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of file descriptors could not be raised"),
    }
}

/// As many of these connections as there are descriptors for.
pub(crate) fn connections(connections_max: usize) -> usize {
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return connections_max };
    let possible = fitting(connections_max, descriptors);
    if possible < connections_max {
        tracing::warn!(
            connections_max,
            possible,
            descriptors,
            "fewer connections than asked for: let the process have more file descriptors (LimitNOFILE= or ulimit -n)"
        );
    }
    possible
}

/// As many of these connections as the most descriptors that this process may ask for are enough for.
pub(crate) fn possible(connections_max: usize) -> usize {
    getrlimit(Resource::Nofile).maximum.map_or(connections_max, |descriptors| fitting(connections_max, descriptors))
}

/// With very few descriptors, half of them.
fn fitting(connections_max: usize, descriptors: u64) -> usize {
    let possible = descriptors.saturating_sub(KEPT).max(descriptors / 2).max(1);
    usize::try_from(possible).unwrap_or(usize::MAX).min(connections_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(fitting(4096, 1024), 960);
        assert_eq!(fitting(4096, 100_000), 4096);
        assert_eq!(fitting(4096, 80), 40);
        assert_eq!(fitting(4096, 0), 1);
    }
}
