//! Asking to join, and entering when the Welcome comes.

use super::rendezvous::NOT_KEPT;
use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::relay::{Page, RelayConnection};
use crate::store::alliances::{self, AllianceRow, Place, Status};
use crate::store::history::{self, Event};
use crate::store::invitations;
use crate::store::outbox::{self, RotateCause, Want};
use crate::store::{ends, groups};
use sqlx::SqliteConnection;
use twiza_crypto::content::{Assembly, ContentKind, Payload};
use twiza_crypto::group::Group;
use twiza_crypto::group::join::{Joiner, enter};
use twiza_crypto::invitation::{Invitation, Rendezvous};
use twiza_crypto::name::Name;
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{Chain, FrameDigest, FrameSize, ProblemCode, Sequence};

impl Engine {
    /// Asks to join with an invitation: leaves a key package in its rendezvous mailbox. A name or organisation stands
    /// in for the profile's.
    ///
    /// # Errors
    /// [`ClientError::Invitation`], [`ClientError::InvitationExpired`], [`ClientError::InvitationUsed`], [`ClientError::InvitationOwn`] or
    /// [`ClientError::Relay`]. Where the relay cannot be reached, the request waits in the outbox.
    pub async fn join(
        &self,
        link: &str,
        name: Option<&Name>,
        organisation: Option<&Name>,
    ) -> Result<AllianceNumber, ClientError> {
        let invitation = Invitation::from_link(link)?;
        if let Some(number) = self.joining_with(link).await? {
            self.sync(number).await?;
            return Ok(number);
        }
        if invitations::is_own(&mut *self.store.reader().await?, link.trim()).await? {
            return Err(ClientError::InvitationOwn);
        }
        if invitation.expires < self.environment.clock.today() {
            return Err(ClientError::InvitationExpired);
        }
        let rendezvous = invitation.rendezvous()?;
        let connection = self.environment.connector.connect(&invitation.relay)?;
        self.check_unused(&*connection, &rendezvous).await?;
        let number = self.prepare_request(link, &invitation, &rendezvous, name, organisation).await?;
        self.sync(number).await?;
        match self.row(number).await?.status {
            Status::Used => Err(ClientError::InvitationUsed),
            _ => Ok(number),
        }
    }

    async fn joining_with(&self, link: &str) -> Result<Option<AllianceNumber>, ClientError> {
        let rows = alliances::all(&mut *self.store.reader().await?).await?;
        let found = rows.iter().find(|row| row.invitation.as_deref() == Some(link.trim()));
        Ok(found.map(|row| AllianceNumber(row.id)))
    }

    async fn check_unused(&self, connection: &dyn RelayConnection, rendezvous: &Rendezvous) -> Result<(), ClientError> {
        let page = connection.read(&rendezvous.mailbox, Sequence::START).await.map_err(|error| match error.code() {
            Some(ProblemCode::MailboxUnknown) => ClientError::InvitationExpired,
            _ => error.into(),
        })?;
        let used = page.frames.iter().any(|frame| rendezvous.frame.open(&frame.octets).is_ok());
        if used { Err(ClientError::InvitationUsed) } else { Ok(()) }
    }

    async fn prepare_request(
        &self,
        link: &str,
        invitation: &Invitation,
        rendezvous: &Rendezvous,
        name: Option<&Name>,
        organisation: Option<&Name>,
    ) -> Result<AllianceNumber, ClientError> {
        let profile = &self.profile;
        let random = &self.environment.random;
        let name = name.unwrap_or(&profile.name);
        let organisation = organisation.unwrap_or(&profile.organisation);
        let mut joiner = Joiner::new(&profile.key, name, organisation, random)?;
        let kind = ContentKind::JoinRequest;
        let frames = seal_payload(&rendezvous.frame, kind, joiner.request(), None, FrameSize::Kib16, random)?;
        let mut step = self.store.begin().await?;
        let id = alliances::insert(&mut step, Status::Joining, &invitation.relay, Some(link.trim())).await?;
        groups::apply(&mut step, id, &joiner.take_changes()).await?;
        outbox::add_postings(&mut step, id, None, &rendezvous.mailbox, &frames, false).await?;
        step.commit().await?;
        Ok(AllianceNumber(id))
    }

    /// Looks for the answer to one's request.
    pub(super) async fn pull_answer(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let link = row.invitation.as_deref().ok_or_else(|| ClientError::Store("a request without a link".into()))?;
        let invitation = Invitation::from_link(link)?;
        let rendezvous = invitation.rendezvous()?;
        let connection = self.connection(row)?;
        let mut assembly = Assembly::default();
        let mut after = Sequence::START;
        let mut chain = Chain::start(&rendezvous.mailbox.address());
        let mut first_request = true;
        loop {
            let Page { frames, head } = connection.read(&rendezvous.mailbox, after).await?;
            for frame in frames {
                after = frame.sequence;
                chain = chain.append(after, frame.closing, &FrameDigest::of(&frame.octets));
                let Ok(content) = rendezvous.frame.open(&frame.octets) else { continue };
                let Some(payload) = assembly.push(FrameDigest::of(&frame.octets), content) else { continue };
                if payload.kind == ContentKind::JoinRequest && std::mem::take(&mut first_request) {
                    if !self.is_own_request(row, &payload).await? {
                        return self.end_joining(row, Status::Used).await;
                    }
                } else if self.take_answer(row, &invitation, &payload).await? {
                    return Ok(());
                }
            }
            if let Some(head) = head {
                if head.chain != chain {
                    return Err(ClientError::RelayContradiction("it shows other frames than it signs"));
                }
                // Closed, and not by an answer of the inviter: somebody else has the link.
                if head.closed {
                    return self.end_joining(row, Status::Used).await;
                }
                return if first_request { self.ask_again(row).await } else { Ok(()) };
            }
        }
    }

    /// One's request is not there: whatever the relay said of it, it is sent again the next time.
    async fn ask_again(&self, row: &AllianceRow) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        let sent = outbox::of_no_intent(&mut step, row.id).await?;
        let sent: Vec<i64> = sent.iter().map(|posting| posting.id).collect();
        let broken = outbox::take_receipts_back(&mut step, &sent).await?;
        step.commit().await?;
        if broken { Err(NOT_KEPT) } else { Ok(()) }
    }

    async fn is_own_request(&self, row: &AllianceRow, payload: &Payload) -> Result<bool, ClientError> {
        let Ok(request) = twiza_crypto::group::join::JoinRequest::verify(&payload.body) else { return Ok(false) };
        let own = request.person.identity == self.profile.key.identity();
        let state = groups::load(&mut *self.store.reader().await?, row.id).await?;
        Ok(own && request.is_answerable_with(state, &self.environment.random))
    }

    async fn take_answer(
        &self,
        row: &AllianceRow,
        invitation: &Invitation,
        payload: &Payload,
    ) -> Result<bool, ClientError> {
        match payload.kind {
            ContentKind::Decline if invitation.verify_decline(&payload.body).is_ok() => {
                self.end_joining(row, Status::Declined).await.map(|()| true)
            }
            ContentKind::Welcome => {
                let mut step = self.store.begin().await?;
                if alliances::get(&mut step, row.id).await?.status != Status::Joining {
                    return Ok(true);
                }
                let state = groups::load(&mut step, row.id).await?;
                let Ok(group) = enter(state, &payload.body, &invitation.inviter, &self.environment.random) else {
                    return Ok(false);
                };
                if let Some(earlier) = alliances::alive(&mut step, &group.alliance().id).await? {
                    drop(step);
                    self.end_earlier(AllianceNumber(earlier)).await?;
                    return Box::pin(self.take_answer(row, invitation, payload)).await;
                }
                self.settle_in(&mut step, row, group).await?;
                step.commit().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Somebody was removed and let in again, and has not read that yet: its earlier part is read to its end first. Only
    /// that ends it: a Welcome alone must not, since any member can found another group with the alliance's identifier.
    async fn end_earlier(&self, earlier: AllianceNumber) -> Result<(), ClientError> {
        match self.pull(earlier).await {
            Err(error) if error.is_retryable() => return Err(error),
            // Whatever else keeps it from being read to its end, one is in it until then.
            Err(_) | Ok(()) => {}
        }
        match self.row(earlier).await?.status {
            Status::Active => Err(ClientError::MemberAlready(earlier)),
            _ => Ok(()),
        }
    }

    /// Becomes a member, and wishes for new keys at once: a tree whose members have updated has small commits.
    async fn settle_in(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        mut group: Group,
    ) -> Result<(), ClientError> {
        groups::apply(step, row.id, &group.take_changes()).await?;
        let alliance = group.alliance();
        alliances::set_active(step, row.id, &alliance.id, alliance.name.as_str()).await?;
        let place = Place { epoch: group.epoch(), ..Place::START };
        alliances::set_place(step, row.id, &place).await?;
        ends::begin(step, row.id, place.epoch).await?;
        outbox::forget_rendezvous(step, row.id).await?;
        alliances::set_rotated(step, row.id, self.environment.clock.unix_seconds()).await?;
        history::add_event(step, row.id, &place, &Event::Joined).await?;
        outbox::add_intent(step, row.id, &Want::Rotate { cause: RotateCause::Joined }).await?;
        Ok(())
    }

    async fn end_joining(&self, row: &AllianceRow, status: Status) -> Result<(), ClientError> {
        let mut step = self.store.begin().await?;
        alliances::set_status(&mut step, row.id, status).await?;
        groups::delete(&mut step, row.id).await?;
        outbox::forget_rendezvous(&mut step, row.id).await?;
        step.commit().await?;
        Ok(())
    }
}
