//! Reading a mailbox: from the relay's page to history, in steps that are each one transaction.

use super::enact::ReadAt;
use super::heal::contradiction;
use super::push::give_up;
use super::rendezvous::NOT_KEPT;
use super::view::{past_agrees, present_agrees};
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::{InboundFrame, Page};
use crate::store::alliances::{self, AllianceRow, Place, Status};
use crate::store::history::{self, Event, LostWhy, NewText, ShownPerson};
use crate::store::kept::{self, Ended, KeptFrame, Known};
use crate::store::outbox::{self, Want};
use crate::store::said::{self, Said};
use crate::store::{ends, groups, reading, recovery, watched};
use sqlx::SqliteConnection;
use twiza_crypto::alliance::{AllianceState, Role};
use twiza_crypto::content::{Assembly, Content, ContentKind, PARTS_BYTES_MAX, Payload};
use twiza_crypto::credential::Person;
use twiza_crypto::epoch::{Branch, EpochKeys};
use twiza_crypto::group::receive::JudgedCommit;
use twiza_crypto::group::{Group, Member};
use twiza_crypto::identity::Identity;
use twiza_crypto::judge::CommitFacts;
use twiza_crypto::message::{Message, MessageBody};
use twiza_crypto::rival::Rival;
use twiza_crypto::{CryptoError, Obstacle};
use twiza_protocol::{Chain, FrameDigest, MailboxAddress, ProblemCode, Receipt};

/// Days for which a mailbox is kept, unless the relay says that it keeps it longer.
pub(super) const KEEP_DAYS: u32 = 30;

/// Branches of a past epoch that are watched.
const BRANCHES_WATCHED: usize = 3;

/// Whether a frame is one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Somebody else's.
    No,
    /// One's own, and there is nothing more to do about it.
    Taken,
    /// One's own wish to leave, for this intent: read as everybody reads it.
    Departure(i64),
}

/// Where one is after somebody else's commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adopted {
    /// In the next epoch.
    Entered,
    /// Nowhere: one was removed, or cannot go where the others go.
    Out,
}

/// The mailbox that is being read.
struct Mailbox<'a> {
    row: &'a AllianceRow,
    address: MailboxAddress,
    place: Place,
    chain: Chain,
}

impl Mailbox<'_> {
    fn at(&self) -> ReadAt<'_> {
        ReadAt { alliance: self.row.id, place: &self.place }
    }

    /// Moves on to a frame, which must be the next.
    fn advance(&mut self, frame: &InboundFrame) -> Result<FrameDigest, ClientError> {
        if frame.sequence != self.place.cursor.next() {
            return Err(ClientError::RelayContradiction("frames are missing or out of order"));
        }
        let digest = FrameDigest::of(&frame.octets);
        self.chain = self.chain.append(frame.sequence, frame.closing, &digest);
        self.place.cursor = frame.sequence;
        self.place.chain = Some(self.chain);
        Ok(digest)
    }
}

impl Engine {
    /// Reads everything that is new, through any number of epochs.
    pub(super) async fn pull(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        let mut held = None;
        let mut healed = false;
        loop {
            let current = match held.take() {
                Some(held) => held,
                None => match self.held(alliance).await {
                    Err(ClientError::NotActive(_)) => return Ok(()),
                    held => held?,
                },
            };
            let keys = current.group.epoch_keys(current.row.relay.key(), current.row.place.branch)?;
            // As of before the relay is asked: another program of this profile may send meanwhile.
            let acknowledged = outbox::unread(&mut *self.store.reader().await?, alliance.0).await?;
            let page = match self.read_page(&current, &keys).await {
                Err(ClientError::PlaceLost) if !healed && self.is_lost_by_the_relay(&current.row, &keys).await? => {
                    healed = true;
                    self.heal(current, &keys).await?;
                    continue;
                }
                page => page?,
            };
            if let Some(why) = contradiction(&current.row.place, &keys.mailbox.address(), &page) {
                if std::mem::replace(&mut healed, true) {
                    return Err(ClientError::RelayContradiction(why));
                }
                self.heal(current, &keys).await?;
                continue;
            }
            let Page { frames, head } = page;
            let (ordinary, closing) = split_closing(frames)?;
            match (ordinary.is_empty(), &closing, &head) {
                (_, Some(_), None) => {
                    return Err(ClientError::RelayContradiction("it shows an end and does not sign it"));
                }
                (true, None, None) => {
                    return Err(ClientError::RelayContradiction("an empty page that is not the last"));
                }
                _ => {}
            }
            let next = self.take_ordinary(current, &keys, &ordinary).await?;
            let Some(next) = next else { continue };
            held = match (closing, head) {
                (Some(frame), Some(head)) => self.take_closing(next, &keys, &frame, &head).await?,
                (_, None) => Some(next),
                (None, Some(_)) => return self.check_receipts(&acknowledged).await,
            };
        }
    }

    /// Everything was read, and frames that the relay gave a receipt for were not among it: it has lost them, or never
    /// had them. They are sent again next time.
    async fn check_receipts(&self, acknowledged: &[i64]) -> Result<(), ClientError> {
        if acknowledged.is_empty() {
            return Ok(());
        }
        let mut step = self.store.begin().await?;
        let broken = outbox::take_receipts_back(&mut step, acknowledged).await?;
        step.commit().await?;
        if broken {
            return Err(NOT_KEPT);
        }
        Ok(())
    }

    /// A page. A mailbox that nobody has opened yet is opened first.
    async fn read_page(&self, held: &Held, keys: &EpochKeys) -> Result<Page, ClientError> {
        let Held { row, group } = held;
        let connection = self.connection(row)?;
        let mut certain = None;
        let page = match connection.read(&keys.mailbox, row.place.cursor).await {
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {
                if row.seen {
                    return Err(ClientError::PlaceLost);
                }
                certain = Some(self.open_unseen(held, keys).await?);
                connection.read(&keys.mailbox, row.place.cursor).await?
            }
            page => page?,
        };
        if !row.seen {
            // Whoever opens it knows until when the relay must have it; who only reads it does not.
            let certain = match certain {
                Some(day) => day,
                None if page.head.as_ref().is_some_and(|head| !head.closed) => self.open_mailbox(held, keys).await?,
                // One that others have left is not kept for longer than the next.
                None => connection.describe().await?.relay_time.day().0,
            };
            let mut step = self.store.begin().await?;
            if alliances::get(&mut step, row.id).await?.version == row.version {
                alliances::set_seen(&mut step, row.id).await?;
                let kept = self.keep_mailbox(&mut step, row, group, keys).await?;
                kept::set_certain(&mut step, kept, certain).await?;
            }
            step.commit().await?;
        }
        Ok(page)
    }

    /// Goes on in the next branch of the present epoch, where the relay has lost the place: because nobody used it, or
    /// by a fault. Everybody who does so meets there. Whoever was away while others went on must not: they are elsewhere.
    ///
    /// # Errors
    /// [`ClientError::PlaceThere`] where nothing is lost; [`ClientError::Relay`].
    pub async fn reopen(&self, alliance: AllianceNumber) -> Result<(), ClientError> {
        self.stay(alliance).await?;
        let held = self.held(alliance).await?;
        let keys = held.group.epoch_keys(held.row.relay.key(), held.row.place.branch)?;
        match self.connection(&held.row)?.read(&keys.mailbox, held.row.place.cursor).await {
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(ClientError::PlaceThere),
        }
        if let Some(branch) = held.row.place.branch.next() {
            // Before the step: on the first look at a branch, one that is not there counts as one that has expired.
            let keys = held.group.epoch_keys(held.row.relay.key(), branch)?;
            let grants = self.grants(held.row.id, held.group.alliance()).await?;
            let connection = self.connection(&held.row)?;
            self.open_with(&*connection, &keys.mailbox, &grants).await?;
        }
        let mut step = self.store.begin().await?;
        let taken = self.take(&mut step, held).await?;
        let (row, group) = taken.ok_or(ClientError::PlaceThere)?;
        // Whoever had not read to the end before it was gone reads there what people say again.
        self.say_all_after(&mut step, &row, (row.place.epoch, row.place.branch)).await?;
        self.next_branch(&mut step, &row, row.place, group).await?;
        step.commit().await?;
        self.sync(alliance).await?;
        Ok(())
    }

    /// Takes frames that do not close the mailbox, all in one step. `None` where another process was faster.
    async fn take_ordinary(
        &self,
        held: Held,
        keys: &EpochKeys,
        frames: &[InboundFrame],
    ) -> Result<Option<Held>, ClientError> {
        if frames.is_empty() {
            return Ok(Some(held));
        }
        let mut step = self.store.begin().await?;
        let Some((row, mut group)) = self.take(&mut step, held).await? else { return Ok(None) };
        let kept = self.keep_mailbox(&mut step, &row, &group, keys).await?;
        let mut mailbox = open_mailbox(&row, keys);
        for frame in frames {
            let digest = mailbox.advance(frame)?;
            reading::note_chain(&mut step, row.id, frame.sequence, &mailbox.chain).await?;
            let content = keys.frame.open(&frame.octets).ok();
            let marked = content.as_ref().is_some_and(|content| keys.frame.is_own(&frame.octets, content));
            let payload = whole_payload(&mut step, row.id, keys, frame, &digest, content).await?;
            if let Some(known) = kept::known(&mut step, kept, &digest).await? {
                self.meet_again(&mut step, &mut group, &mailbox, (kept, known), &digest, payload).await?;
                continue;
            }
            kept::add_frame(&mut step, kept, &KeptFrame::of(frame), &digest).await?;
            let own = self.take_own(&mut step, &mut group, &mailbox, (kept, &digest), payload.is_some()).await?;
            let is_late = marked && own == Own::No;
            if is_late && !outbox::is_given_up(&mut step, row.id, &digest).await? {
                groups::apply(&mut step, row.id, &group.take_changes()).await?;
                self.lose_place(&mut step, &row, LostWhy::OldCopy).await?;
                step.commit().await?;
                return Ok(None);
            }
            // What was given up and arrives all the same is said again, and stands where it was said last.
            let Some(payload) = payload.filter(|_| own != Own::Taken && !is_late) else { continue };
            if payload.kind == ContentKind::Rival
                && let Some(adopted) = self.adopt(&mut step, &mut group, &mailbox, kept, &payload.body).await?
            {
                match adopted {
                    Adopted::Entered => drop(self.keep(step, row.id, group).await?),
                    Adopted::Out => step.commit().await?,
                }
                return Ok(None);
            }
            self.take_payload(&mut step, &mut group, &mailbox, &payload).await?;
            if let Own::Departure(intent) = own
                && !group.is_leaving()?
                && let Some(intent) = outbox::intent(&mut step, intent).await?
            {
                let why = group.check_departure(self.profile.key.identity()).err();
                give_up(&mut step, &row, &intent, why.map_or(Obstacle::LastOrganiser, Into::into)).await?;
            }
        }
        alliances::set_place(&mut step, row.id, &mailbox.place).await?;
        self.keep(step, row.id, group).await.map(Some)
    }

    /// Where the frames of the present mailbox are kept.
    pub(super) async fn keep_mailbox(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &Group,
        keys: &EpochKeys,
    ) -> Result<i64, ClientError> {
        if let Some(kept) = kept::find_id(step, row.id, keys).await? {
            return Ok(kept);
        }
        let expires = self.environment.clock.today().0 + KEEP_DAYS;
        kept::add(step, row.id, row.place.epoch, keys, &group.roster()?, expires).await
    }

    /// A frame that was read before: it finds its new place after a relay was healed. Of what it holds, only parts and
    /// wishes to leave count again, by their new order. A relay that shows a frame twice gains nothing.
    async fn meet_again(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        mailbox: &Mailbox<'_>,
        (kept, known): (i64, Known),
        digest: &FrameDigest,
        payload: Option<Payload>,
    ) -> Result<(), ClientError> {
        if known.met {
            return Ok(());
        }
        kept::meet(step, kept, digest, mailbox.place.cursor).await?;
        history::settle(step, mailbox.row.id, &mailbox.place, known.sequence).await?;
        if let Some(wish) = payload.filter(|payload| payload.kind == ContentKind::Proposal) {
            drop(group.receive_proposal(&wish.body));
        }
        Ok(())
    }

    /// Recognises one's own frame by its digest: MLS cannot decrypt one's own messages. The last frame of a message
    /// puts it into history, in its place among all others.
    async fn take_own(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        mailbox: &Mailbox<'_>,
        (kept, digest): (i64, &FrameDigest),
        whole: bool,
    ) -> Result<Own, ClientError> {
        let Some((intent, last)) = outbox::take_frame(step, mailbox.row.id, digest).await? else { return Ok(Own::No) };
        let Some(found) = outbox::intent(step, intent).await?.filter(|_| last) else { return Ok(Own::Taken) };
        if !whole {
            // Junk has pushed its parts out, for everybody.
            outbox::seal_again(step, intent).await?;
            return Ok(Own::Taken);
        }
        if found.want.is_text() {
            ends::set_vouched(step, mailbox.row.id, mailbox.place.epoch).await?;
        }
        match &found.want {
            Want::Send { id, sent, text } => {
                let person = own_person(group, &self.profile.key.identity())?;
                let new = NewText { person: &person, id: *id, own: true, sent: *sent, text };
                history::add_text(step, mailbox.row.id, &mailbox.place, &new).await?;
                outbox::finish(step, intent).await?;
            }
            Want::Say { id, sent, kind, body, .. } => {
                let person = own_person(group, &self.profile.key.identity())?;
                said::keep(step, kept, digest, &Said { id: *id, sent: *sent, kind: *kind, body: body.clone() }).await?;
                let body = MessageBody::from_parts(*kind, body.clone())?;
                outbox::finish(step, intent).await?;
                self.take_body(step, group, &mailbox.at(), &person, &body).await?;
            }
            Want::Leave => return Ok(Own::Departure(intent)),
            _ => {}
        }
        Ok(Own::Taken)
    }

    async fn take_payload(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        mailbox: &Mailbox<'_>,
        payload: &Payload,
    ) -> Result<(), ClientError> {
        let id = mailbox.row.id;
        match payload.kind {
            ContentKind::Message => match group.receive_message(&payload.body) {
                Ok((person, message)) => self.take_message(step, group, mailbox, &person, &message).await,
                Err(_) => history::add_event(step, id, &mailbox.place, &Event::Unreadable).await,
            },
            ContentKind::Proposal => match group.receive_proposal(&payload.body) {
                Ok(person) => {
                    let event = Event::Leaving { person: (&person).into() };
                    history::add_event(step, id, &mailbox.place, &event).await
                }
                Err(_) => Ok(()),
            },
            ContentKind::Report => self.take_report(step, mailbox.row, &payload.body).await.map(|_| ()),
            // A commit whose last part does not close the mailbox is none; other kinds do not belong here.
            _ => Ok(()),
        }
    }

    async fn take_message(
        &self,
        step: &mut SqliteConnection,
        group: &Group,
        mailbox: &Mailbox<'_>,
        person: &Person,
        message: &Message,
    ) -> Result<(), ClientError> {
        let id = mailbox.row.id;
        let past_agrees = past_agrees(step, id, &mailbox.place, &message.view).await?;
        let clock = &self.environment.clock;
        if !past_agrees && clock.is_due(mailbox.row.doubted_at, self.environment.look_back_after_seconds) {
            // Whether the relay shows now what one has read shows a look at all that it still has.
            watched::doubt(step, id, clock.unix_seconds()).await?;
        }
        if !past_agrees || !present_agrees(step, id, &mailbox.address, &mailbox.place, &message.view).await? {
            let event = Event::HistoryDiffers { person: person.into() };
            history::add_event(step, id, &mailbox.place, &event).await?;
        }
        if group.alliance().seat(&person.identity).is_some_and(|seat| seat.role == Role::Organiser) {
            self.heard_organiser(step, id, group.alliance()).await?;
        }
        match &message.body {
            MessageBody::Text(text) => {
                let new = NewText { person, id: message.id, own: false, sent: message.sent, text };
                history::add_text(step, id, &mailbox.place, &new).await
            }
            body => self.take_body(step, group, &mailbox.at(), person, body).await,
        }
    }

    /// Takes the frame that closes the mailbox, by the relay's signed word: the next epoch begins, or the next branch of
    /// this one.
    async fn take_closing(
        &self,
        held: Held,
        keys: &EpochKeys,
        frame: &InboundFrame,
        head: &Receipt,
    ) -> Result<Option<Held>, ClientError> {
        let mut step = self.store.begin().await?;
        let Some((row, group)) = self.take(&mut step, held).await? else { return Ok(None) };
        let kept = self.keep_mailbox(&mut step, &row, &group, keys).await?;
        let mut mailbox = open_mailbox(&row, keys);
        let digest = mailbox.advance(frame)?;
        kept::add_frame(&mut step, kept, &KeptFrame::of(frame), &digest).await?;
        ends::set(&mut step, row.id, &mailbox.place, &mailbox.chain).await?;
        self.say_again(&mut step, row.id, (kept, &row.place)).await?;
        kept::set_receipt(&mut step, kept, head).await?;
        let content = keys.frame.open(&frame.octets).ok();
        let payload = whole_payload(&mut step, row.id, keys, frame, &digest, content).await?;
        let own = outbox::take_frame(&mut step, row.id, &digest).await?;
        if let Some((intent, _)) = own.filter(|_| payload.is_some()) {
            kept::end(&mut step, kept, Ended::Commit).await?;
            let group = self.take_own_commit(&mut step, group, &mailbox, intent).await?;
            return self.keep(step, row.id, group).await.map(Some);
        }
        let commit = payload.filter(|payload| payload.kind == ContentKind::Commit);
        let Some((body, author)) = commit.and_then(|payload| Some((payload.body, payload.author?))) else {
            kept::end(&mut step, kept, Ended::Branch).await?;
            self.branch_off(&mut step, group, &mailbox, None).await?;
            step.commit().await?;
            return Ok(None);
        };
        let culprit = group.verify_author(&mailbox.address, &body, &author).ok();
        let ahead = branches_ahead(&group, &row)?;
        match group.receive_commit(&mailbox.address, &body, &author) {
            Ok((mut group, judged)) => {
                kept::end(&mut step, kept, Ended::Commit).await?;
                match self.follow(&mut step, &mailbox, &mut group, judged, &ahead).await? {
                    Adopted::Entered => self.keep(step, row.id, group).await.map(Some),
                    Adopted::Out => step.commit().await.map(|()| None),
                }
            }
            Err(CryptoError::OwnCopy) => {
                self.lose_place(&mut step, &row, LostWhy::OldCopy).await?;
                step.commit().await?;
                Ok(None)
            }
            Err(error) => {
                // Only the stored group is good now: what MLS did to the one in memory must not be kept.
                let group = self.copy(&mut step, row.id).await?;
                let report = group.report(&mailbox.address, &body);
                kept::end(&mut step, kept, Ended::Branch).await?;
                self.branch_off(&mut step, group, &mailbox, culprit.as_ref()).await?;
                match culprit {
                    // Others may be able to follow it: who is to blame is not clear yet.
                    _ if error.may_work_for_others() => {
                        self.doubt(&mut step, &row, &report).await?;
                    }
                    Some(culprit) => self.expel(&mut step, row.id, &culprit).await?,
                    None => {}
                }
                step.commit().await?;
                Ok(None)
            }
        }
    }

    /// Takes over a commit by somebody else: the group enters the next epoch, or one is out.
    async fn follow(
        &self,
        step: &mut SqliteConnection,
        mailbox: &Mailbox<'_>,
        group: &mut Group,
        judged: JudgedCommit,
        ahead: &[EpochKeys],
    ) -> Result<Adopted, ClientError> {
        let row = mailbox.row;
        let (facts, own_end) = (judged.facts().clone(), judged.removes_us());
        let (before, people) = (group.alliance().clone(), group.members()?);
        group.merge(judged)?;
        self.note_readmitted(step, row, group, &facts).await?;
        let events = describe(&facts, &before, &people);
        self.note(step, mailbox, &events).await?;
        self.note_commit(step, &mailbox.at(), &facts, &before).await?;
        if own_end {
            self.end(step, row, &facts).await?;
            return Ok(Adopted::Out);
        }
        self.next_epoch(step, row, group, ahead).await?;
        Ok(Adopted::Entered)
    }

    /// A commit of this epoch that the relay had taken before it was rolled back, shown by a member who followed it.
    /// Whoever has not left the epoch yet takes it over at this place of the list, as everybody here does. `None` where
    /// nobody can: the group is as it was.
    async fn adopt(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        mailbox: &Mailbox<'_>,
        kept: i64,
        shown: &[u8],
    ) -> Result<Option<Adopted>, ClientError> {
        let row = mailbox.row;
        let Ok(rival) = Rival::decode(shown) else { return Ok(None) };
        let relay = row.relay.key();
        // Of a branch that was left, by another end that the relay has signed: no member alone makes a rival of that.
        let (branch, Ok(end)) = (Branch(rival.branch), rival.end()) else { return Ok(None) };
        let is_another = ends::is_another(step, row.id, (row.place.epoch, branch), &end).await?;
        if branch >= row.place.branch || !is_another {
            return Ok(None);
        }
        let ended = group.epoch_keys(relay, branch)?;
        let address = ended.mailbox.address();
        let Ok((body, author)) = rival.open(relay, &address, &ended.frame) else { return Ok(None) };
        let ahead = branches_ahead(group, row)?;
        // What was read of this page counts for it, wishes to leave above all.
        groups::apply(step, row.id, &group.take_changes()).await?;
        let mut copy = self.copy(step, row.id).await?;
        self.wish_again(step, &mut copy, row, &ended).await?;
        match copy.receive_commit(&address, &body, &author) {
            Ok((followed, judged)) => {
                *group = followed;
                kept::set_taken_over(step, kept, shown).await?;
                // The epoch ended there for all, and this branch of it never was.
                let place = Place { branch, ..mailbox.place };
                ends::forget_from(step, row.id, &place).await?;
                ends::set(step, row.id, &place, &end).await?;
                self.say_all_after(step, row, (place.epoch, branch)).await?;
                self.follow(step, mailbox, group, judged, &ahead).await.map(Some)
            }
            Err(CryptoError::OwnCopy) => {
                self.lose_place(step, row, LostWhy::OldCopy).await?;
                Ok(Some(Adopted::Out))
            }
            // Others follow it.
            Err(error) if error.may_work_for_others() => {
                self.lose_place(step, row, LostWhy::CannotFollow).await?;
                Ok(Some(Adopted::Out))
            }
            Err(_) => Ok(None),
        }
    }

    /// The wishes to leave that were read in a branch count there again.
    async fn wish_again(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        row: &AllianceRow,
        keys: &EpochKeys,
    ) -> Result<(), ClientError> {
        let Some(kept) = kept::find_id(step, row.id, keys).await? else { return Ok(()) };
        let mut assembly = Assembly::default();
        for frame in kept::frames(step, kept).await? {
            let Ok(content) = keys.frame.open(&frame.octets) else { continue };
            let payload = assembly.push(FrameDigest::of(&frame.octets), content);
            if let Some(wish) = payload.filter(|payload| payload.kind == ContentKind::Proposal) {
                drop(group.receive_proposal(&wish.body));
            }
        }
        Ok(())
    }

    /// One's own commit was read back: the relay has ordered it, so it is taken over now, and not before.
    async fn take_own_commit(
        &self,
        step: &mut SqliteConnection,
        mut group: Group,
        mailbox: &Mailbox<'_>,
        intent: i64,
    ) -> Result<Group, ClientError> {
        let row = mailbox.row;
        let ahead = branches_ahead(&group, row)?;
        let (facts, before) = (group.pending_facts()?, group.alliance().clone());
        let people = group.members()?;
        group.merge_pending()?;
        self.note_readmitted(step, row, &group, &facts).await?;
        self.note(step, mailbox, &describe(&facts, &before, &people)).await?;
        self.note_commit(step, &mailbox.at(), &facts, &before).await?;
        if let Some(found) = outbox::intent(step, intent).await? {
            self.after_own_commit(step, row, &found).await?;
        }
        outbox::finish(step, intent).await?;
        self.note_taken(step, row.id).await?;
        alliances::set_rotated(step, row.id, self.environment.clock.unix_seconds()).await?;
        self.next_epoch(step, row, &mut group, &ahead).await?;
        Ok(group)
    }

    async fn note(
        &self,
        step: &mut SqliteConnection,
        mailbox: &Mailbox<'_>,
        events: &[Event],
    ) -> Result<(), ClientError> {
        for event in events {
            history::add_event(step, mailbox.row.id, &mailbox.place, event).await?;
        }
        Ok(())
    }

    async fn next_epoch(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        group: &mut Group,
        ahead: &[EpochKeys],
    ) -> Result<(), ClientError> {
        for keys in ahead {
            watched::add(step, row.id, row.place.epoch, keys).await?;
        }
        groups::apply(step, row.id, &group.take_changes()).await?;
        reading::leave_mailbox(step, row.id).await?;
        outbox::requeue(step, row.id).await?;
        outbox::forget_given_up(step, row.id).await?;
        let place = Place { epoch: group.epoch(), ..Place::START };
        alliances::enter_mailbox(step, row.id, &place).await
    }

    /// An invalid closing frame: the same epoch goes on in the next branch (RFC 9750, section 5.3).
    async fn branch_off(
        &self,
        step: &mut SqliteConnection,
        group: Group,
        mailbox: &Mailbox<'_>,
        culprit: Option<&Person>,
    ) -> Result<(), ClientError> {
        let row = mailbox.row;
        if let Some(culprit) = culprit {
            recovery::note_culprit(step, row.id, row.place.epoch, &culprit.identity).await?;
        }
        let event = Event::RefusedCommit { person: culprit.map(Into::into) };
        history::add_event(step, row.id, &mailbox.place, &event).await?;
        self.next_branch(step, row, mailbox.place, group).await
    }

    async fn next_branch(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        place: Place,
        mut group: Group,
    ) -> Result<(), ClientError> {
        if group.has_pending() {
            group.drop_pending()?;
        }
        group.forget_departures()?;
        groups::apply(step, row.id, &group.take_changes()).await?;
        reading::leave_mailbox(step, row.id).await?;
        outbox::requeue(step, row.id).await?;
        match place.branch.next() {
            Some(branch) => {
                let place = Place { epoch: place.epoch, branch, ..Place::START };
                alliances::enter_mailbox(step, row.id, &place).await
            }
            None => alliances::set_status(step, row.id, Status::Stuck).await,
        }
    }

    /// One is out: what was still to be said cannot be said any more, and the keys go.
    async fn end(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        facts: &CommitFacts,
    ) -> Result<(), ClientError> {
        let own = self.profile.key.identity();
        if facts.readmitted.iter().any(|person| person.identity == own) && self.is_answered(step, row).await? {
            return Ok(());
        }
        let status = if facts.departed.contains(&own) { Status::Left } else { Status::Removed };
        for intent in outbox::open_intents(step, row.id).await? {
            give_up(step, row, &intent, Obstacle::NotMember).await?;
        }
        reading::leave_mailbox(step, row.id).await?;
        groups::delete(step, row.id).await?;
        alliances::set_status(step, row.id, status).await
    }
}

/// The keys of the next few branches, which are watched once the epoch is over.
pub(super) fn branches_ahead(group: &Group, row: &AllianceRow) -> Result<Vec<EpochKeys>, ClientError> {
    let following = std::iter::successors(row.place.branch.next(), |branch| branch.next());
    let keys = following.take(BRANCHES_WATCHED).map(|branch| group.epoch_keys(row.relay.key(), branch));
    Ok(keys.collect::<Result<_, _>>()?)
}

fn open_mailbox<'a>(row: &'a AllianceRow, keys: &EpochKeys) -> Mailbox<'a> {
    let address = keys.mailbox.address();
    let chain = row.place.chain.unwrap_or_else(|| Chain::start(&address));
    Mailbox { row, address, place: row.place, chain }
}

/// A page's frames, with the closing one apart; nothing may follow it.
fn split_closing(mut frames: Vec<InboundFrame>) -> Result<(Vec<InboundFrame>, Option<InboundFrame>), ClientError> {
    let closing = frames.pop_if(|frame| frame.closing);
    if frames.iter().any(|frame| frame.closing) {
        return Err(ClientError::RelayContradiction("frames follow the end of a mailbox"));
    }
    Ok((frames, closing))
}

/// What a frame holds, if that is a whole payload; a part is kept. The same for all who read the mailbox, its author
/// included.
async fn whole_payload(
    step: &mut SqliteConnection,
    alliance: i64,
    keys: &EpochKeys,
    frame: &InboundFrame,
    digest: &FrameDigest,
    content: Option<Content>,
) -> Result<Option<Payload>, ClientError> {
    let Some(content) = content else { return Ok(None) };
    if content.kind == ContentKind::Part {
        reading::keep_part(step, alliance, frame.sequence, digest, &frame.octets, PARTS_BYTES_MAX).await?;
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(content.earlier.len());
    for digest in &content.earlier {
        let Some(part) = reading::part(step, alliance, digest).await? else { return Ok(None) };
        let Ok(part) = keys.frame.open(&part) else { return Ok(None) };
        parts.push(part);
    }
    Ok(content.complete(parts))
}

fn own_person(group: &Group, own: &twiza_crypto::identity::Identity) -> Result<Person, ClientError> {
    let found = group.members()?.into_iter().find(|member| member.person.identity == *own);
    found.map(|member| member.person).ok_or_else(|| CryptoError::Bug("a group without oneself").into())
}

/// What a commit did, in events.
fn describe(facts: &CommitFacts, before: &AllianceState, people: &[Member]) -> Vec<Event> {
    let shown = |identity| {
        let found = people.iter().find(|member| member.person.identity == identity).map(|member| &member.person);
        found.map_or_else(|| ShownPerson { name: "?".into(), organisation: "?".into() }, Into::into)
    };
    let by = ShownPerson::from(&facts.author);
    let mut events = Vec::new();
    events.extend(facts.departed.iter().map(|gone| Event::Left { person: shown(*gone) }));
    let back = |identity: &Identity| {
        facts.readmitted.iter().any(|person| person.identity == *identity) || before.awaits(identity).is_some()
    };
    let removed = facts.removed.iter().filter(|gone| !back(gone));
    events.extend(removed.map(|gone| Event::Removed { person: shown(*gone), by: by.clone() }));
    for given_up in before.awaited() {
        let stays = |after: &AllianceState| {
            after.seat(&given_up.identity).is_some() || after.awaits(&given_up.identity).is_some()
        };
        if facts.after.as_ref().is_some_and(|after| !stays(after)) {
            events.push(Event::Removed { person: (&given_up.person()).into(), by: by.clone() });
        }
    }
    for person in &facts.added {
        let (person, back, by) = (ShownPerson::from(person), back(&person.identity), by.clone());
        events.push(if back { Event::Readmitted { person, by } } else { Event::Added { person, by } });
    }
    for seat in facts.after.iter().flat_map(|after| &after.seats) {
        if before.seat(&seat.identity).is_some_and(|old| old.role != seat.role) {
            let role = super::members::role_name(seat.role).to_owned();
            events.push(Event::RoleChanged { person: shown(seat.identity), role, by: by.clone() });
        }
    }
    events.extend(super::enact::describe_agreement(facts, before, shown));
    if events.is_empty() {
        events.push(Event::Rotated { person: by });
    }
    events
}
