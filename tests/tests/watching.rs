//! Watching over a real relay, for as long as people leave it on.

use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use twiza_client::clock::SystemClock;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnector, Right};
use twiza_protocol::{MailboxKey, Sequence};
use twiza_tests::World;

/// More than the streams that a relay allows on one connection.
const EPOCHS: u8 = 140;

/// Only a bound on a test that fails: what it waits for takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_nobody_listens_to_gives_its_stream_back() -> Result<()> {
    let world = World::new().await?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
    let watched = async {
        for epoch in 0..EPOCHS {
            let mailbox = MailboxKey::from_seed(&[epoch; 32]);
            connection.open(&mailbox, Right::None).await?;
            drop(connection.watch(&[(&mailbox, Sequence::START)]).await?);
        }
        connection.describe().await
    };
    tokio::time::timeout(PATIENCE, watched).await??;
    drop(connection);
    world.stop().await?;
    Ok(())
}
