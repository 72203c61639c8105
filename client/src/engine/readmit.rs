//! Letting somebody in again who has a seat and lost its keys: without a question, because whoever signs with the
//! identity key *is* that member to everybody; the history says so to all. Whoever was removed has no seat.

use super::Engine;
use crate::ClientError;
use crate::store::alliances::{self, AllianceRow, Status};
use crate::store::outbox::{self, Want};
use crate::store::recovery;
use sqlx::SqliteConnection;
use twiza_crypto::alliance::Role;
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{ADDITIONS_MAX, Change};
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::judge::CommitFacts;
use twiza_crypto::rejoin::{Note, RejoinRequest};
use twiza_protocol::FrameSize;

/// How often one person is let in again on one day: a bound on what somebody with a copy of a device can stir up.
const RETURNS_PER_DAY_MAX: u32 = 3;

impl Engine {
    /// Wishes to let in whoever may be, if one is an organiser. Others have asked other organisers as well.
    pub(super) async fn take_requests(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        requests: Vec<(RejoinRequest, Vec<u8>)>,
    ) -> Result<(), ClientError> {
        if requests.is_empty() || alliances::get(step, alliance).await?.status != Status::Active {
            return Ok(());
        }
        let group = self.stored_group(step, alliance).await?;
        let mut accepted: Vec<(RejoinRequest, Vec<u8>)> = Vec::new();
        for (request, octets) in requests {
            if self.may_return(step, alliance, &group, &request).await?.is_some() {
                // Of several requests of one person, the last is the one that it waits with.
                accepted.retain(|(other, _)| other.join.person.identity != request.join.person.identity);
                accepted.push((request, octets));
            }
        }
        let octets: Vec<Vec<u8>> = accepted.into_iter().map(|(_, octets)| octets).collect();
        for batch in octets.chunks(ADDITIONS_MAX) {
            outbox::add_intent(step, alliance, &Want::Readmit { requests: batch.to_vec() }).await?;
        }
        Ok(())
    }

    /// The role with which somebody may come back as things stand, if one may let it in.
    async fn may_return(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        group: &Group,
        request: &RejoinRequest,
    ) -> Result<Option<Role>, ClientError> {
        let (state, person) = (group.alliance(), &request.join.person);
        let own = self.profile.key.identity();
        let organiser = state.seat(&own).is_some_and(|seat| seat.role == Role::Organiser);
        let today = self.environment.clock.today().0;
        let fresh = request.day.0.abs_diff(today) <= super::notes::KEEP_DAYS;
        if !organiser
            || !fresh
            || person.identity == own
            || request.alliance != state.id
            || request.generation > state.generation
            || group.has_leaf_key(request.join.leaf_key())
            || recovery::is_spent(step, alliance, request.join.leaf_key()).await?
        {
            return Ok(None);
        }
        let day = self.environment.clock.today();
        if recovery::returns_on(step, alliance, &person.identity, day).await? >= RETURNS_PER_DAY_MAX {
            return Ok(None);
        }
        if state.seat(&person.identity).is_some() {
            let members = group.members()?;
            return Ok(members.iter().find(|member| member.person == *person).map(|member| member.role));
        }
        let awaited = state.awaits(&person.identity).filter(|awaited| awaited.person() == *person);
        Ok(awaited.map(|awaited| awaited.role))
    }

    /// The change that lets in whoever of these may come back; none where somebody else has done it.
    pub(super) async fn readmission(
        &self,
        step: &mut SqliteConnection,
        alliance: i64,
        group: &Group,
        requests: &[Vec<u8>],
    ) -> Result<Option<Change>, ClientError> {
        let mut returning: Vec<(JoinRequest, Role)> = Vec::new();
        for octets in requests {
            let request = RejoinRequest::verify(octets)?;
            if let Some(role) = self.may_return(step, alliance, group, &request).await? {
                returning.push((request.join, role));
            }
        }
        Ok((!returning.is_empty()).then_some(Change::Readmit(returning)))
    }

    /// The commit is the relay's: whoever asked gets the Welcome, in the mailbox that the request names.
    pub(super) async fn answer_requests(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        requests: &[Vec<u8>],
        welcome: &[u8],
    ) -> Result<(), ClientError> {
        for octets in requests {
            let mailbox = RejoinRequest::verify(octets)?.join.recovery_mailbox()?;
            self.leave_note(step, row.id, &mailbox, &Note::Welcome(welcome.to_vec()), FrameSize::Kib64).await?;
        }
        Ok(())
    }

    /// Notes the new keys of whoever was let in again, so that nobody answers the same request once more.
    pub(super) async fn note_readmitted(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &Group,
        facts: &CommitFacts,
    ) -> Result<(), ClientError> {
        let today = self.environment.clock.today();
        for person in &facts.readmitted {
            for key in group.leaf_keys(&[person.identity]) {
                recovery::spend_leaf(step, row.id, &key, &person.identity, today).await?;
            }
        }
        Ok(())
    }
}
