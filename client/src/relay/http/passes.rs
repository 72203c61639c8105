//! The passes that a relay gave on this connection: a MAC in place of a signature, for a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use twiza_protocol::pass::PASS_HEADER;
use twiza_protocol::{MailboxAddress, Pass, PassProof, Request};

/// Mailboxes whose passes are kept.
const PASSES_MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Passes(Mutex<HashMap<MailboxAddress, Pass>>);

impl Passes {
    /// Proves a request by the mailbox's pass, where there is one.
    pub(super) fn prove(&self, mailbox: &MailboxAddress, request: &Request<'_>) -> Option<PassProof> {
        self.lock().get(mailbox).map(|pass| pass.prove(mailbox, request))
    }

    /// Takes the pass of an answer, where it has one.
    pub(super) fn learn(&self, mailbox: MailboxAddress, answer: &reqwest::Response) {
        let Some(header) = answer.headers().get(PASS_HEADER) else { return };
        // One that cannot be read is as good as none.
        let Some(pass) = header.to_str().ok().and_then(|text| text.parse().ok()) else { return };
        let mut passes = self.lock();
        if passes.len() >= PASSES_MAX {
            passes.clear();
        }
        passes.insert(mailbox, pass);
    }

    /// Called where the relay does not take it any more.
    pub(super) fn forget(&self, mailbox: &MailboxAddress) {
        self.lock().remove(mailbox);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxAddress, Pass>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
