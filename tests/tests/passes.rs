//! A client whose relay does not take its pass any more.

use anyhow::Result;
use std::sync::Arc;
use twiza_client::clock::SystemClock;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{RelayConnector, Right};
use twiza_protocol::{CoarseTime, MailboxKey, Sequence};
use twiza_relay::ManualClock;
use twiza_tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_again_where_its_pass_is_too_old() -> Result<()> {
    let clock = Arc::new(ManualClock::at(CoarseTime(29_000_000)));
    let world = World::with(clock.clone(), |_| {}).await?;
    let connection = HttpConnector::new(Arc::new(SystemClock)).connect(&world.address())?;
    let mailbox = MailboxKey::from_seed(&[1; 32]);
    connection.open(&mailbox, Right::None).await?;
    for (octet, sequence) in [(1, Sequence(1)), (2, Sequence(2))] {
        assert_eq!(connection.append(&mailbox, &[octet; 1024], false).await?.sequence, sequence);
        clock.advance_days(1);
        assert_eq!(connection.read(&mailbox, Sequence::START).await?.head.map(|head| head.sequence), Some(sequence));
    }
    drop(connection);
    world.stop().await?;
    Ok(())
}
