//! Reading a mailbox: from the relay's page to history, in steps that are each one transaction.

use super::push::give_up;
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::{InboundFrame, Page};
use crate::store::alliances::{self, AllianceRow, Place, Status};
use crate::store::history::{self, Event, NewText, ShownPerson};
use crate::store::outbox::{self, Want};
use crate::store::{groups, reading};
use sqlx::SqliteConnection;
use twiza_crypto::alliance::AllianceState;
use twiza_crypto::content::{ContentKind, PARTS_BYTES_MAX, Payload};
use twiza_crypto::credential::Person;
use twiza_crypto::epoch::EpochKeys;
use twiza_crypto::group::{Group, Member};
use twiza_crypto::judge::CommitFacts;
use twiza_crypto::message::{Message, MessageBody, View};
use twiza_crypto::{CryptoError, Obstacle};
use twiza_protocol::{Chain, FrameDigest, MailboxAddress, ProblemCode, Sequence};

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

/// The mailbox that is being read.
struct Mailbox<'a> {
    row: &'a AllianceRow,
    address: MailboxAddress,
    place: Place,
    chain: Chain,
}

impl Mailbox<'_> {
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
        loop {
            let current = match held.take() {
                Some(held) => held,
                None if self.row(alliance).await?.status != Status::Active => return Ok(()),
                None => self.held(alliance).await?,
            };
            let keys = current.group.epoch_keys(current.row.relay.key(), current.row.place.branch)?;
            // As of before the relay is asked: another program of this profile may send meanwhile.
            let acknowledged = outbox::unread(&mut *self.store.reader().await?, alliance.0).await?;
            let page = self.read_page(&current, &keys).await?;
            let place = current.row.place;
            let more = page.head.is_none();
            let (ordinary, closing) = split_closing(page.frames)?;
            if let Some(head) = &page.head {
                check_head(&place, head, ordinary.len() + usize::from(closing.is_some()))?;
                check_shown(&place, &keys.mailbox.address(), ordinary.iter().chain(&closing), head)?;
            }
            if ordinary.is_empty() && closing.is_none() {
                check_still(&place, &keys.mailbox.address(), page.head.as_ref())?;
                return self.check_receipts(&acknowledged).await;
            }
            let next = self.take_ordinary(current, &keys, &ordinary).await?;
            let Some(next) = next else { continue };
            held = match closing {
                Some(frame) => self.take_closing(alliance, next, &keys, &frame).await?,
                None if more => Some(next),
                None => {
                    self.check_end(alliance, page.head.as_ref()).await?;
                    return self.check_receipts(&acknowledged).await;
                }
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
            return Err(ClientError::RelayContradiction("it does not show what it gave a receipt for"));
        }
        Ok(())
    }

    /// A page. A mailbox that nobody has opened yet is opened first.
    async fn read_page(&self, Held { row, group }: &Held, keys: &EpochKeys) -> Result<Page, ClientError> {
        let connection = self.connection(row)?;
        let page = match connection.read(&keys.mailbox, row.place.cursor).await {
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {
                if row.seen {
                    return Err(ClientError::PlaceLost);
                }
                let grant = group.alliance().relay()?.grant.clone();
                connection.open(&keys.mailbox, grant.as_deref()).await?;
                connection.read(&keys.mailbox, row.place.cursor).await?
            }
            page => page?,
        };
        if !row.seen {
            let mut step = self.store.begin().await?;
            alliances::set_seen(&mut step, row.id).await?;
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
        let held = self.held(alliance).await?;
        let keys = held.group.epoch_keys(held.row.relay.key(), held.row.place.branch)?;
        match self.connection(&held.row)?.read(&keys.mailbox, held.row.place.cursor).await {
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(ClientError::PlaceThere),
        }
        let mut step = self.store.begin().await?;
        let Held { row, group } = self.hold(&mut step, alliance.0).await?;
        if row.version != held.row.version {
            return Err(ClientError::PlaceThere);
        }
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
        let Held { row, mut group } = held;
        if alliances::get(&mut step, row.id).await?.version != row.version {
            return Ok(None);
        }
        let mut mailbox = open_mailbox(&row, keys);
        for frame in frames {
            let digest = mailbox.advance(frame)?;
            reading::note_chain(&mut step, row.id, frame.sequence, &mailbox.chain).await?;
            let payload = whole_payload(&mut step, row.id, keys, frame, &digest).await?;
            let own = self.take_own(&mut step, &mut group, &mailbox, &digest, payload.is_some()).await?;
            let Some(payload) = payload.filter(|_| own != Own::Taken) else { continue };
            self.take_payload(&mut step, &mut group, &mailbox, &payload).await?;
            if let Own::Departure(intent) = own
                && !group.is_leaving()?
                && let Some(intent) = outbox::intent(&mut step, intent).await?
            {
                give_up(&mut step, &row, &intent, Obstacle::LastOrganiser).await?;
            }
        }
        alliances::set_place(&mut step, row.id, &mailbox.place).await?;
        self.commit_step(step, row.id, group).await.map(Some)
    }

    /// Recognises one's own frame by its digest: MLS cannot decrypt one's own messages. The last frame of a message
    /// puts it into history, in its place among all others.
    async fn take_own(
        &self,
        step: &mut SqliteConnection,
        group: &mut Group,
        mailbox: &Mailbox<'_>,
        digest: &FrameDigest,
        whole: bool,
    ) -> Result<Own, ClientError> {
        let Some((intent, last)) = outbox::take_frame(step, mailbox.row.id, digest).await? else { return Ok(Own::No) };
        let Some(found) = outbox::intent(step, intent).await?.filter(|_| last) else { return Ok(Own::Taken) };
        if !whole {
            // Junk has pushed its parts out, for everybody.
            outbox::seal_again(step, intent).await?;
            return Ok(Own::Taken);
        }
        match &found.want {
            Want::Send { sent, text, .. } => {
                let person = own_person(group, &self.profile.key.identity())?;
                let new = NewText { person: &person, own: true, sent: *sent, text };
                history::add_text(step, mailbox.row.id, &mailbox.place, &new).await?;
                outbox::finish(step, intent).await?;
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
                Ok((person, message)) => self.take_message(step, mailbox, &person, &message).await,
                Err(_) => history::add_event(step, id, &mailbox.place, &Event::Unreadable).await,
            },
            ContentKind::Proposal => match group.receive_proposal(&payload.body) {
                Ok(person) => {
                    let event = Event::Leaving { person: (&person).into() };
                    history::add_event(step, id, &mailbox.place, &event).await
                }
                Err(_) => Ok(()),
            },
            // A commit whose last part does not close the mailbox is none; other kinds do not belong here.
            _ => Ok(()),
        }
    }

    async fn take_message(
        &self,
        step: &mut SqliteConnection,
        mailbox: &Mailbox<'_>,
        person: &Person,
        message: &Message,
    ) -> Result<(), ClientError> {
        let id = mailbox.row.id;
        if !view_agrees(step, mailbox, &message.view).await? {
            let event = Event::HistoryDiffers { person: person.into() };
            history::add_event(step, id, &mailbox.place, &event).await?;
        }
        match &message.body {
            MessageBody::Text(text) => {
                let new = NewText { person, own: false, sent: message.sent, text };
                history::add_text(step, id, &mailbox.place, &new).await
            }
            _ => {
                let event = Event::NotUnderstood { person: person.into() };
                history::add_event(step, id, &mailbox.place, &event).await
            }
        }
    }

    /// Takes the frame that closes the mailbox: the next epoch begins, or the next branch of this one.
    async fn take_closing(
        &self,
        alliance: AllianceNumber,
        held: Held,
        keys: &EpochKeys,
        frame: &InboundFrame,
    ) -> Result<Option<Held>, ClientError> {
        let mut step = self.store.begin().await?;
        let row = alliances::get(&mut step, alliance.0).await?;
        if row.version != held.row.version {
            return Ok(None);
        }
        let mut mailbox = open_mailbox(&row, keys);
        let digest = mailbox.advance(frame)?;
        let payload = whole_payload(&mut step, row.id, keys, frame, &digest).await?;
        let own = outbox::take_frame(&mut step, row.id, &digest).await?;
        if let Some((intent, _)) = own.filter(|_| payload.is_some()) {
            let group = self.take_own_commit(&mut step, held.group, &mailbox, intent).await?;
            return self.commit_step(step, row.id, group).await.map(Some);
        }
        let commit = payload.filter(|payload| payload.kind == ContentKind::Commit);
        let Some((body, author)) = commit.and_then(|payload| Some((payload.body, payload.author?))) else {
            self.branch_off(&mut step, held.group, &mailbox, None).await?;
            step.commit().await?;
            return Ok(None);
        };
        let culprit = held.group.verify_author(&mailbox.address, &body, &author).ok();
        match held.group.receive_commit(&mailbox.address, &body, &author) {
            Ok((mut group, judged)) => {
                let (facts, own_end) = (judged.facts().clone(), judged.removes_us());
                let (before, people) = (group.alliance().clone(), group.members()?);
                group.merge(judged)?;
                let events = describe(&facts, &before, &people);
                self.note(&mut step, &mailbox, &events).await?;
                if own_end {
                    self.end(&mut step, &row, &facts).await?;
                    step.commit().await?;
                    return Ok(None);
                }
                self.next_epoch(&mut step, &row, &mut group).await?;
                self.commit_step(step, row.id, group).await.map(Some)
            }
            Err(_) => {
                // Only the stored group is good now: what MLS did to the one in memory must not be kept.
                let Held { group, .. } = self.hold(&mut step, row.id).await?;
                self.branch_off(&mut step, group, &mailbox, culprit.as_ref()).await?;
                step.commit().await?;
                Ok(None)
            }
        }
    }

    async fn commit_step(
        &self,
        mut step: sqlx::Transaction<'static, sqlx::Sqlite>,
        id: i64,
        mut group: Group,
    ) -> Result<Held, ClientError> {
        groups::apply(&mut step, id, &group.take_changes()).await?;
        let row = alliances::get(&mut step, id).await?;
        step.commit().await?;
        Ok(Held { row, group })
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
        let (facts, before) = (group.pending_facts()?, group.alliance().clone());
        let people = group.members()?;
        group.merge_pending()?;
        self.note(step, mailbox, &describe(&facts, &before, &people)).await?;
        if let Some(found) = outbox::intent(step, intent).await? {
            self.after_own_commit(step, row, &found).await?;
        }
        outbox::finish(step, intent).await?;
        alliances::set_rotated(step, row.id, self.environment.clock.unix_seconds()).await?;
        self.next_epoch(step, row, &mut group).await?;
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
    ) -> Result<(), ClientError> {
        groups::apply(step, row.id, &group.take_changes()).await?;
        reading::leave_mailbox(step, row.id).await?;
        outbox::requeue(step, row.id).await?;
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
        let status = if facts.departed.contains(&own) { Status::Left } else { Status::Removed };
        for intent in outbox::open_intents(step, row.id).await? {
            give_up(step, row, &intent, Obstacle::NotMember).await?;
        }
        reading::leave_mailbox(step, row.id).await?;
        groups::delete(step, row.id).await?;
        alliances::set_status(step, row.id, status).await
    }

    /// What is left to check when everything was read: the relay's word on the end against one's own.
    async fn check_end(
        &self,
        alliance: AllianceNumber,
        head: Option<&twiza_protocol::Receipt>,
    ) -> Result<(), ClientError> {
        let place = self.row(alliance).await?.place;
        match head.filter(|head| head.sequence == place.cursor) {
            Some(head) if Some(head.chain) != place.chain => {
                Err(ClientError::RelayContradiction("it signs another history than it shows"))
            }
            _ => Ok(()),
        }
    }
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

/// The relay must not have less than was read before, nor announce more than it shows.
fn check_head(place: &Place, head: &twiza_protocol::Receipt, shown: usize) -> Result<(), ClientError> {
    if head.sequence < place.cursor {
        return Err(ClientError::RelayContradiction("it has lost frames that it had shown before"));
    }
    if head.sequence.0 != place.cursor.0 + shown as u64 {
        return Err(ClientError::RelayContradiction("it shows other frames than it signs"));
    }
    Ok(())
}

/// Before anything of a page is taken, the frames must be those that the relay signs, after those that were read before:
/// whoever had read others in their place would else follow the closing frame into the next epoch, and never know.
fn check_shown<'a>(
    place: &Place,
    address: &MailboxAddress,
    shown: impl Iterator<Item = &'a InboundFrame>,
    head: &twiza_protocol::Receipt,
) -> Result<(), ClientError> {
    let before = place.chain.unwrap_or_else(|| Chain::start(address));
    let after =
        shown.fold(before, |chain, frame| chain.append(frame.sequence, frame.closing, &FrameDigest::of(&frame.octets)));
    if head.chain == after {
        Ok(())
    } else {
        Err(ClientError::RelayContradiction("it signs another history than it shows"))
    }
}

fn check_still(
    place: &Place,
    address: &MailboxAddress,
    head: Option<&twiza_protocol::Receipt>,
) -> Result<(), ClientError> {
    let Some(head) = head else { return Err(ClientError::RelayContradiction("an empty page that is not the last")) };
    let chain = place.chain.unwrap_or_else(|| Chain::start(address));
    if head.chain == chain && head.sequence == place.cursor {
        Ok(())
    } else {
        Err(ClientError::RelayContradiction("it signs another history than it had shown before"))
    }
}

/// What a frame holds, if that is a whole payload; a part is kept. The same for all who read the mailbox, its author
/// included.
async fn whole_payload(
    step: &mut SqliteConnection,
    alliance: i64,
    keys: &EpochKeys,
    frame: &InboundFrame,
    digest: &FrameDigest,
) -> Result<Option<Payload>, ClientError> {
    let Ok(content) = keys.frame.open(&frame.octets) else { return Ok(None) };
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

/// Whether a message's view of the mailbox is one's own at that place.
async fn view_agrees(step: &mut SqliteConnection, mailbox: &Mailbox<'_>, view: &View) -> Result<bool, ClientError> {
    if view.sequence == Sequence::START {
        return Ok(view.chain == Chain::start(&mailbox.address));
    }
    if view.sequence >= mailbox.place.cursor {
        return Ok(false);
    }
    Ok(reading::chain_at(step, mailbox.row.id, view.sequence).await? == Some(view.chain))
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
    events.extend(facts.removed.iter().map(|gone| Event::Removed { person: shown(*gone), by: by.clone() }));
    events.extend(facts.added.iter().map(|person| Event::Added { person: person.into(), by: by.clone() }));
    for seat in facts.after.iter().flat_map(|after| &after.seats) {
        if before.seat(&seat.identity).is_some_and(|old| old.role != seat.role) {
            let role = super::members::role_name(seat.role).to_owned();
            events.push(Event::RoleChanged { person: shown(seat.identity), role, by: by.clone() });
        }
    }
    if events.is_empty() {
        events.push(Event::Rotated { person: by });
    }
    events
}
