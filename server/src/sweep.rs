//! Deletes what has expired: at the start, then at an interval.
//!
//! Where nothing is left that has not expired, the clock may be ahead: then a day passes first, in which somebody may see that.

use crate::clock::Clock;
use crate::store::{Store, StoreResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twiza_protocol::ExpiryDay;

/// How long everything is kept though all of it has expired.
const DOUBT: Duration = Duration::from_secs(24 * 3600);

/// Sweeps until `stop` is cancelled. A sweep that fails is tried again at the next interval.
pub(crate) async fn sweep(store: Arc<dyn Store>, clock: Arc<dyn Clock>, interval: Duration, stop: CancellationToken) {
    let mut sweeper = Sweeper { store, doubted: None };
    loop {
        // What is not swept when the relay stops is at its next start.
        let Some(swept) = stop.run_until_cancelled(sweeper.sweep(clock.now().day())).await else { return };
        match swept {
            Ok(0) => tracing::debug!("nothing to sweep"),
            Ok(mailboxes) => tracing::info!(mailboxes, "swept what had expired"),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the sweep failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

struct Sweeper {
    store: Arc<dyn Store>,
    /// Since when all there is has expired.
    doubted: Option<Instant>,
}

impl Sweeper {
    async fn sweep(&mut self, today: ExpiryDay) -> StoreResult<u64> {
        let Some((first, last)) = self.store.expiries().await? else { return self.store.sweep(today).await };
        if first >= today {
            // The clock is right again.
            self.doubted = None;
        } else if last < today && self.doubted.is_none() {
            tracing::warn!("all mailboxes have expired: is this machine's clock ahead? They are deleted in a day");
            self.doubted = Some(Instant::now());
        }
        // Though some were opened since: that is no proof.
        if self.doubted.is_some_and(|since| since.elapsed() < DOUBT) {
            return Ok(0);
        }
        self.doubted = None;
        self.store.sweep(today).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{DAYS, free};
    use crate::store::{Days, Quotas, SqliteStore};

    #[tokio::test]
    async fn what_has_expired_is_deleted_at_once_but_not_all_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        crate::private_file::create_if_missing(&file).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file).await.unwrap());
        let quotas = Quotas::default();
        let mut sweeper = Sweeper { store: store.clone(), doubted: None };
        let later = Days { today: DAYS.expires.plus_days(1), expires: DAYS.expires.plus_days(31) };
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 0);
        store.open_batch(&[free(1), free(2)], DAYS, &quotas).await.unwrap();
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 0);
        assert_eq!(store.totals().await.unwrap().mailboxes, 2);
        // The clock was ahead, and is right again.
        assert_eq!(sweeper.sweep(DAYS.today).await.unwrap(), 0);
        assert!(sweeper.doubted.is_none());
        // It was right. What is opened meanwhile does not tell.
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 0);
        store.open_batch(&[free(3)], later, &quotas).await.unwrap();
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 0);
        sweeper.doubted = sweeper.doubted.and_then(|since| since.checked_sub(DOUBT));
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 2);
        // Others are in use.
        store.open_batch(&[free(1), free(2)], DAYS, &quotas).await.unwrap();
        assert_eq!(sweeper.sweep(later.today).await.unwrap(), 2);
        assert_eq!(store.expiries().await.unwrap(), Some((later.expires, later.expires)));
    }
}
