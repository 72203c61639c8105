//! The program is killed under load, again and again: what it acknowledged is there, once, in order.

use crate::harness::{TestClient, key};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::sync::mpsc;
use twiza_protocol::{FrameDigest, Receipt, Record, RecordDecoder, RelayAddress, Sequence};
use twiza_relay::{Clock, SystemClock};

const KILLS: usize = 4;
const MAILBOXES: u8 = 4;
const PUBLISHERS_PER_MAILBOX: u8 = 3;
/// Acknowledgements after which the program is killed, with as many requests under way as there are publishers.
const ACKNOWLEDGED_BEFORE_KILL: usize = 150;

/// The program with these arguments, ready to be started.
pub(crate) fn relay(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twiza-relay"));
    command.env_clear().args(arguments).arg("--data").arg(data).stderr(Stdio::null());
    command
}

/// A running program. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) client: TestClient,
    pub(crate) port: u16,
}

impl Program {
    /// Starts the program, which tells its address once it listens.
    pub(crate) fn serve(data: &Path, arguments: &[&str]) -> Self {
        let mut command = relay(&[&["serve"], arguments].concat(), data);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address: RelayAddress = line.trim().parse().unwrap();
        Self { child, client: TestClient::to(&address, SystemClock.now()), port: address.port() }
    }

    /// Ends it without a word.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits for it.
    pub(crate) fn terminate(&mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Gone already, or gone now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What was acknowledged: the mailbox, the frame's digest and the receipt.
pub(crate) type Acknowledged = (u8, FrameDigest, Receipt);

/// Appends one frame after the other, until the relay is gone.
pub(crate) async fn publish(
    client: TestClient,
    mailbox: u8,
    name: [u8; 2],
    acknowledged: mpsc::UnboundedSender<Acknowledged>,
) {
    let key = key(mailbox);
    for count in 0_u32.. {
        let mut octets = vec![mailbox; 1024];
        octets[..2].copy_from_slice(&name);
        octets[2..6].copy_from_slice(&count.to_be_bytes());
        let digest = FrameDigest::of(&octets);
        let Ok(answer) = client.try_append(&key, octets, false).await else { return };
        let status = answer.status().as_u16();
        let Ok(body) = answer.bytes().await else { return };
        assert_eq!(status, 201);
        let receipt: Receipt = serde_json::from_slice(&body).unwrap();
        receipt.verify(&client.relay, &key.address()).unwrap();
        if acknowledged.send((mailbox, digest, receipt)).is_err() {
            return;
        }
    }
}

/// A publisher's first frame once more: the relay knows it, whatever it had not written yet when it was killed.
async fn again(client: &TestClient, mailbox: u8, round: usize) {
    let mut octets = vec![mailbox; 1024];
    octets[..2].copy_from_slice(&[u8::try_from(round).unwrap(), 0]);
    octets[2..6].fill(0);
    assert_eq!(client.append(&key(mailbox), octets, false).await.status().as_u16(), 200);
}

/// The digests of a mailbox's frames, in the order of their places, which have no gap.
pub(crate) async fn stored(client: &TestClient, mailbox: u8) -> Vec<FrameDigest> {
    let mut digests = Vec::new();
    loop {
        let page = client.read(&key(mailbox), digests.len() as u64).await.bytes().await.unwrap();
        let mut decoder = RecordDecoder::default();
        decoder.push(&page);
        while let Some(record) = decoder.next_record().unwrap() {
            match record {
                Record::Frame { sequence, octets, .. } => {
                    digests.push(FrameDigest::of(&octets));
                    assert_eq!(sequence, Sequence(digests.len() as u64));
                }
                Record::Head { receipt, .. } => {
                    assert_eq!(receipt.sequence, Sequence(digests.len() as u64));
                    return digests;
                }
                Record::More { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_being_killed_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    assert!(relay(&["init", "--listen", "127.0.0.1:0"], &data).output().unwrap().status.success());
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    for round in 0..KILLS {
        let program = Program::serve(&data, &[]);
        let client = &program.client;
        let (told, mut tells) = mpsc::unbounded_channel();
        for mailbox in 0..MAILBOXES {
            client.open(&key(mailbox), "").await;
            for publisher in 0..PUBLISHERS_PER_MAILBOX {
                let name = [u8::try_from(round).unwrap(), publisher];
                tokio::spawn(publish(client.clone(), mailbox, name, told.clone()));
            }
        }
        drop(told);
        for _ in 0..ACKNOWLEDGED_BEFORE_KILL {
            acknowledged.push(tells.recv().await.unwrap());
        }
        program.kill();
        // What was on its way when the relay died was acknowledged as well.
        while let Some(last) = tells.recv().await {
            acknowledged.push(last);
        }

        let program = Program::serve(&data, &[]);
        for mailbox in 0..MAILBOXES {
            again(&program.client, mailbox, round).await;
            let stored = stored(&program.client, mailbox).await;
            let distinct: std::collections::HashSet<_> = stored.iter().collect();
            assert_eq!(distinct.len(), stored.len(), "no frame is there twice");
            for (_, digest, receipt) in acknowledged.iter().filter(|(name, ..)| *name == mailbox) {
                assert_eq!(stored.get(receipt.sequence.0 as usize - 1), Some(digest), "each is where it was told");
            }
        }
        program.kill();
    }
}
