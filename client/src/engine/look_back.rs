//! Looking back at epochs that are over, for as long as the relay keeps them: whether it still shows their ends, and
//! whether anybody goes on in them.
//!
//! ```text
//! mailbox of a past epoch ── another end than the one that was followed ─▶ choose: stay, and show them ours; or come back
//! its next branch ────────── reports of members who cannot follow ───────▶ [`super::dispute`]
//!                       └─── a rival commit, with the relay's signature ─▶ choose
//! ```
//!
//! It is done from time to time, and at once where the relay was rolled back. Nothing here touches the present epoch but
//! by losing one's place in it, or by going back to a branch of it.

use super::dispute::Settled;
use super::heal::{Whole, put_back, read_whole};
use super::{AllianceNumber, Engine, Held};
use crate::ClientError;
use crate::relay::RelayConnection;
use crate::store::alliances::{self, AllianceRow, Place, Status};
use crate::store::history::{self, Event, LostWhy};
use crate::store::kept::{self, Ended, KeptFrame, KeptMailbox};
use crate::store::outbox;
use crate::store::watched::{self, WatchedBranch};
use crate::store::{ends, groups, reading};
use sqlx::SqliteConnection;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use twiza_crypto::alliance::{AllianceState, Role};
use twiza_crypto::content::{Assembly, ContentKind, Payload};
use twiza_crypto::epoch::{Branch, EpochKeys};
use twiza_crypto::grant::Grant;
use twiza_crypto::missed::Missed;
use twiza_crypto::report::{Report, Word};
use twiza_crypto::rival::{Choice, Contender, Rival, SignedEnd, choose, sealed_commit};
use twiza_crypto::roster::{Roster, RosterEntry};
use twiza_crypto::seal::seal_payload;
use twiza_protocol::{Chain, FrameDigest, FrameSize, MailboxAddress, ProblemCode};

/// How many past mailboxes are looked at where nothing is wrong: so many of the latest, and of the others, in turn.
const USUALLY: usize = 4;

/// How many where the relay was rolled back.
const AFTER_ROLLBACK: usize = 256;

/// What is needed to speak about past epochs.
pub(super) struct Looking {
    pub(super) row: AllianceRow,
    connection: Arc<dyn RelayConnection>,
    grants: Vec<Grant>,
}

/// The commit that one has followed out of a past epoch.
struct OwnEnd {
    /// The kept mailbox that one left by it.
    mailbox: i64,
    /// The branch whose mailbox it closed, that mailbox, and its running hash there.
    branch: Branch,
    address: MailboxAddress,
    end: Chain,
    commit: Contender,
    /// What shows it to others, where one has the relay's word on it.
    shown: Option<Vec<u8>>,
}

impl Engine {
    /// Looks at past mailboxes if it is time. Whether something changed, so that there is more to read.
    pub(super) async fn look_back(&self, alliance: AllianceNumber) -> Result<bool, ClientError> {
        let now = self.environment.clock.unix_seconds();
        let row = self.row(alliance).await?;
        let last = row.looked_back;
        let early = !self.environment.clock.is_due(last, self.environment.look_back_after_seconds);
        let waits = row.status == Status::Lost;
        if !waits && (early || row.status != Status::Active) {
            return Ok(false);
        }
        let mut step = self.store.begin().await?;
        let row = alliances::get(&mut step, alliance.0).await?;
        kept::forget_expired(&mut step, row.id, self.environment.clock.today().0).await?;
        let past = kept::past(&mut step, row.id).await?;
        let Ok(group) = self.stored_group(&mut step, row.id).await else {
            return Ok(false);
        };
        step.commit().await?;
        let grants = self.grants(row.id, group.alliance()).await?;
        let looking = Looking { connection: self.connection(&row)?, grants, row };
        let past = if last == 0 { past.into_iter().take(AFTER_ROLLBACK).collect() } else { some_of(past) };
        for mailbox in &past {
            if !waits && self.look_at(&looking, mailbox).await? {
                return Ok(true);
            }
        }
        let mut epochs: Vec<u64> = past.iter().map(|mailbox| mailbox.epoch).collect();
        if waits {
            epochs = watched::reported(&mut *self.store.reader().await?, alliance.0).await?;
        }
        epochs.dedup();
        for epoch in epochs {
            if self.glance(&looking, epoch).await? {
                return Ok(true);
            }
        }
        let mut step = self.store.begin().await?;
        for mailbox in &past {
            kept::set_looked(&mut step, mailbox.id, now).await?;
        }
        watched::end_look(&mut step, alliance.0, last, now.max(1)).await?;
        step.commit().await?;
        Ok(false)
    }

    /// Whether a past mailbox still ends as it did; if not, it is mended, or the ends are compared.
    async fn look_at(&self, looking: &Looking, mailbox: &KeptMailbox) -> Result<bool, ClientError> {
        let frames = kept::frames(&mut *self.store.reader().await?, mailbox.id).await?;
        let Some(last) = frames.last() else { return Ok(false) };
        let key = &mailbox.keys.mailbox;
        match looking.connection.read(key, last.sequence).await {
            Ok(page)
                if page.frames.is_empty() && page.head.as_ref().is_some_and(|head| ends_so(mailbox, head, &frames)) =>
            {
                return Ok(false);
            }
            Ok(_) => {}
            Err(error) if error.code() == Some(ProblemCode::MailboxUnknown) => {
                if mailbox.certain < looking.connection.describe().await?.relay_time.day().0 {
                    return Ok(false);
                }
                self.open_with(&*looking.connection, key, &looking.grants).await?;
            }
            Err(error) => return Err(error.into()),
        }
        let (missing, whole) = put_back(&*looking.connection, key, &frames).await?;
        if mailbox.taken_over.is_some() {
            // Left by a commit that did not close it: whatever closes it now, nobody goes on from there.
            return Ok(false);
        }
        let shown = whole.frames.last().filter(|frame| frame.closing).map(|frame| FrameDigest::of(&frame.octets));
        let Some(shown) = shown else { return Ok(false) };
        let known = frames.iter().map(|frame| frame.octets.as_slice());
        let theirs = contender_in(mailbox, whole.frames.iter().map(|frame| frame.octets.as_slice()));
        // A part of the commit was hidden here: what counted as junk was none.
        let was_hidden = mailbox.ended == Some(Ended::Branch) && contender_in(mailbox, known).is_none();
        if shown == FrameDigest::of(&last.octets) && !(was_hidden && theirs.is_some()) {
            self.settle_past(looking, mailbox, &whole, missing).await?;
            return Ok(false);
        }
        if mailbox.epoch == looking.row.place.epoch {
            return self.go_back(&looking.row, mailbox).await;
        }
        self.compare_ends(looking, mailbox, theirs, &shown).await
    }

    /// A past mailbox is whole again: its frames stand where the relay signs that they stand.
    async fn settle_past(
        &self,
        looking: &Looking,
        mailbox: &KeptMailbox,
        whole: &Whole,
        missing: usize,
    ) -> Result<(), ClientError> {
        let row = &looking.row;
        let mut step = self.store.begin().await?;
        let place = Place { epoch: mailbox.epoch, branch: mailbox.keys.branch, ..Place::START };
        kept::displace(&mut step, mailbox.id).await?;
        history::displace(&mut step, row.id, &place).await?;
        let mut missed = Vec::new();
        for frame in &whole.frames {
            let digest = FrameDigest::of(&frame.octets);
            let Some(known) = kept::known(&mut step, mailbox.id, &digest).await? else {
                if mailbox.keys.frame.open(&frame.octets).is_ok() {
                    missed.push(digest);
                }
                continue;
            };
            // A frame stands where it stands first: a relay that shows it twice gains nothing.
            if known.met {
                continue;
            }
            kept::meet(&mut step, mailbox.id, &digest, frame.sequence).await?;
            let place = Place { cursor: frame.sequence, ..place };
            history::settle(&mut step, row.id, &place, known.sequence).await?;
        }
        // What the relay has no room for any more, since the mailbox is closed, is said again where one is now.
        let again = self.say_again(&mut step, row.id, (mailbox.id, &place)).await?;
        kept::drop_displaced(&mut step, mailbox.id).await?;
        kept::set_receipt(&mut step, mailbox.id, &whole.head).await?;
        ends::rewrite(&mut step, row.id, &place, &whole.head.chain).await?;
        if missing > 0 || again {
            let event = Event::RelayHealed { frames: missing };
            history::add_event(&mut step, row.id, &row.place, &event).await?;
            // What lost this has lost others as well.
            watched::set_looked_back(&mut step, row.id, 0).await?;
        }
        let branches = watched::of_epoch(&mut step, row.id, mailbox.epoch).await?;
        let group = self.stored_group(&mut step, row.id).await?;
        step.commit().await?;
        if missed.is_empty() {
            return Ok(());
        }
        // Their keys are gone here. Whoever wrote them is told that the others have not read them, once: by whomever.
        let address = mailbox.keys.mailbox.address();
        let body = group.missed(&address, &missed).encode()?;
        let said = |payload: &Payload| {
            let missed_by = Missed::decode(&payload.body).ok().filter(|_| payload.kind == ContentKind::Missed);
            let verified = missed_by.as_ref().and_then(|told| told.verify(&mailbox.roster, &address).ok());
            verified.is_some_and(|(_, frames)| frames.eq(missed.iter().copied()))
        };
        self.say_in_branch(looking, &branches, ContentKind::Missed, &body, said).await
    }

    /// Others went on from a past mailbox before these frames were in it, by the word of somebody who has a seat: what one
    /// said in them is said again.
    async fn take_missed(&self, row: &AllianceRow, epoch: u64, body: &[u8]) -> Result<bool, ClientError> {
        let Ok(told) = Missed::decode(body) else { return Ok(false) };
        let mut step = self.store.begin().await?;
        let group = self.stored_group(&mut step, row.id).await?;
        for mailbox in kept::past(&mut step, row.id).await?.iter().filter(|mailbox| mailbox.epoch == epoch) {
            let Ok((by, frames)) = told.verify(&mailbox.roster, &mailbox.keys.mailbox.address()) else { continue };
            if group.alliance().seat(&by.identity).is_none() {
                break;
            }
            let mut again = 0;
            for digest in frames.collect::<HashSet<_>>() {
                let Some(known) = kept::known(&mut step, mailbox.id, &digest).await? else { continue };
                let place = Place { epoch, branch: mailbox.keys.branch, cursor: known.sequence, chain: None };
                again += usize::from(self.say_missed(&mut step, row.id, (mailbox.id, &place), &digest).await?);
            }
            if again > 0 {
                let event = Event::Missed { person: (&by.person()).into(), frames: again };
                history::add_event(&mut step, row.id, &row.place, &event).await?;
            }
            step.commit().await?;
            return Ok(again > 0);
        }
        Ok(false)
    }

    /// The relay shows another end of a past mailbox than the one that was followed.
    async fn compare_ends(
        &self,
        looking: &Looking,
        mailbox: &KeptMailbox,
        theirs: Option<Contender>,
        shown: &FrameDigest,
    ) -> Result<bool, ClientError> {
        let Some(ours) = self.own_end(&looking.row, mailbox.epoch).await? else { return Ok(false) };
        let digest = theirs.as_ref().map_or(*shown, |theirs| FrameDigest::from_bytes(theirs.digest));
        let place = (mailbox.epoch, mailbox.keys.branch, &mailbox.roster);
        let (choice, _) = self.weigh(&looking.row, &ours, (theirs, &digest), place).await?;
        if choice == Choice::First {
            self.show_end(looking, mailbox.epoch, &ours).await?;
        }
        Ok(choice == Choice::Second)
    }

    /// Weighs one's own end of a past epoch against another, and leaves it where the other prevails. Whether the other is news.
    async fn weigh(
        &self,
        row: &AllianceRow,
        ours: &OwnEnd,
        (theirs, digest): (Option<Contender>, &FrameDigest),
        (epoch, branch, roster): (u64, Branch, &Roster),
    ) -> Result<(Choice, bool), ClientError> {
        if theirs.as_ref().is_some_and(|theirs| theirs.digest == ours.commit.digest) {
            // The same, in another frame.
            return Ok((Choice::First, false));
        }
        let mut step = self.store.begin().await?;
        let state = self.stored_group(&mut step, row.id).await?;
        let state = state.alliance();
        let author = theirs.as_ref().and_then(|theirs| roster.at(theirs.author));
        let choice = match theirs.as_ref().map_or(Choice::First, |theirs| choose(&ours.commit, theirs)) {
            // Out since, or no organiser any more: nobody takes that back by claiming an epoch before it.
            Choice::Second if author.is_none_or(|author| !keeps_standing(state, author)) => Choice::Neither,
            choice => choice,
        };
        let person = author.map(|author| (&author.person()).into());
        let news = kept::note_rival(&mut step, ours.mailbox, digest).await?;
        match (choice, person) {
            (Choice::Second, _) => {
                self.leave_fork(&mut step, row, (epoch, branch.min(ours.branch))).await?;
            }
            (Choice::Neither, Some(person)) if news => {
                history::add_event(&mut step, row.id, &row.place, &Event::Apart { person }).await?;
            }
            (Choice::First, person) if news => {
                history::add_event(&mut step, row.id, &row.place, &Event::RivalRefused { person }).await?;
            }
            _ => {}
        }
        step.commit().await?;
        Ok((choice, news))
    }

    /// The commit that ended an epoch here, where it was read or shown.
    async fn own_end(&self, row: &AllianceRow, epoch: u64) -> Result<Option<OwnEnd>, ClientError> {
        let mut reader = self.store.reader().await?;
        let past = kept::past(&mut reader, row.id).await?;
        for mailbox in past.iter().filter(|kept| kept.epoch == epoch) {
            if let Some(octets) = &mailbox.taken_over {
                let rival = Rival::decode(octets)?;
                let branch = self.branch_of(&mut reader, row, epoch, rival.branch).await?;
                let Some((keys, roster)) = branch else { continue };
                let address = keys.mailbox.address();
                let (commit, seal) = rival.open(row.relay.key(), &address, &keys.frame)?;
                let commit = Contender::verify(&roster, &address, &commit, &seal)?;
                let (mailbox, branch, shown) = (mailbox.id, keys.branch, Some(octets.clone()));
                return Ok(Some(OwnEnd { mailbox, branch, address, end: rival.end()?, commit, shown }));
            }
            if mailbox.ended == Some(Ended::Commit) {
                let frames = kept::frames(&mut reader, mailbox.id).await?;
                let octets: Vec<&[u8]> = frames.iter().map(|frame| frame.octets.as_slice()).collect();
                let closing = closing_payload(&mailbox.keys, &octets);
                let Some(commit) = contender(mailbox, &closing) else { return Ok(None) };
                let before = chain_before_last(mailbox, &frames);
                let head = kept::receipt(&mut reader, mailbox.id).await?;
                let (branch, address, end) =
                    (mailbox.keys.branch, mailbox.keys.mailbox.address(), chain_of(mailbox, &frames));
                let mut earlier = Vec::new();
                for kept in past.iter().filter(|kept| kept.epoch == epoch && kept.keys.branch < branch) {
                    let receipt = kept::receipt(&mut reader, kept.id).await?;
                    earlier.extend(receipt.map(|receipt| SignedEnd::new(kept.keys.branch, &receipt)));
                }
                let rival = head.map(|head| Rival::new(branch, &before, &head, earlier, closing).encode());
                let (mailbox, shown) = (mailbox.id, rival.transpose()?);
                return Ok(Some(OwnEnd { mailbox, branch, address, end, commit, shown }));
            }
        }
        Ok(None)
    }

    /// The keys of a branch of a past epoch, whether it was read or is watched, and who was in that epoch.
    async fn branch_of(
        &self,
        reader: &mut SqliteConnection,
        row: &AllianceRow,
        epoch: u64,
        branch: u8,
    ) -> Result<Option<(EpochKeys, Roster)>, ClientError> {
        let (mut known, mut roster) = (None, None);
        for mailbox in kept::past(reader, row.id).await?.into_iter().filter(|kept| kept.epoch == epoch) {
            roster = Some(mailbox.roster);
            known = Some(mailbox.keys).filter(|keys| keys.branch.0 == branch).or(known);
        }
        let watched = watched::of_epoch(reader, row.id, epoch).await?.into_iter();
        let keys = known.or_else(|| watched.map(|watched| watched.keys).find(|keys| keys.branch.0 == branch));
        Ok(keys.zip(roster))
    }

    /// Shows the commit that was followed to those who followed another, in the first branch that is open.
    async fn show_end(&self, looking: &Looking, epoch: u64, ours: &OwnEnd) -> Result<(), ClientError> {
        let Some(rival) = &ours.shown else { return Ok(()) };
        let branches = watched::of_epoch(&mut *self.store.reader().await?, looking.row.id, epoch).await?;
        let shown = |payload: &Payload| payload.kind == ContentKind::Rival && payload.body == *rival;
        self.say_in_branch(looking, &branches, ContentKind::Rival, rival, shown).await
    }

    /// Says something in the first of these branches that is open, unless it was said there.
    pub(super) async fn say_in_branch(
        &self,
        looking: &Looking,
        branches: &[WatchedBranch],
        kind: ContentKind,
        body: &[u8],
        said: impl Fn(&Payload) -> bool,
    ) -> Result<(), ClientError> {
        for WatchedBranch { keys, .. } in branches {
            self.open_with(&*looking.connection, &keys.mailbox, &looking.grants).await?;
            let whole = read_whole(&*looking.connection, &keys.mailbox).await?;
            if payloads(keys, &whole).iter().any(&said) {
                return Ok(());
            }
            if whole.head.closed {
                continue;
            }
            for frame in seal_payload(&keys.frame, kind, body, None, FrameSize::Kib1, &self.environment.random)? {
                looking.connection.append(&keys.mailbox, frame.as_bytes(), false).await?;
            }
            return Ok(());
        }
        Ok(())
    }

    /// Another end of a branch of the present epoch: one is still in that epoch, and reads that branch anew, and those
    /// after it, if one comes to them again.
    async fn go_back(&self, row: &AllianceRow, mailbox: &KeptMailbox) -> Result<bool, ClientError> {
        let mut step = self.store.begin().await?;
        let held = self.hold(&mut step, row.id).await?;
        if held.row.version != row.version {
            return Ok(false);
        }
        let Some((_, mut group)) = self.take(&mut step, held).await? else { return Ok(false) };
        if group.has_pending() {
            group.drop_pending()?;
        }
        group.forget_departures()?;
        groups::apply(&mut step, row.id, &group.take_changes()).await?;
        reading::leave_mailbox(&mut step, row.id).await?;
        outbox::requeue(&mut step, row.id).await?;
        for later in kept::from(&mut step, row.id, (mailbox.epoch, mailbox.keys.branch)).await? {
            kept::begin_anew(&mut step, later.id).await?;
            let place = Place { epoch: later.epoch, branch: later.keys.branch, ..Place::START };
            history::displace(&mut step, row.id, &place).await?;
        }
        let place = Place { epoch: mailbox.epoch, branch: mailbox.keys.branch, ..Place::START };
        ends::forget_from(&mut step, row.id, &place).await?;
        self.say_all_after(&mut step, row, (place.epoch, place.branch)).await?;
        alliances::enter_mailbox(&mut step, row.id, &place).await?;
        step.commit().await?;
        Ok(true)
    }

    /// Reads the branches of a past epoch in which nobody should go on.
    async fn glance(&self, looking: &Looking, epoch: u64) -> Result<bool, ClientError> {
        let row = &looking.row;
        let mut reader = self.store.reader().await?;
        let branches = watched::of_epoch(&mut reader, row.id, epoch).await?;
        let own = watched::own_report(&mut reader, row.id, epoch).await?;
        drop(reader);
        if let Some(own) = own.filter(|_| row.status == Status::Lost) {
            let said = |payload: &Payload| payload.kind == ContentKind::Report && payload.body == own;
            self.say_in_branch(looking, &branches, ContentKind::Report, &own, said).await?;
        }
        // A second time where oneself had something to say: what was there before it counts first.
        for _ in 0..2 {
            let said = self.said_in(looking, &branches).await?;
            let mut heard = HashSet::new();
            for payload in said.iter().filter(|payload| heard.insert((payload.kind, &payload.body))) {
                if self.take_glanced(looking, epoch, payload).await? {
                    return Ok(true);
                }
            }
            match self.settle_dispute(looking, epoch, &said).await? {
                Settled::Nothing => break,
                Settled::Spoke => {}
                Settled::Moved => return Ok(true),
            }
        }
        Ok(false)
    }

    /// What was said in these branches of an epoch, in order.
    async fn said_in(&self, looking: &Looking, branches: &[WatchedBranch]) -> Result<Vec<Payload>, ClientError> {
        let mut said = Vec::new();
        for branch in branches {
            let whole = match read_whole(&*looking.connection, &branch.keys.mailbox).await {
                Err(ClientError::Relay(error)) if error.code() == Some(ProblemCode::MailboxUnknown) => break,
                whole => whole?,
            };
            said.extend(payloads(&branch.keys, &whole));
            if !whole.head.closed {
                break;
            }
        }
        Ok(said)
    }

    async fn take_glanced(&self, looking: &Looking, epoch: u64, payload: &Payload) -> Result<bool, ClientError> {
        let row = &looking.row;
        match payload.kind {
            ContentKind::Report => {
                let mut step = self.store.begin().await?;
                self.take_report_of(&mut step, row, epoch, &payload.body).await?;
                step.commit().await?;
                Ok(false)
            }
            ContentKind::Missed if row.status == Status::Active => self.take_missed(row, epoch, &payload.body).await,
            ContentKind::Rival if row.status == Status::Active => self.meet_rival(looking, epoch, &payload.body).await,
            _ => Ok(false),
        }
    }

    /// Somebody shows another end of a past epoch than the one that was followed, with the relay's signature.
    async fn meet_rival(&self, looking: &Looking, epoch: u64, body: &[u8]) -> Result<bool, ClientError> {
        let row = &looking.row;
        let Ok(rival) = Rival::decode(body) else { return Ok(false) };
        let Some(ours) = self.own_end(row, epoch).await? else { return Ok(false) };
        let branch = self.branch_of(&mut *self.store.reader().await?, row, epoch, rival.branch).await?;
        let Some((keys, roster)) = branch else { return Ok(false) };
        let address = keys.mailbox.address();
        let Ok((commit, seal)) = rival.open(row.relay.key(), &address, &keys.frame) else { return Ok(false) };
        let Ok(theirs) = Contender::verify(&roster, &address, &commit, &seal) else { return Ok(false) };
        let Ok(end) = rival.end() else { return Ok(false) };
        // Two ends by the relay's own word, or a member alone would have closed a branch that nobody reads.
        let has_signed_two = match keys.branch.cmp(&ours.branch) {
            Ordering::Less => {
                ends::is_another(&mut *self.store.reader().await?, row.id, (epoch, keys.branch), &end).await?
            }
            Ordering::Equal => true,
            Ordering::Greater => rival.shows_another_end(row.relay.key(), ours.branch, &ours.address, &ours.end),
        };
        if !has_signed_two {
            return Ok(false);
        }
        let digest = FrameDigest::from_bytes(theirs.digest);
        let place = (epoch, keys.branch, &roster);
        let (choice, news) = self.weigh(row, &ours, (Some(theirs), &digest), place).await?;
        // Once for each: of these a cheat may show any number.
        if choice == Choice::First && news {
            self.show_end(looking, epoch, &ours).await?;
        }
        Ok(choice == Choice::Second)
    }

    /// A member's report on the epoch that is being read. Whether it is news.
    pub(super) async fn take_report(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        body: &[u8],
    ) -> Result<bool, ClientError> {
        self.take_report_of(step, row, row.place.epoch, body).await
    }

    async fn take_report_of(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        epoch: u64,
        body: &[u8],
    ) -> Result<bool, ClientError> {
        let Ok(report) = Report::decode(body) else { return Ok(false) };
        for kept in kept::past(step, row.id).await?.iter().filter(|kept| kept.epoch == epoch) {
            let address = kept.keys.mailbox.address();
            let Ok(reporter) = report.verify(Word::CannotFollow, &kept.roster, &address) else { continue };
            if watched::has_report(step, row.id, epoch, &report.commit, report.leaf_index).await? {
                return Ok(false);
            }
            // Of a commit that nobody has read there is nothing to say.
            let Some(commit) = ended_with(step, kept).await?.filter(|commit| commit.digest == report.commit) else {
                continue;
            };
            let news = watched::add_report(step, row.id, epoch, &report.commit, report.leaf_index, None).await?;
            if news && reporter.identity != self.profile.key.identity() {
                let by = kept.roster.at(commit.author).map(|entry| (&entry.person()).into());
                let event = Event::CannotFollow { person: (&reporter.person()).into(), by };
                history::add_event(step, row.id, &row.place, &event).await?;
            }
            return Ok(news);
        }
        Ok(false)
    }

    /// A commit works for others, maybe, and not here: one says so in the next branch, and asks to be let in again.
    pub(super) async fn doubt(
        &self,
        step: &mut SqliteConnection,
        row: &AllianceRow,
        report: &Report,
    ) -> Result<(), ClientError> {
        let octets = report.encode()?;
        let epoch = row.place.epoch;
        watched::add_report(step, row.id, epoch, &report.commit, report.leaf_index, Some(&octets)).await?;
        let current = alliances::get(step, row.id).await?;
        if current.status != Status::Active {
            return Ok(());
        }
        let Held { row: current, group } = self.hold(step, row.id).await?;
        for keys in super::pull::branches_ahead(&group, row)? {
            watched::add(step, row.id, epoch, &keys).await?;
        }
        self.lose_place(step, &current, LostWhy::CannotFollow).await
    }
}

/// The latest mailboxes, and those that were not looked at for the longest time: a relay that rewrites an old one, for
/// somebody who has not read it yet, is found out, too.
fn some_of(mut past: Vec<KeptMailbox>) -> Vec<KeptMailbox> {
    let mut others = past.split_off(past.len().min(USUALLY));
    others.sort_by_key(|mailbox| mailbox.looked);
    past.extend(others.into_iter().take(USUALLY));
    past
}

/// Whether this is the relay's word on the end that was read.
fn ends_so(mailbox: &KeptMailbox, head: &twiza_protocol::Receipt, frames: &[KeptFrame]) -> bool {
    let chain = chain_of(mailbox, frames);
    head.closed && head.chain == chain && frames.last().is_some_and(|last| last.sequence == head.sequence)
}

fn chain_of(mailbox: &KeptMailbox, frames: &[KeptFrame]) -> Chain {
    let next =
        |chain: Chain, frame: &KeptFrame| chain.append(frame.sequence, frame.closing, &FrameDigest::of(&frame.octets));
    frames.iter().fold(Chain::start(&mailbox.keys.mailbox.address()), next)
}

fn chain_before_last(mailbox: &KeptMailbox, frames: &[KeptFrame]) -> Chain {
    chain_of(mailbox, frames.split_last().map_or(&[][..], |(_, earlier)| earlier))
}

/// The frames of a mailbox that hold its closing payload.
fn closing_payload(keys: &EpochKeys, frames: &[&[u8]]) -> Vec<Vec<u8>> {
    let Some(last) = frames.last() else { return Vec::new() };
    let earlier = keys.frame.open(last).map(|content| content.earlier).unwrap_or_default();
    let find = |digest: &FrameDigest| frames.iter().find(|frame| FrameDigest::of(frame) == *digest);
    let parts = earlier.iter().filter_map(find);
    parts.chain([last]).map(|frame| frame.to_vec()).collect()
}

/// What these frames claim, if somebody of that epoch vouches for it.
fn contender(mailbox: &KeptMailbox, frames: &[Vec<u8>]) -> Option<Contender> {
    let (commit, seal) = sealed_commit(&mailbox.keys.frame, frames.iter().map(Vec::as_slice)).ok()?;
    Contender::verify(&mailbox.roster, &mailbox.keys.mailbox.address(), &commit, &seal).ok()
}

/// The commit that a kept mailbox ended with, read from the frames that hold it alone: a mailbox may be large.
pub(super) async fn ended_with(
    connection: &mut SqliteConnection,
    mailbox: &KeptMailbox,
) -> Result<Option<Contender>, ClientError> {
    let Some(last) = kept::last_frame(connection, mailbox.id).await? else { return Ok(None) };
    let mut frames = Vec::new();
    for digest in mailbox.keys.frame.open(&last).map(|content| content.earlier).unwrap_or_default() {
        frames.extend(kept::frame(connection, mailbox.id, &digest).await?);
    }
    frames.push(last);
    Ok(contender(mailbox, &frames))
}

/// The commit that these frames of a mailbox end with, if somebody of that epoch vouches for it.
fn contender_in<'a>(mailbox: &KeptMailbox, frames: impl Iterator<Item = &'a [u8]>) -> Option<Contender> {
    contender(mailbox, &closing_payload(&mailbox.keys, &frames.collect::<Vec<_>>()))
}

/// Whether somebody has lost nothing of what it could do in a past epoch: its seat, and an organiser's rights.
fn keeps_standing(state: &AllianceState, then: &RosterEntry) -> bool {
    let seat = state.seat(&then.identity);
    seat.is_some_and(|seat| seat.role == Role::Organiser || then.role != Role::Organiser)
}

/// The whole payloads in a mailbox.
fn payloads(keys: &EpochKeys, whole: &Whole) -> Vec<Payload> {
    let mut assembly = Assembly::default();
    let opened = whole
        .frames
        .iter()
        .filter_map(|frame| Some((FrameDigest::of(&frame.octets), keys.frame.open(&frame.octets).ok()?)));
    opened.filter_map(|(digest, content)| assembly.push(digest, content)).collect()
}
