//! A backup under load, and the relay that is made from it.

use crate::crash::{Acknowledged, Program, publish, relay, stored};
use crate::harness::{TestClient, frame, key};
use tokio::sync::mpsc;

const MAILBOXES: u8 = 4;
const PUBLISHERS_PER_MAILBOX: u8 = 3;
const ACKNOWLEDGED_BEFORE_BACKUP: usize = 200;
const ACKNOWLEDGED_AFTER_BACKUP: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_backup_is_in_the_relay_that_is_made_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(relay(&["init", "--listen", "127.0.0.1:0"], &path("relay")).output().unwrap().status.success());
    let program = Program::serve(&path("relay"), &[]);
    let client = program.client.clone();
    let (told, mut tells) = mpsc::unbounded_channel();
    for mailbox in 0..MAILBOXES {
        client.open(&key(mailbox), "").await;
        for publisher in 0..PUBLISHERS_PER_MAILBOX {
            tokio::spawn(publish(client.clone(), mailbox, [0, publisher], told.clone()));
        }
    }
    drop(told);
    let mut before: Vec<Acknowledged> = Vec::new();
    for _ in 0..ACKNOWLEDGED_BEFORE_BACKUP {
        before.push(tells.recv().await.unwrap());
    }
    let backup = path("backup").display().to_string();
    let mut backing_up = relay(&["backup", &backup], &path("relay")).spawn().unwrap();
    // The relay serves on meanwhile.
    for _ in 0..ACKNOWLEDGED_AFTER_BACKUP {
        tells.recv().await.unwrap();
    }
    assert!(backing_up.wait().unwrap().success());
    program.kill();

    assert!(relay(&["restore", &backup], &path("restored")).output().unwrap().status.success());
    assert!(!relay(&["restore", &backup], &path("restored")).output().unwrap().status.success(), "not a second time");
    let program = Program::serve(&path("restored"), &[]);
    let restored = &program.client;
    assert_eq!(restored.relay, client.relay, "the address's key is the same");
    for mailbox in 0..MAILBOXES {
        let stored = stored(restored, mailbox).await;
        for (_, digest, receipt) in before.iter().filter(|(name, ..)| *name == mailbox) {
            assert_eq!(stored.get(receipt.sequence.0 as usize - 1), Some(digest), "each is where it was told");
        }
        goes_on(restored, mailbox, stored.len() as u64).await;
    }
    program.kill();
}

async fn goes_on(client: &TestClient, mailbox: u8, frames: u64) {
    let receipt = crate::harness::receipt(client.append(&key(mailbox), frame(9), false).await, 201).await;
    assert_eq!(receipt.sequence.0, frames + 1);
    receipt.verify(&client.relay, &key(mailbox).address()).unwrap();
}
