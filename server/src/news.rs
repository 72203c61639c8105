//! What other relays on the same store stored, brought to those who watch it here.
//!
//! ```text
//! News::Stored ─▶ watched here? ─▶ read once ─▶ hub: all its watchers share the frames
//! News::Missed ─▶ every watcher reads from where it is
//! ```

use crate::clock::Clock;
use crate::hub::Hub;
use crate::store::news::Stored;
use crate::store::{News, Store};
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Octets that are read for the watchers of a mailbox; of more, they read the rest themselves.
const READ_BYTES_MAX: u64 = 1 << 20;

/// Mailboxes that are read at once.
const READS_MAX: usize = 4;

/// Follows the news until `stop` is cancelled.
pub(crate) async fn follow(store: Arc<dyn Store>, hub: Arc<Hub>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let follower = &Follower { store, hub, clock };
    let news = stream::unfold((), async |()| Some((follower.store.news().await, ())));
    let all = news.for_each_concurrent(READS_MAX, async |news| match news {
        News::Stored(stored) => follower.bring(stored).await,
        News::Missed => follower.hub.look_everywhere(),
    });
    tokio::select! {
        () = stop.cancelled() => {}
        () = all => {}
    }
}

struct Follower {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
}

impl Follower {
    async fn bring(&self, Stored { mailbox, after, last }: Stored) {
        let Some(address) = self.hub.watched(&mailbox) else { return };
        let today = self.clock.now().day();
        let Ok(Some(page)) = self.store.page(address, after, READ_BYTES_MAX, today).await else {
            return self.hub.look(&address);
        };
        let reached = page.frames.last().map(|frame| frame.sequence);
        for frame in page.frames {
            let end = page.head.filter(|_| frame.closing);
            self.hub.publish_frame(address, frame, end);
        }
        if reached.is_none_or(|reached| reached < last) {
            self.hub.look(&address);
        }
    }
}
