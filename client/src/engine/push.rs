//! Carrying out wishes: from an intent to sealed frames, and from those to the relay's receipt.

use super::approve::role_of;
use super::members::role_with_code;
use super::view::own_view;
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::RelayError;
use crate::store::alliances::AllianceRow;
use crate::store::corrupt;
use crate::store::history::{self, Event};
use crate::store::invitations::{self, InvitationStatus};
use crate::store::motions::{self, MotionState};
use crate::store::outbox::{self, Intent, IntentState, RotateCause, Want};
use sqlx::SqliteConnection;
use std::collections::HashSet;
use twiza_crypto::Obstacle;
use twiza_crypto::alliance::Role;
use twiza_crypto::content::ContentKind;
use twiza_crypto::epoch::EpochKeys;
use twiza_crypto::grant::{Grant, ReplacedGrant};
use twiza_crypto::group::Group;
use twiza_crypto::group::commit::{Change, PendingCommit};
use twiza_crypto::group::join::JoinRequest;
use twiza_crypto::identity::Identity;
use twiza_crypto::invitation::Invitation;
use twiza_crypto::message::{Message, MessageBody};
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{Frame, FrameSize, MailboxAddress, MailboxKey, ProblemCode};

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// There was nothing to do.
    Idle,
    /// Every frame has its receipt, or the wish turned out to be done or impossible: read on.
    Acted,
    /// The mailbox was closed by somebody faster: read on, and seal again.
    Raced,
}

/// Where an intent stands after an attempt to seal it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prepared {
    /// Its frames are ready to be sent.
    Sealed,
    /// There is nothing to send: it is done, or it cannot be.
    Over,
    /// Its time has not come.
    Waits,
}

/// Once somebody wants to leave, nothing is said before a commit has carried it out (RFC 9420, section 12.4): whoever
/// can makes that commit first, and the texts of whoever leaves stay where they are.
fn must_wait(group: &Group, want: &Want) -> bool {
    want.is_text() && group.has_departures()
}

/// Whether a wish is one's last word on the matter. What others have done meanwhile is not undone by a wish for a grant that
/// was made before.
async fn is_still_wanted(
    step: &mut SqliteConnection,
    row: &AllianceRow,
    group: &Group,
    intent: &Intent,
) -> Result<bool, ClientError> {
    let Want::SetGrant { replaced, grant } = &intent.want else { return Ok(true) };
    let current = group.alliance().grant();
    let is_given = current.map(Grant::expose) == grant.as_deref();
    if is_given || ReplacedGrant::of(current)?.as_bytes() == replaced {
        return Ok(true);
    }
    match outbox::gave_grant(step, row.id, current.map(Grant::expose)).await? {
        Some(own) => Ok(own < intent.id),
        None => Err(Obstacle::GrantReplaced.into()),
    }
}

/// What an intent became.
struct Sealed {
    frames: Vec<Frame>,
    closing: bool,
    welcome: Option<Vec<u8>>,
}

/// Gives a wish up, and says so where everything else is read: nothing that somebody wanted fails in silence.
pub(super) async fn give_up(
    step: &mut SqliteConnection,
    row: &AllianceRow,
    intent: &Intent,
    why: Obstacle,
) -> Result<(), ClientError> {
    outbox::fail(step, intent.id, why).await?;
    let reason = why.code().to_owned();
    let event = match &intent.want {
        Want::Send { text, .. } => Event::NotSent { text: text.clone(), reason },
        Want::Rotate { cause: RotateCause::User } => Event::NotDone { change: "rotate".to_owned(), reason },
        // Whoever asks to come back asks again.
        Want::Rotate { .. } | Want::Readmit { .. } => return Ok(()),
        Want::Say { .. } => Event::NotDone { change: "motion".to_owned(), reason },
        Want::Enact { motion } => {
            // Else it would be tried again at once.
            motions::set_state(step, *motion, MotionState::Void).await?;
            Event::NotDone { change: "motion".to_owned(), reason }
        }
        Want::SetRules { .. } => Event::NotDone { change: "rules".to_owned(), reason },
        Want::SetGrant { .. } => Event::NotDone { change: "grant".to_owned(), reason },
        Want::Add { .. } => Event::NotDone { change: "add".to_owned(), reason },
        Want::Remove { .. } => Event::NotDone { change: "remove".to_owned(), reason },
        Want::SetRole { .. } => Event::NotDone { change: "role".to_owned(), reason },
        // Whoever is out has what it wanted.
        Want::Leave if why == Obstacle::NotMember => return Ok(()),
        Want::Leave => Event::NotDone { change: "leave".to_owned(), reason },
    };
    history::add_event(step, row.id, &row.place, &event).await
}

impl Engine {
    /// Tries to carry out one intent.
    pub(super) async fn push(&self, alliance: AllianceNumber, intent: &Intent) -> Result<Pushed, ClientError> {
        let row = self.active_row(alliance).await?;
        if intent.state == IntentState::Queued {
            match self.prepare(alliance, intent).await? {
                Prepared::Sealed => {}
                Prepared::Over => return Ok(Pushed::Acted),
                Prepared::Waits => return Ok(Pushed::Idle),
            }
        }
        let waiting = outbox::waiting(&mut *self.store.reader().await?, row.id, intent.id).await?;
        if waiting.is_empty() {
            // A commit that the relay has, and that was not read back: another program of this profile sent it.
            return Ok(if intent.want.is_commit() { Pushed::Raced } else { Pushed::Idle });
        }
        let connection = self.connection(&row)?;
        if intent.want.is_commit() {
            let Some((next, grants)) = self.next_mailbox(alliance).await? else { return Ok(Pushed::Raced) };
            match self.open_with(&*connection, &next, &grants).await {
                Err(ClientError::Relay(error)) if error.is_no_right() => {
                    return self.take_back(alliance, intent, &next.address(), error).await;
                }
                opened => opened?,
            };
        }
        for posting in waiting {
            match connection.append(&posting.mailbox, &posting.frame, posting.closing).await {
                Ok(_receipt) => {
                    let mut step = self.store.begin().await?;
                    outbox::acknowledge(&mut step, &posting).await?;
                    step.commit().await?;
                }
                // Unknown: the relay lost the mailbox. Reading opens it again.
                Err(error)
                    if matches!(error.code(), Some(ProblemCode::MailboxClosed | ProblemCode::MailboxUnknown)) =>
                {
                    self.note_refused(&row, intent).await?;
                    return Ok(Pushed::Raced);
                }
                // The next epoch has room: what is to be said waits for it, and the way there is kept free.
                Err(error) if error.code() == Some(ProblemCode::MailboxFull) && !intent.want.is_commit() => {
                    return self.make_room(alliance).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Pushed::Acted)
    }

    /// Sees to it that a commit of one's own ends the full mailbox.
    async fn make_room(&self, alliance: AllianceNumber) -> Result<Pushed, ClientError> {
        let mut step = self.store.begin().await?;
        let open = outbox::open_intents(&mut step, alliance.0).await?;
        if open.iter().any(Intent::commits_soon) {
            return Ok(Pushed::Idle);
        }
        outbox::add_intent(&mut step, alliance.0, &Want::Rotate { cause: RotateCause::Full }).await?;
        step.commit().await?;
        Ok(Pushed::Acted)
    }

    /// The mailbox that one's pending commit leads to, with the grants to open it by. It is opened before the commit goes out:
    /// a crash between the two strands nobody. A commit that brings a grant has only that one: it must be good. `None` where
    /// no commit is pending any more.
    async fn next_mailbox(&self, alliance: AllianceNumber) -> Result<Option<(MailboxKey, Vec<Grant>)>, ClientError> {
        let Held { row, group } = self.held(alliance).await?;
        if !group.has_pending() {
            return Ok(None);
        }
        let (next, state) = (group.next_epoch_keys(row.relay.key())?, group.next_alliance()?);
        let grants = if state.relays == group.alliance().relays {
            self.grants(row.id, &state).await?
        } else {
            state.grant().cloned().into_iter().collect()
        };
        Ok(Some((next.mailbox, grants)))
    }

    /// Unseals a commit that cannot go out, since the mailbox after it cannot be opened: what comes behind it may be said, and
    /// one may leave. It is made anew the next time; but one that brings the very grant that is refused never will be.
    async fn take_back(
        &self,
        alliance: AllianceNumber,
        intent: &Intent,
        next: &MailboxAddress,
        error: RelayError,
    ) -> Result<Pushed, ClientError> {
        let mut step = self.store.begin().await?;
        let held = self.hold(&mut step, alliance.0).await?;
        // Another program of this profile may have done so already, and have sealed something else since.
        let state = outbox::intent(&mut step, intent.id).await?.map(|intent| intent.state);
        let is_ours = held.group.has_pending()
            && held.group.next_epoch_keys(held.row.relay.key())?.mailbox.address() == *next
            && state == Some(IntentState::Sealed);
        if !is_ours {
            return Ok(Pushed::Raced);
        }
        let Some((row, mut group)) = self.take(&mut step, held).await? else { return Ok(Pushed::Raced) };
        let brings_it = group.next_alliance()?.relays != group.alliance().relays;
        group.drop_pending()?;
        let taken_back = if brings_it && error.is_wrong_right() {
            give_up(&mut step, &row, intent, Obstacle::GrantRefused).await?;
            Ok(Pushed::Acted)
        } else {
            outbox::seal_again(&mut step, intent.id).await?;
            Err(error.into())
        };
        self.keep(step, alliance.0, group).await?;
        taken_back
    }

    /// Seals an intent under the current epoch, in one step with the MLS state that it takes.
    async fn prepare(&self, alliance: AllianceNumber, intent: &Intent) -> Result<Prepared, ClientError> {
        let mut step = self.store.begin().await?;
        // Another program of this profile may have been faster: what it sealed is sent, and nothing is sealed twice.
        match outbox::intent(&mut step, intent.id).await?.map(|intent| intent.state) {
            Some(IntentState::Queued) => {}
            Some(IntentState::Sealed) => return Ok(Prepared::Sealed),
            _ => return Ok(Prepared::Over),
        }
        let held = self.hold(&mut step, alliance.0).await?;
        let waits_for_commit = intent.want.is_commit() && outbox::has_sealed_commit(&mut step, alliance.0).await?;
        let waits_for_grant = outbox::has_later_grant(&mut step, alliance.0, intent).await?;
        if waits_for_commit || waits_for_grant || must_wait(&held.group, &intent.want) {
            return Ok(Prepared::Waits);
        }
        let Some((row, mut group)) = self.take(&mut step, held).await? else { return Ok(Prepared::Waits) };
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let sealed = match is_still_wanted(&mut step, &row, &group, intent).await {
            Ok(true) => self.seal_want(&mut step, &row, &mut group, &keys, &intent.want).await,
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        let sealed = match sealed {
            Ok(Some(sealed)) => sealed,
            Ok(None) => {
                outbox::finish(&mut step, intent.id).await?;
                step.commit().await?;
                return Ok(Prepared::Over);
            }
            Err(error) => {
                let why = match error {
                    ClientError::NotOrganiser => Obstacle::NotOrganiser,
                    ClientError::NotPossible(obstacle) => obstacle,
                    ClientError::Crypto(_) => Obstacle::Rules,
                    other => return Err(other),
                };
                drop(group);
                give_up(&mut step, &row, intent, why).await?;
                step.commit().await?;
                return Ok(Prepared::Over);
            }
        };
        let Sealed { frames, closing, welcome } = sealed;
        outbox::seal_intent(&mut step, row.id, intent.id, &keys.mailbox, &frames, closing, welcome.as_deref()).await?;
        self.keep(step, row.id, group).await?;
        Ok(Prepared::Sealed)
    }

    /// Whether a wish could be carried out as things stand; nothing is kept of the attempt.
    pub(super) async fn try_want(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &Group,
        want: &Want,
    ) -> Result<(), ClientError> {
        if want.is_text() {
            group.check_may_speak()?;
        }
        if must_wait(group, want) || matches!(want, Want::Send { .. }) {
            return Ok(()); // Nothing else can be wrong with a text.
        }
        let keys = group.epoch_keys(row.relay.key(), row.place.branch)?;
        let mut copy = self.copy(step, row.id).await?;
        self.seal_want(step, row, &mut copy, &keys, want).await.map(|_| ())
    }

    async fn seal_want(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &mut Group,
        keys: &EpochKeys,
        want: &Want,
    ) -> Result<Option<Sealed>, ClientError> {
        let random = &self.environment.random;
        match want {
            Want::Send { id, sent, text } => {
                self.seal_message(step, row, group, keys, (*id, *sent), MessageBody::Text(text.clone())).await.map(Some)
            }
            Want::Say { id, sent, kind, body, unasked } => {
                let body = MessageBody::from_parts(*kind, body.clone())?;
                if let MessageBody::Motion(motion, _) = &body
                    && *unasked
                    && motions::is_open(step, row.id, &motion.action).await?
                {
                    return Ok(None);
                }
                self.seal_message(step, row, group, keys, (*id, *sent), body).await.map(Some)
            }
            Want::Enact { motion } => match self.enacting_number(step, row, group, *motion).await? {
                Some(change) => self.seal_commit(group, keys, &change).map(Some),
                None => Ok(None), // Somebody else was faster, or it was taken back.
            },
            Want::SetRules { rules } => {
                let rules = twiza_crypto::wire::decode(rules, "rules")?;
                if group.alliance().rules == rules {
                    return Ok(None);
                }
                self.seal_commit(group, keys, &Change::SetRules(rules)).map(Some)
            }
            Want::SetGrant { grant, .. } => {
                let grant = grant.as_deref().map(Grant::new).transpose();
                let grant = grant.map_err(|_| corrupt("intent", "body", row.id))?;
                if group.alliance().grant() == grant.as_ref() {
                    return Ok(None);
                }
                self.seal_commit(group, keys, &Change::SetGrant(grant)).map(Some)
            }
            Want::Rotate { cause: RotateCause::Objection } if group.alliance().claim.is_none() => Ok(None),
            Want::Leave if group.is_leaving()? => Ok(None),
            Want::Leave => {
                let octets = self.copy(step, row.id).await?.propose_leave()?;
                let kind = ContentKind::Proposal;
                let frames = seal_payload(&keys.frame, kind, &octets, None, FrameSize::Kib1, random)?;
                Ok(Some(Sealed { frames, closing: false, welcome: None }))
            }
            Want::Rotate { cause: RotateCause::Departure } if !group.has_departures() => Ok(None),
            Want::Rotate { cause: RotateCause::Recovery } => {
                self.seal_commit(group, keys, &Change::RenewRecovery).map(Some)
            }
            Want::Readmit { requests } => {
                let change = self.readmission(step, row.id, group, requests).await?;
                change.map(|change| self.seal_commit(group, keys, &change)).transpose()
            }
            Want::Rotate { .. } => self.seal_commit(group, keys, &Change::Rotate).map(Some),
            Want::Remove { identity } => {
                let identity = Identity::from_bytes(*identity);
                if group.alliance().seat(&identity).is_none() && group.alliance().awaits(&identity).is_none() {
                    return Ok(None); // Somebody else removed that member, or it left.
                }
                self.seal_commit(group, keys, &Change::Remove(vec![identity])).map(Some)
            }
            Want::SetRole { identity, role } => {
                let role = role_with_code(*role).ok_or_else(|| corrupt("intent", "body", row.id))?;
                let change = Change::SetRole(Identity::from_bytes(*identity), role);
                self.seal_commit(group, keys, &change).map(Some)
            }
            Want::Add { invitations } => {
                let mut admitted: Vec<(JoinRequest, Role)> = Vec::new();
                let mut seen = HashSet::new();
                for number in invitations.iter().filter(|number| seen.insert(**number)) {
                    let found = invitations::get(step, *number).await?;
                    let found = found.ok_or(ClientError::UnknownRequest(*number))?;
                    // Decided by an earlier wish: whoever was let in by it is not turned away by this one.
                    if found.status != InvitationStatus::Requested {
                        continue;
                    }
                    let Some(request) = &found.request else { continue };
                    let request = JoinRequest::verify(request)?;
                    let identity = request.person.identity;
                    // Two invitations for one person, or another organiser was faster: the others are let in all the same.
                    if group.alliance().seat(&identity).is_some()
                        || admitted.iter().any(|(other, _)| other.person.identity == identity)
                    {
                        self.turn_away(step, &found).await?;
                        continue;
                    }
                    admitted.push((request, role_of(&found)?));
                }
                if admitted.is_empty() {
                    return Ok(None);
                }
                self.seal_commit(group, keys, &Change::Add(admitted)).map(Some)
            }
        }
    }

    async fn seal_message(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &mut Group,
        keys: &EpochKeys,
        (id, sent): ([u8; 16], u64),
        body: MessageBody,
    ) -> Result<Sealed, ClientError> {
        let view = own_view(step, row, &keys.mailbox.address()).await?;
        let octets = group.encrypt_message(&Message { id, sent, view, body })?;
        let (kind, random) = (ContentKind::Message, &self.environment.random);
        let frames = seal_payload(&keys.frame, kind, &octets, None, FrameSize::Kib1, random)?;
        Ok(Sealed { frames, closing: false, welcome: None })
    }

    fn seal_commit(&self, group: &mut Group, keys: &EpochKeys, change: &Change) -> Result<Sealed, ClientError> {
        if group.has_pending() {
            group.drop_pending()?;
        }
        let pending = group.commit(change, &keys.mailbox.address())?;
        let PendingCommit { commit, welcome, author, frame_size } = pending;
        let random = &self.environment.random;
        let frames = seal_payload(&keys.frame, ContentKind::Commit, &commit, Some(&author), frame_size, random)?;
        Ok(Sealed { frames, closing: true, welcome })
    }

    /// What follows one's own commit: whoever was added gets the Welcome, now that the relay has the commit.
    pub(super) async fn after_own_commit(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        intent: &Intent,
    ) -> Result<(), ClientError> {
        if let Want::Readmit { requests } = &intent.want {
            let welcome = outbox::welcome(step, intent.id).await?;
            return match welcome {
                Some(welcome) => self.answer_requests(step, row, requests, &welcome).await,
                None => Ok(()),
            };
        }
        let invitations = match &intent.want {
            Want::Add { invitations } => invitations.clone(),
            Want::Enact { motion } => self.invitations_of_motion(step, row, *motion).await?,
            _ => return Ok(()),
        };
        let Some(welcome) = outbox::welcome(step, intent.id).await? else { return Ok(()) };
        for number in invitations {
            let Some(found) = invitations::get(step, number).await? else { continue };
            if found.status != InvitationStatus::Requested {
                continue;
            }
            let rendezvous = Invitation::from_link(&found.link)?.rendezvous()?;
            let kind = ContentKind::Welcome;
            let random = &self.environment.random;
            let frames = seal_payload(&rendezvous.frame, kind, &welcome, None, FrameSize::Kib64, random)?;
            outbox::add_postings(step, row.id, None, &rendezvous.mailbox, &frames, true).await?;
            invitations::end(step, number, InvitationStatus::Admitted).await?;
        }
        Ok(())
    }
}
