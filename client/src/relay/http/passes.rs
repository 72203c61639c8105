//! The passes that a relay gave on this connection: a MAC in place of a signature, for a while.

use reqwest::header::HeaderMap;
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
    pub(super) fn learn(&self, mailbox: MailboxAddress, answer: &HeaderMap) {
        let Some(header) = answer.get(PASS_HEADER) else { return };
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

#[cfg(test)]
mod tests {
    use super::*;
    use twiza_protocol::{CoarseTime, FrameDigest, PassIssuer, RelaySigningKey, Verb};

    #[test]
    fn a_pass_is_kept_until_the_relay_does_not_take_it() {
        let relay = RelaySigningKey::from_seed(&[1; 32]);
        let (issuer, relay, mailbox) = (PassIssuer::of(&relay), relay.public(), MailboxAddress::from_bytes([2; 32]));
        let (verb, time, body) = (Verb::Open, CoarseTime(9), FrameDigest::of(b""));
        let request = Request { relay: &relay, verb, time, body };
        let (passes, mut answer) = (Passes::default(), HeaderMap::new());
        for wrong in [None, Some("no pass")] {
            answer.extend(
                wrong.map(|text| (reqwest::header::HeaderName::from_static(PASS_HEADER), text.parse().unwrap())),
            );
            passes.learn(mailbox, &answer);
            assert_eq!(passes.prove(&mailbox, &request), None);
        }
        answer.insert(PASS_HEADER, issuer.issue(&mailbox, time).expose_text().parse().unwrap());
        passes.learn(mailbox, &answer);
        let proof = passes.prove(&mailbox, &request).unwrap();
        issuer.verify(&proof, &mailbox, &relay, verb, body, time).unwrap();
        assert_eq!(passes.prove(&MailboxAddress::from_bytes([3; 32]), &request), None, "another mailbox");
        passes.forget(&mailbox);
        assert_eq!(passes.prove(&mailbox, &request), None);
    }
}
