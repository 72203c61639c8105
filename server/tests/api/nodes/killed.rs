//! One of two programs is killed under load: what was acknowledged is there, once, and people go on with the other.

use super::Shared;
use super::load::Load;
use crate::crash::{Program, relay};

const KILLS: usize = 3;
const ACKNOWLEDGED: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_loses_nothing_that_was_acknowledged() {
    let Some(shared) = Shared::new() else { return };
    let data = shared.folder.path().join("program");
    assert!(relay(&["init", "--listen", "127.0.0.1:0"], &data).output().unwrap().status.success());
    let serve = || Program::serve(&data, &["--database", &shared.url]);
    for _ in 0..KILLS {
        let (doomed, other) = (serve(), serve());
        let mut load = Load::start(&[doomed.client.clone(), other.client.clone()], usize::MAX).await;
        load.acknowledged(ACKNOWLEDGED).await;
        doomed.kill();
        load.acknowledged(ACKNOWLEDGED).await;
        load.stop().await;
        load.check(&other.client).await;
        let again = serve();
        load.check(&again.client).await;
    }
}
