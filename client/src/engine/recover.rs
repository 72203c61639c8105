//! Coming back: asking fellow members for new keys, and entering with them when one of them answers.
//!
//! ```text
//! lost ──request──▶ recovery mailboxes of fellow members          (again, a bounded number of times)
//!      ◀──Welcome── the recovery mailbox that the request names    an organiser removed the old leaf and added the new
//! ```

use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::relay::Page;
use crate::store::alliances::{self, AllianceRow, Place, Status};
use crate::store::history::{self, Event};
use crate::store::outbox::{self, RotateCause, Want};
use crate::store::recovery::{self, Rejoin};
use crate::store::{ends, groups, kept, reading};
use sqlx::SqliteConnection;
use twiza_crypto::content::{Assembly, ContentKind};
use twiza_crypto::grant::Grant;
use twiza_crypto::group::join::Joiner;
use twiza_crypto::group::restore::{Expected, reenter};
use twiza_crypto::identity::Identity;
use twiza_crypto::recovery::{RecoveryKey, RecoveryMailbox};
use twiza_crypto::rejoin::{Note, RejoinRequest};
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{FrameDigest, FrameSize, ProblemCode, Sequence};

/// How often everybody is asked before one gives up.
const ROUNDS_MAX: u32 = 30;

/// Rounds with one request. Then a fresh one is made: somebody may have answered the one before, and lost the answer.
const ROUNDS_PER_REQUEST: u32 = 3;

impl Engine {
    /// What is done about a lost place, or about an alliance that is stuck. Whether one takes part again.
    pub(super) async fn recover(&self, alliance: AllianceNumber) -> Result<bool, ClientError> {
        self.read_notes(alliance).await?;
        let row = self.row(alliance).await?;
        if row.status != Status::Lost {
            return Ok(row.status == Status::Active);
        }
        self.ask(&row).await?;
        let back = self.look_for_welcome(&row).await?;
        if !back {
            self.push_recovery(&row).await?;
        }
        Ok(back)
    }

    /// Makes the requests of a round, if it is time for one.
    async fn ask(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let Some(rejoin) = recovery::rejoin(&mut step, row.id).await? else { return Ok(()) };
        if recovery::is_elsewhere(&mut step, row.id, rejoin.bearings.state.id.as_bytes()).await? {
            // Somebody has let this person in by an invitation: here is nothing more to come back to.
            recovery::end_rejoin(&mut step, row.id).await?;
            alliances::set_status(&mut step, row.id, Status::Left).await?;
            step.commit().await?;
            return Ok(());
        }
        let now = self.environment.clock.unix_seconds();
        let due = self.environment.clock.is_due(rejoin.asked_at, self.environment.recovery_after_seconds);
        if rejoin.rounds > ROUNDS_MAX || (rejoin.rounds > 0 && !due) {
            return Ok(());
        }
        if rejoin.rounds == ROUNDS_MAX {
            history::add_event(&mut step, row.id, &row.place, &Event::NobodyAnswered).await?;
        } else {
            self.make_requests(&mut step, row, rejoin).await?;
        }
        recovery::set_asked(&mut step, row.id, now).await?;
        step.commit().await?;
        Ok(())
    }

    async fn make_requests(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        rejoin: Rejoin,
    ) -> Result<(), ClientError> {
        let random = &self.environment.random;
        let request = match rejoin.request.filter(|_| !rejoin.rounds.is_multiple_of(ROUNDS_PER_REQUEST)) {
            Some(request) => request,
            None => {
                let own = &rejoin.bearings.own;
                let generation = rejoin.call.as_ref().map_or(rejoin.bearings.state.generation, |call| call.generation);
                let mut joiner = Joiner::new(&self.profile.key, &own.name, &own.organisation, random)?;
                let today = self.environment.clock.today();
                let key = &self.profile.key;
                let request = RejoinRequest::sign(key, &rejoin.bearings, generation, today, joiner.request())?;
                let mailbox = joiner.recovery_key()?;
                recovery::set_request(step, row.id, &request, &mailbox, &joiner.take_changes()).await?;
                request
            }
        };
        recovery::drop_postings(step, row.id).await?;
        // After a reboot, whoever has come back looks into the mailbox of before as well.
        let out = rejoin.call.as_ref().map_or(&[][..], |call| &call.without);
        let fellows = rejoin.bearings.fellows.iter().filter(|fellow| !out.contains(&fellow.person.identity));
        let fellows = fellows.take(super::lost::FELLOWS_MAX).map(|fellow| &fellow.mailbox);
        let targets: Vec<&RecoveryMailbox> = rejoin.call.iter().map(|call| &call.mailbox).chain(fellows).collect();
        for target in targets {
            self.leave_note(step, row.id, target, &Note::Request(request.clone()), FrameSize::Kib16).await?;
        }
        Ok(())
    }

    /// Seals a note for a fellow member's recovery mailbox; it leaves with [`Engine::push_recovery`].
    pub(super) async fn leave_note(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        target: &RecoveryMailbox,
        note: &Note,
        size: FrameSize,
    ) -> Result<(), ClientError> {
        let sealed = note.seal(target)?;
        let random = &self.environment.random;
        let frames = seal_payload(&target.frame_key()?, ContentKind::Recovery, &sealed, None, size, random)?;
        recovery::add_postings(step, alliance, &target.mailbox(), &frames).await
    }

    /// Delivers what waits for others' recovery mailboxes, each on a connection of its own: the relay must not learn
    /// from it which of them belong together. A mailbox that takes nothing any more keeps nothing else from going on.
    pub(super) async fn push_recovery(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let postings = recovery::postings(&mut *self.store.reader().await?, row.id).await?;
        if postings.is_empty() {
            return Ok(());
        }
        let grants = self.grants_known(row).await?;
        let mut failure = None;
        for posting in postings {
            let connection = self.environment.connector.connect(&row.relay)?;
            let mut answer = connection.append(&posting.mailbox, &posting.frame, false).await;
            if matches!(&answer, Err(error) if error.code() == Some(ProblemCode::MailboxUnknown)) {
                answer = match self.open_with(&*connection, &posting.mailbox, &grants).await {
                    Ok(_) => connection.append(&posting.mailbox, &posting.frame, false).await,
                    Err(ClientError::Relay(error)) => Err(error),
                    Err(error) => return Err(error),
                };
            }
            match answer {
                Err(error) if error.is_retryable() || error.is_no_right() || error.code().is_none() => {
                    failure = failure.or(Some(error))
                }
                _ => {
                    let mut step = self.store.begin().await?;
                    recovery::drop_posting(&mut step, posting.id).await?;
                    step.commit().await?;
                }
            }
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The grants for opening others' mailboxes, as far as they are known here.
    async fn grants_known(&self, row: &AllianceRow) -> Result<Vec<Grant>, ClientError> {
        let mut step = self.store.begin().await?;
        let rejoin = recovery::rejoin(&mut step, row.id).await?.filter(|_| row.status != Status::Active);
        let state = match rejoin {
            Some(rejoin) => rejoin.bearings.state,
            None => self.stored_group(&mut step, row.id).await?.alliance().clone(),
        };
        step.commit().await?;
        self.grants(row.id, &state).await
    }

    /// Looks for the answer in the mailbox that the request names, which is opened where it is not there yet.
    async fn look_for_welcome(&self, row: &AllianceRow) -> Result<bool, ClientError> {
        let rejoin = recovery::rejoin(&mut *self.store.reader().await?, row.id).await?;
        let Some(Rejoin { mailbox: Some(key), bearings, .. }) = rejoin else { return Ok(false) };
        let (mailbox, frame_key) = (key.mailbox()?, key.frame_key()?);
        let connection = self.environment.connector.connect(&row.relay)?;
        let mut assembly = Assembly::default();
        let mut after = Sequence::START;
        loop {
            let Page { frames, head } = match connection.read(&mailbox, after).await {
                Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {
                    let grants = self.grants(row.id, &bearings.state).await?;
                    return match self.open_with(&*connection, &mailbox, &grants).await {
                        // The others may have another grant by now; whoever answers opens it.
                        Err(ClientError::Relay(error)) if error.is_no_right() => Ok(false),
                        opened => opened.map(|_| false),
                    };
                }
                page => page?,
            };
            for frame in frames {
                after = frame.sequence;
                let Ok(content) = frame_key.open(&frame.octets) else { continue };
                let Some(payload) = assembly.push(FrameDigest::of(&frame.octets), content) else { continue };
                if payload.kind == ContentKind::Recovery && self.take_welcome(row, &key, &payload.body).await? {
                    return Ok(true);
                }
            }
            if head.is_some() {
                return Ok(false);
            }
        }
    }

    /// Enters again, if this is a Welcome by somebody who organised the alliance as one knew it.
    async fn take_welcome(&self, row: &AllianceRow, key: &RecoveryKey, sealed: &[u8]) -> Result<bool, ClientError> {
        let Ok(Note::Welcome(welcome)) = Note::open(key, sealed) else { return Ok(false) };
        let mut step = self.store.begin().await?;
        if alliances::get(&mut step, row.id).await?.status != Status::Lost {
            return Ok(true);
        }
        let Some(rejoin) = recovery::rejoin(&mut step, row.id).await? else { return Ok(false) };
        let (mut organisers, mut generation_min) = (rejoin.bearings.organisers(), rejoin.bearings.state.generation);
        if let Some(call) = &rejoin.call {
            organisers.retain(|organiser| !call.without.contains(organiser));
            generation_min = call.generation;
        }
        let alliance = &rejoin.bearings.state.id;
        let expected = Expected { alliance, generation_min, organisers: &organisers };
        let keys = recovery::request_keys(&mut step, row.id).await?;
        let Ok((group, sender)) = reenter(keys, &welcome, &expected, &self.environment.random) else {
            return Ok(false);
        };
        // Of two that were founded anew at once, this is the one that is followed.
        let founder = group.alliance().founding.as_ref().map(|founding| founding.by);
        let another = rejoin
            .call
            .as_ref()
            .is_some_and(|call| call.generation == group.alliance().generation && founder != Some(call.caller));
        if another || group.alliance().relay()?.address != row.relay {
            return Ok(false);
        }
        self.begin_again(&mut step, row, group).await?;
        let event = Event::Rejoined { by: (&sender).into() };
        let place = alliances::get(&mut step, row.id).await?.place;
        history::add_event(&mut step, row.id, &place, &event).await?;
        outbox::add_intent(&mut step, row.id, &Want::Rotate { cause: RotateCause::Joined }).await?;
        step.commit().await?;
        Ok(true)
    }

    /// Another life in the alliance, with this group. History stays, and what waits in the outbox waits on.
    async fn begin_again(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        mut group: twiza_crypto::group::Group,
    ) -> Result<(), ClientError> {
        groups::delete(step, row.id).await?;
        recovery::take_request_keys(step, row.id).await?;
        self.start_life(step, row, &mut group).await
    }

    /// Begins a life with a group that is not stored yet.
    pub(super) async fn start_life(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &mut twiza_crypto::group::Group,
    ) -> Result<(), ClientError> {
        groups::apply(step, row.id, &group.take_changes()).await?;
        recovery::end_rejoin(step, row.id).await?;
        recovery::begin_life(step, row.id).await?;
        kept::forget(step, row.id).await?;
        ends::begin(step, row.id, group.epoch()).await?;
        reading::leave_mailbox(step, row.id).await?;
        outbox::requeue(step, row.id).await?;
        alliances::set_active(step, row.id, &group.alliance().id, group.alliance().name.as_str()).await?;
        alliances::enter_mailbox(step, row.id, &Place { epoch: group.epoch(), ..Place::START }).await?;
        alliances::set_rotated(step, row.id, self.environment.clock.unix_seconds()).await
    }

    /// Whether somebody is oneself.
    pub(super) fn is_own(&self, identity: &Identity) -> bool {
        self.profile.key.identity() == *identity
    }
}
