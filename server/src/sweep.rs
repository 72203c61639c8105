//! Deletes what has expired: at the start, then at an interval.

use crate::clock::Clock;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sweeps until `stop` is cancelled. A sweep that fails is tried again at the next interval.
pub(crate) async fn sweep(store: Arc<dyn Store>, clock: Arc<dyn Clock>, interval: Duration, stop: CancellationToken) {
    loop {
        // What is not swept when the relay stops is at its next start.
        let Some(swept) = stop.run_until_cancelled(store.sweep(clock.now().day())).await else { return };
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
