//! The store alone: batches of one frame for each of as many mailboxes, one after the other.

use crate::FRAME_BYTES;
use crate::load::frame;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use twiza_protocol::{ExpiryDay, FrameDigest, MailboxAddress};
use twiza_relay::store::{Append, Days, Open, Quotas, Store};

const DAYS: Days = Days { today: ExpiryDay(20_000), expires: ExpiryDay(20_030) };

/// Frames a second, of these stores together; each has mailboxes of its own.
pub(crate) async fn append(stores: Vec<Arc<dyn Store>>, batches: usize, batch: usize) -> f64 {
    let frames = stores.len() * batches * batch;
    let writers: Vec<_> = stores.into_iter().enumerate().map(|(node, store)| Writer { node, store, batch }).collect();
    for writer in &writers {
        let opens: Vec<_> = writer.addresses().into_iter().map(Open::free).collect();
        writer.store.open_batch(&opens, DAYS, &Quotas::default()).await.unwrap();
    }
    let work: Vec<_> = writers.iter().map(|writer| writer.batches(batches)).collect();
    let started = Instant::now();
    let writing = writers.into_iter().zip(work).map(|(writer, work)| tokio::spawn(writer.write(work)));
    join_all(writing).await.into_iter().for_each(|written| written.unwrap());
    frames as f64 / started.elapsed().as_secs_f64()
}

struct Writer {
    node: usize,
    store: Arc<dyn Store>,
    batch: usize,
}

impl Writer {
    fn addresses(&self) -> Vec<MailboxAddress> {
        let address = |name: usize| {
            let hash = FrameDigest::of(&[self.node.to_be_bytes(), name.to_be_bytes()].concat());
            MailboxAddress::from_bytes(*hash.as_bytes())
        };
        (0..self.batch).map(address).collect()
    }

    /// Made before the clock starts, as requests' digests are not the store's work.
    fn batches(&self, batches: usize) -> Vec<Vec<Append>> {
        let addresses = self.addresses();
        let append = |(address, count): (&MailboxAddress, usize)| {
            let octets: [u8; FRAME_BYTES] = frame(count);
            Append {
                address: *address,
                digest: FrameDigest::of(&octets),
                octets: octets.to_vec().into(),
                closing: false,
            }
        };
        (0..batches).map(|count| addresses.iter().zip(count * self.batch..).map(append).collect()).collect()
    }

    async fn write(self, work: Vec<Vec<Append>>) {
        for appends in &work {
            let results = self.store.append_batch(appends, DAYS, &Quotas::default()).await.unwrap();
            assert!(results.iter().all(Result::is_ok));
        }
        self.store.close().await;
    }
}
