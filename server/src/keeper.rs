//! Octets on their way out that keep something, such as their room, until the connection has dropped them: handed to HTTP, they
//! may wait there.

use bytes::Bytes;
use std::fmt::Debug;
use std::sync::Arc;

/// Octets of a part. HTTP asks for more when it has sent some.
pub(crate) const PART_BYTES: usize = 16 << 10;

/// What is kept.
pub(crate) trait Keeper: Debug + Send + Sync + 'static {
    /// So many octets have left.
    fn left(&self, bytes: u64);
}

/// Parts of these octets, each of which keeps it.
pub(crate) fn keeping(octets: Bytes, keeper: Arc<dyn Keeper>) -> impl Iterator<Item = Bytes> {
    let starts = (0..octets.len()).step_by(PART_BYTES);
    starts.map(move |start| {
        let octets = octets.slice(start..octets.len().min(start + PART_BYTES));
        Bytes::from_owner(Kept { octets, keeper: keeper.clone() })
    })
}

struct Kept {
    octets: Bytes,
    keeper: Arc<dyn Keeper>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.left(self.octets.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    struct Counted(AtomicU64);

    impl Keeper for Counted {
        fn left(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_part_tells_when_it_has_left_and_all_are_the_whole() {
        let octets: Bytes = (0..PART_BYTES * 2 + 5).map(|at| (at % 251) as u8).collect::<Vec<_>>().into();
        let counted = Arc::new(Counted::default());
        let mut parts: Vec<_> = keeping(octets.clone(), counted.clone()).collect();
        assert_eq!((parts.len(), parts.concat()), (3, octets.to_vec()));
        assert_eq!(counted.0.load(Ordering::Relaxed), 0);
        parts.pop();
        assert_eq!(counted.0.load(Ordering::Relaxed), 5);
        let rest = parts[0].split_off(7);
        drop(parts);
        assert_eq!(counted.0.load(Ordering::Relaxed), 5 + PART_BYTES as u64, "what is left of a part keeps it");
        drop(rest);
        assert_eq!(counted.0.load(Ordering::Relaxed), octets.len() as u64);
        assert_eq!(Arc::strong_count(&counted), 1);
        assert_eq!(keeping(Bytes::new(), counted).count(), 0);
    }
}
