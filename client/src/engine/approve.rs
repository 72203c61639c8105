//! Join requests: seeing who asks, letting in, turning away.

use super::members::role_with_code;
use super::{AllianceNumber, Engine};
use crate::ClientError;
use crate::relay::Page;
use crate::store::history::ShownPerson;
use crate::store::invitations::{self, InvitationRow, InvitationStatus};
use crate::store::outbox::{self, Intent, IntentState, Want};
use sqlx::SqliteConnection;
use std::collections::HashSet;
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::{Assembly, ContentKind};
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::seal::seal_payload;
use twiza_crypto::words::SafetyWords;
use twiza_protocol::{FrameDigest, FrameSize, ProblemCode, Sequence};

/// Days after an invitation's last in which a request is still looked at: clocks differ.
const EXPIRY_GRACE_DAYS: u32 = 1;

/// Somebody who asks to join.
#[derive(Debug, Clone)]
pub struct JoinRequestView {
    /// The request's number, which is its invitation's.
    pub number: i64,
    /// Who asks, by its own word: compare the safety words before approving.
    pub person: ShownPerson,
    /// The safety words of its identity.
    pub words: SafetyWords,
}

impl Engine {
    /// Who asks to join with one's invitations, freshly looked up.
    ///
    /// # Errors
    /// [`ClientError::Relay`] where the relay cannot be reached.
    pub async fn requests(&self, alliance: AllianceNumber) -> Result<Vec<JoinRequestView>, ClientError> {
        let row = self.active_row(alliance).await?;
        let invitations = invitations::of_alliance(&mut *self.store.reader().await?, row.id).await?;
        for invitation in invitations.iter().filter(|row| row.status == InvitationStatus::Open) {
            self.look_for_request(invitation).await?;
        }
        let invitations = invitations::of_alliance(&mut *self.store.reader().await?, row.id).await?;
        Ok(invitations.iter().filter_map(view).collect())
    }

    /// Reads the rendezvous mailbox of an invitation: its first request is the one that counts.
    async fn look_for_request(&self, row: &InvitationRow) -> Result<(), ClientError> {
        let invitation = Invitation::from_link(&row.link)?;
        let rendezvous = invitation.rendezvous()?;
        let connection = self.environment.connector.connect(&invitation.relay)?;
        let mut assembly = Assembly::default();
        let mut after = Sequence::START;
        let mut request = None;
        while request.is_none() {
            let Page { frames, head } = match connection.read(&rendezvous.mailbox, after).await {
                Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => break,
                page => page?,
            };
            for frame in frames {
                after = frame.sequence;
                let payload = rendezvous
                    .frame
                    .open(&frame.octets)
                    .ok()
                    .and_then(|content| assembly.push(FrameDigest::of(&frame.octets), content));
                if let Some(payload) = payload.filter(|payload| payload.kind == ContentKind::JoinRequest) {
                    request = request.or(Some(payload.body));
                }
            }
            if head.is_some() {
                break;
            }
        }
        let mut step = self.store.begin().await?;
        match request {
            // In this order: whoever has an old link cannot use it, whenever this client looks.
            _ if row.expires.plus_days(EXPIRY_GRACE_DAYS) < self.environment.clock.today() => {
                invitations::end(&mut step, row.id, InvitationStatus::Expired).await?;
            }
            Some(request) if JoinRequest::verify(&request).is_ok() => {
                invitations::set_request(&mut step, row.id, &request).await?;
            }
            // A malformed request uses the invitation up: whoever made it has the secret.
            Some(_) => invitations::end(&mut step, row.id, InvitationStatus::Expired).await?,
            None => {}
        }
        step.commit().await?;
        Ok(())
    }

    /// Lets somebody in: the commit goes out at once if the relay can be reached, and then the Welcome.
    ///
    /// # Errors
    /// [`ClientError::UnknownRequest`]; [`ClientError::Relay`] where it must wait in the outbox.
    pub async fn approve(&self, alliance: AllianceNumber, requests: &[i64]) -> Result<Vec<ShownPerson>, ClientError> {
        let row = self.active_row(alliance).await?;
        let members = self.members(alliance).await?;
        let mut people = Vec::new();
        let mut seen = HashSet::new();
        let requests: Vec<i64> = requests.iter().copied().filter(|number| seen.insert(*number)).collect();
        for number in &requests {
            let invitation = self.requested(row.id, *number).await?;
            let found = view(&invitation).ok_or(ClientError::UnknownRequest(*number))?;
            if members.iter().any(|member| member.words == found.words) {
                return Err(Obstacle::MemberAlready.into());
            }
            people.push(found.person);
        }
        for batch in requests.chunks(twiza_crypto::group::commit::ADDITIONS_MAX) {
            self.wish(alliance, &Want::Add { invitations: batch.to_vec() }).await?;
        }
        Ok(people)
    }

    /// Turns somebody away, or takes an invitation back that nobody has used: then there is no person to tell.
    ///
    /// # Errors
    /// [`ClientError::UnknownRequest`]; [`ClientError::BeingLetIn`]; [`ClientError::Relay`] where it must wait in the outbox.
    pub async fn decline(&self, alliance: AllianceNumber, request: i64) -> Result<Option<ShownPerson>, ClientError> {
        let row = self.active_row(alliance).await?;
        let mut step = self.store.begin().await?;
        let found = invitations::get(&mut step, request).await?.filter(|found| found.alliance == row.id);
        let undecided = [InvitationStatus::Open, InvitationStatus::Requested];
        let found = found.filter(|found| undecided.contains(&found.status));
        let invitation = found.ok_or(ClientError::UnknownRequest(request))?;
        let is_on_its_way = |intent: &Intent| {
            intent.state == IntentState::Sealed
                && matches!(&intent.want, Want::Add { invitations } if invitations.contains(&request))
        };
        // The relay may have it: whoever was told no would be a member.
        if outbox::open_intents(&mut step, row.id).await?.iter().any(is_on_its_way) {
            return Err(ClientError::BeingLetIn(request));
        }
        self.turn_away(&mut step, &invitation).await?;
        step.commit().await?;
        self.sync(alliance).await?;
        Ok(view(&invitation).map(|request| request.person))
    }

    /// Puts the answer that nobody is let in into the rendezvous mailbox, and forgets the invitation.
    pub(super) async fn turn_away(
        &self,
        step: &mut SqliteConnection,
        invitation: &InvitationRow,
    ) -> Result<(), ClientError> {
        let parsed = Invitation::from_link(&invitation.link)?;
        let (rendezvous, answer) = (parsed.rendezvous()?, parsed.decline(&self.profile.key)?);
        let random = &self.environment.random;
        let frames = seal_payload(&rendezvous.frame, ContentKind::Decline, &answer, None, FrameSize::Kib1, random)?;
        outbox::add_postings(step, invitation.alliance, None, &rendezvous.mailbox, &frames, true).await?;
        invitations::end(step, invitation.id, InvitationStatus::Declined).await
    }

    async fn requested(&self, alliance: i64, number: i64) -> Result<InvitationRow, ClientError> {
        let found = invitations::get(&mut *self.store.reader().await?, number).await?;
        found
            .filter(|row| row.alliance == alliance && row.status == InvitationStatus::Requested)
            .ok_or(ClientError::UnknownRequest(number))
    }
}

fn view(row: &InvitationRow) -> Option<JoinRequestView> {
    let request = row.request.as_ref().filter(|_| row.status == InvitationStatus::Requested)?;
    let request = JoinRequest::verify(request).ok()?;
    let words = SafetyWords::of_person(&request.person.identity);
    Some(JoinRequestView { number: row.id, person: (&request.person).into(), words })
}

/// The role that an invitation gives.
pub(super) fn role_of(row: &InvitationRow) -> Result<Role, ClientError> {
    role_with_code(row.role).ok_or_else(|| crate::store::corrupt("invitation", "role", row.id))
}
