//! A store that keeps nothing but each mailbox's head: what is left is HTTP, TLS, proofs and receipts.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use std::collections::HashMap;
use std::sync::Mutex;
use twiza_protocol::{ExpiryDay, MailboxAddress, Sequence};
use twiza_relay::store::{
    Append, Appended, Days, Head, Open, Opening, Page, Quotas, Refused, Store, StoreResult, Totals,
};

#[derive(Default)]
pub(crate) struct NoStore(Mutex<HashMap<MailboxAddress, Head>>);

impl NoStore {
    fn append(&self, append: &Append) -> Result<Appended, Refused> {
        let mut heads = self.0.lock().unwrap();
        let head = heads.get_mut(&append.address).ok_or(Refused::MailboxUnknown)?;
        let sequence = head.sequence.next();
        let chain = head.chain.append(sequence, append.closing, &append.digest);
        *head = Head { sequence, chain, closed: append.closing };
        Ok(Appended { is_new: true, head: *head })
    }
}

impl Store for NoStore {
    fn open_batch<'a>(
        &'a self,
        opens: &'a [Open],
        days: Days,
        _quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Opening, Refused>>>> {
        let open = |Open { address, .. }: &Open| {
            let head = Head::start(address);
            self.0.lock().unwrap().insert(*address, head);
            Ok(Opening { is_new: true, head, expires: days.expires })
        };
        ready(Ok(opens.iter().map(open).collect())).boxed()
    }

    fn append_batch<'a>(
        &'a self,
        appends: &'a [Append],
        _days: Days,
        _quotas: &'a Quotas,
    ) -> BoxFuture<'a, StoreResult<Vec<Result<Appended, Refused>>>> {
        ready(Ok(appends.iter().map(|append| self.append(append)).collect())).boxed()
    }

    fn head(&self, address: MailboxAddress, _today: ExpiryDay) -> BoxFuture<'_, StoreResult<Option<Head>>> {
        ready(Ok(self.0.lock().unwrap().get(&address).copied())).boxed()
    }

    fn page(
        &self,
        address: MailboxAddress,
        _after: Sequence,
        _bytes_max: u64,
        _today: ExpiryDay,
    ) -> BoxFuture<'_, StoreResult<Option<Page>>> {
        let head = self.0.lock().unwrap().get(&address).copied();
        ready(Ok(head.map(|head| Page { frames: Vec::new(), head: Some(head) }))).boxed()
    }

    fn sweep(&self, _today: ExpiryDay) -> BoxFuture<'_, StoreResult<u64>> {
        ready(Ok(0)).boxed()
    }

    fn totals(&self) -> BoxFuture<'_, StoreResult<Totals>> {
        ready(Ok(Totals::default())).boxed()
    }

    fn check(&self) -> BoxFuture<'_, StoreResult<()>> {
        ready(Ok(())).boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}
