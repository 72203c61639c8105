//! A commit that works for some and fails for others (RFC 9420, section 16.12): which side goes on.
//!
//! Those who cannot follow it say so in the next branch; an organiser who has followed it says that there too, before it
//! lets anybody in again. The branch's order decides, so that all decide alike, whenever they come:
//!
//! ```text
//! first there                                        who cannot follow          who has followed
//! reports of more than half (the author left aside), goes on in the branch      comes back to them
//!   of two at least, or of an organiser
//! an organiser's word that it has followed           asks to be let in again    goes on
//! ```

use super::look_back::{Looking, ended_with};
use super::{Engine, Held};
use crate::ClientError;
use crate::store::alliances::{AllianceRow, Status};
use crate::store::kept::{self, KeptMailbox};
use crate::store::watched;
use std::collections::BTreeSet;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::{ContentKind, Payload};
use twiza_crypto::report::{Report, Word};
use twiza_crypto::rival::Contender;

/// Which side goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nobody has said that it cannot follow.
    Undisputed,
    /// Too few have said anything.
    Undecided,
    /// Those who cannot follow.
    Reporters,
    /// Those who have followed.
    Followers,
}

/// What came of looking at a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing.
    Nothing,
    /// One has said something oneself: what stood there before it is to be read first.
    Spoke,
    /// One's place has changed.
    Moved,
}

/// The commit that is disputed, and the mailbox that it closed.
struct Dispute {
    mailbox: KeptMailbox,
    commit: Contender,
}

impl Dispute {
    /// What was said of it, in order, by whom was there.
    fn side(&self, said: &[Payload]) -> Side {
        let (roster, address) = (&self.mailbox.roster, self.mailbox.keys.mailbox.address());
        let (mut reporters, mut organised) = (BTreeSet::new(), false);
        for payload in said {
            let word = match payload.kind {
                ContentKind::Report => Word::CannotFollow,
                ContentKind::Followed => Word::Followed,
                _ => continue,
            };
            let Ok(report) = Report::decode(&payload.body) else { continue };
            if report.commit != self.commit.digest || report.leaf_index == self.commit.author {
                continue;
            }
            let Ok(by) = report.verify(word, roster, &address) else { continue };
            match word {
                Word::Followed if by.role == Role::Organiser => return Side::Followers,
                Word::Followed => {}
                Word::CannotFollow => {
                    reporters.insert(by.leaf_index);
                    organised |= by.role == Role::Organiser;
                }
            }
            // One who organises nothing does not lead the others back, where there are two.
            let enough = organised || reporters.len() > 1;
            if enough && reporters.len() * 2 > roster.entries.len().saturating_sub(1) {
                return Side::Reporters;
            }
        }
        if reporters.is_empty() { Side::Undisputed } else { Side::Undecided }
    }
}

impl Engine {
    /// Does what follows from what was said in the branches of a past epoch.
    pub(super) async fn settle_dispute(
        &self,
        looking: &Looking,
        epoch: u64,
        said: &[Payload],
    ) -> Result<Settled, ClientError> {
        let row = &looking.row;
        let Some((dispute, reporter)) = self.disputed(row, epoch).await? else { return Ok(Settled::Nothing) };
        match (dispute.side(said), row.status, reporter) {
            (Side::Reporters, Status::Lost, true) => self.stay_with_reporters(row, &dispute).await,
            (Side::Reporters, Status::Active, false) => {
                let mut step = self.store.begin().await?;
                self.leave_fork(&mut step, row, (epoch, dispute.mailbox.keys.branch)).await?;
                step.commit().await?;
                Ok(Settled::Moved)
            }
            (Side::Undecided, Status::Active, false) => self.say_followed(looking, &dispute).await,
            _ => Ok(Settled::Nothing),
        }
    }

    /// The commit of an epoch that one has followed, or has said oneself that one cannot; and whether it is the latter.
    async fn disputed(&self, row: &AllianceRow, epoch: u64) -> Result<Option<(Dispute, bool)>, ClientError> {
        let mut reader = self.store.reader().await?;
        let own = watched::own_report(&mut reader, row.id, epoch).await?;
        let own = own.map(|octets| Report::decode(&octets)).transpose()?;
        if own.is_none() && row.place.epoch <= epoch {
            return Ok(None);
        }
        for mailbox in kept::past(&mut reader, row.id).await?.into_iter().filter(|kept| kept.epoch == epoch) {
            let Some(commit) = ended_with(&mut reader, &mailbox).await? else { continue };
            let meant = match &own {
                Some(own) => own.commit == commit.digest,
                None => mailbox.ended == Some(kept::Ended::Commit),
            };
            if meant {
                return Ok(Some((Dispute { mailbox, commit }, own.is_some())));
            }
        }
        Ok(None)
    }

    /// Most cannot follow, oneself among them: one goes on with them, and whoever made the commit is out, as far as that is
    /// one's own to do.
    async fn stay_with_reporters(&self, row: &AllianceRow, dispute: &Dispute) -> Result<Settled, ClientError> {
        let mut step = self.store.begin().await?;
        watched::withdraw_own_report(&mut step, row.id, dispute.mailbox.epoch).await?;
        self.stay_where_one_was(&mut step, row.id).await?;
        if let Some(culprit) = dispute.mailbox.roster.at(dispute.commit.author) {
            self.expel(&mut step, row.id, &culprit.person()).await?;
        }
        step.commit().await?;
        Ok(Settled::Moved)
    }

    /// Says that one has followed the commit, if one's word on that counts.
    async fn say_followed(&self, looking: &Looking, dispute: &Dispute) -> Result<Settled, ClientError> {
        let (mut step, row) = (self.store.begin().await?, &looking.row);
        let Held { group, .. } = self.hold(&mut step, row.id).await?;
        let branches = watched::of_epoch(&mut step, row.id, dispute.mailbox.epoch).await?;
        step.commit().await?;
        let word = group.followed(&dispute.mailbox.keys.mailbox.address(), dispute.commit.digest);
        let counts = dispute.mailbox.roster.at(word.leaf_index).is_some_and(|entry| {
            self.is_own(&entry.identity) && entry.role == Role::Organiser && entry.leaf_index != dispute.commit.author
        });
        if !counts {
            return Ok(Settled::Nothing);
        }
        let body = word.encode()?;
        let said = |payload: &Payload| payload.kind == ContentKind::Followed && payload.body == body;
        self.say_in_branch(looking, &branches, ContentKind::Followed, &body, said).await?;
        Ok(Settled::Spoke)
    }
}
