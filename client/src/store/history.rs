//! What was read: texts, and events that commits brought.

use crate::ClientError;
use crate::store::alliances::Place;
use crate::store::shown::{ShownAction, ShownGrant, ShownRules};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use twiza_crypto::credential::Person;
use twiza_crypto::epoch::Branch;
use twiza_protocol::Sequence;

/// Somebody, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPerson {
    /// The person's name.
    pub name: String,
    /// The person's organisation.
    pub organisation: String,
}

impl From<&Person> for ShownPerson {
    fn from(person: &Person) -> Self {
        Self { name: person.name.as_str().to_owned(), organisation: person.organisation.as_str().to_owned() }
    }
}

/// Something that happened to an alliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// One became a member.
    Joined,
    /// Somebody was added.
    Added {
        /// Who.
        person: ShownPerson,
        /// By whom.
        by: ShownPerson,
    },
    /// Somebody was removed.
    Removed {
        /// Who.
        person: ShownPerson,
        /// By whom.
        by: ShownPerson,
    },
    /// Somebody wants to leave; the next commit carries it out.
    Leaving {
        /// Who.
        person: ShownPerson,
    },
    /// Somebody left.
    Left {
        /// Who.
        person: ShownPerson,
    },
    /// Somebody has another role.
    RoleChanged {
        /// Who.
        person: ShownPerson,
        /// The role, as `Role` is shown to scripts.
        role: String,
        /// By whom.
        by: ShownPerson,
    },
    /// Somebody has new keys.
    Rotated {
        /// Who.
        person: ShownPerson,
    },
    /// Somebody came back with new keys: a member who had lost its own, or a device.
    Readmitted {
        /// Who.
        person: ShownPerson,
        /// Who let it in.
        by: ShownPerson,
    },
    /// One's keys do not lead to where the others are; what is done about it, the front end says.
    Lost {
        /// Why.
        why: LostWhy,
    },
    /// One has new keys, and takes part again. What was said meanwhile cannot be had.
    Rejoined {
        /// Who let one in.
        by: ShownPerson,
    },
    /// Nobody has answered, however often one asked.
    NobodyAnswered,
    /// An organiser has founded the alliance anew.
    Rebooted {
        /// Who.
        by: ShownPerson,
        /// Whom it has left out.
        without: Vec<ShownPerson>,
    },
    /// An organiser wants to found the alliance anew, and one does not follow: it would get around a quorum.
    CallRefused {
        /// Who.
        by: ShownPerson,
        /// Whom it would leave out.
        without: Vec<ShownPerson>,
    },
    /// The alliance has other rules.
    RulesChanged {
        /// Which.
        rules: ShownRules,
        /// By whom.
        by: ShownPerson,
    },
    /// The alliance has another name.
    Renamed {
        /// Which.
        name: String,
        /// By whom.
        by: ShownPerson,
    },
    /// The alliance opens mailboxes by another right.
    GrantChanged {
        /// By which.
        grant: ShownGrant,
        /// By whom.
        by: ShownPerson,
    },
    /// Somebody asks for approvals.
    MotionProposed {
        /// The motion's number in this profile.
        number: i64,
        /// Who.
        person: ShownPerson,
        /// Of what.
        motion: ShownAction,
    },
    /// Somebody approved a motion.
    MotionApproved {
        /// Which.
        number: i64,
        /// Who.
        person: ShownPerson,
    },
    /// Somebody took its motion back.
    MotionWithdrawn {
        /// Which.
        number: i64,
        /// Who.
        person: ShownPerson,
    },
    /// A motion is of no use any more: what it asks for is done, or cannot be done.
    MotionVoid {
        /// Which.
        number: i64,
    },
    /// Somebody took its approval of a motion back.
    ApprovalWithdrawn {
        /// Which.
        number: i64,
        /// Who.
        person: ShownPerson,
    },
    /// A motion was carried out.
    MotionEnacted {
        /// Which.
        number: i64,
        /// By whom.
        by: ShownPerson,
    },
    /// Members of several organisations say that nobody organises the alliance any more.
    Claimed {
        /// Who should.
        person: ShownPerson,
        /// Who committed it.
        by: ShownPerson,
    },
    /// An organiser is there after all.
    ClaimRejected {
        /// Who should have become one.
        person: ShownPerson,
        /// Who is one.
        by: ShownPerson,
    },
    /// A change against the rules was refused.
    RefusedCommit {
        /// Whose, if its author's seal verifies.
        person: Option<ShownPerson>,
    },
    /// A text of one's own that will never be sent.
    NotSent {
        /// What it said, so that it is not lost.
        text: String,
        /// The code of the [`twiza_crypto::Obstacle`].
        reason: String,
    },
    /// A change of one's own that will never be made.
    NotDone {
        /// Which: `add`, `remove`, `role`, `rules`, `grant`, `motion`, `rotate` or `leave`.
        change: String,
        /// The code of the [`twiza_crypto::Obstacle`].
        reason: String,
    },
    /// One's own rotation of keys was refused again and again: somebody may be suppressing it.
    RotationSuppressed,
    /// A message of a member that could not be decrypted.
    Unreadable,
    /// A message of a later version of Twiza.
    NotUnderstood {
        /// Whose.
        person: ShownPerson,
    },
    /// Somebody has seen another history than this client: the relay shows two, or lost its end.
    HistoryDiffers {
        /// Who.
        person: ShownPerson,
    },
    /// The relay had lost its end, or shows another order than before: it was restored from a backup, or lies. This
    /// client has put back what was missing.
    RelayHealed {
        /// How many frames it put back.
        frames: usize,
    },
    /// Others have not read messages of one's own, since the relay had lost them for a time: they are said again.
    Missed {
        /// Who found them.
        person: ShownPerson,
        /// How many.
        frames: usize,
    },
    /// The relay has shown two ends of one epoch, and the other does not prevail: those who followed it come back.
    RivalRefused {
        /// Whose commit that was, as far as it is known.
        person: Option<ShownPerson>,
    },
    /// The relay has shown two ends of one epoch, and each removes the author of the other: the alliance is apart.
    Apart {
        /// Whose commit the others follow.
        person: ShownPerson,
    },
    /// A member cannot follow a change that others could: its author made it work for some only.
    CannotFollow {
        /// Who cannot.
        person: ShownPerson,
        /// Whose change.
        by: Option<ShownPerson>,
    },
}

/// Why one's place in an alliance is lost. A closed set, so that front ends can say it in any language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LostWhy {
    /// One was away for so long that the relay no longer has what others did meanwhile.
    Away,
    /// The store is an old copy, and its keys were used since.
    OldCopy,
    /// One was on the side of a fork that does not go on.
    Fork,
    /// One cannot follow a change that others could.
    CannotFollow,
    /// The store is damaged.
    Damaged,
    /// The alliance was founded anew.
    Rebooted,
    /// This is a new device, from a recovery kit.
    NewDevice,
    /// One asks for new keys oneself.
    Asked,
}

impl LostWhy {
    /// A name for stores and scripts, which stays.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::OldCopy => "old-copy",
            Self::Fork => "fork",
            Self::CannotFollow => "cannot-follow",
            Self::Damaged => "damaged",
            Self::Rebooted => "rebooted",
            Self::NewDevice => "new-device",
            Self::Asked => "asked",
        }
    }
}

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number in this profile; grows with time.
    pub id: i64,
    /// Which of one's lives in the alliance it belongs to: whoever comes back with new keys begins another, and epochs of
    /// one say nothing of the order in another.
    #[serde(skip)]
    pub life: u64,
    /// The epoch in which it came.
    pub epoch: u64,
    /// Its place in that epoch's mailbox.
    pub sequence: Sequence,
    /// What it is.
    #[serde(flatten)]
    pub item: Item,
}

/// A text or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Item {
    /// A text.
    Text {
        /// Who wrote it.
        from: ShownPerson,
        /// Whose identity that is: names do not tell people apart.
        #[serde(skip)]
        sender: [u8; 32],
        /// Whether one wrote it oneself.
        own: bool,
        /// When, in minutes since the Unix epoch, by its writer's clock.
        sent: u64,
        /// The text, as it was written: it must be made safe before it reaches a terminal.
        text: String,
    },
    /// An event.
    #[serde(untagged)]
    Event(Event),
}

/// A text that was read from a mailbox.
pub(crate) struct NewText<'a> {
    pub(crate) person: &'a Person,
    pub(crate) id: [u8; 16],
    pub(crate) own: bool,
    pub(crate) sent: u64,
    pub(crate) text: &'a str,
}

/// Puts a text in its place. The same message a second time moves it there: its writer came back and sent it again, or
/// somebody had gone on before the first was in its place. All who read it have it where it was said last.
pub(crate) async fn add_text(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    new: &NewText<'_>,
) -> Result<(), ClientError> {
    let moved = sqlx::query(
        "update history set epoch = ?2, branch = ?3, sequence = ?4, life = (select life from alliance where id = ?1)
         where alliance = ?1 and message = ?5 and sender = ?6 and sent = ?7 and body = ?8",
    )
    .bind(alliance)
    .bind(place.epoch.cast_signed())
    .bind(i64::from(place.branch.0))
    .bind(place.cursor.0.cast_signed())
    .bind(&new.id[..])
    .bind(&new.person.identity.as_bytes()[..])
    .bind(new.sent.cast_signed())
    .bind(new.text)
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into history (alliance, epoch, branch, sequence, kind, sender, sender_name, sender_organisation, sent, body, own, unread, message, life)
         select ?1, ?2, ?3, ?4, 'text', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, life from alliance where id = ?1",
    )
    .bind(alliance)
    .bind(place.epoch.cast_signed())
    .bind(i64::from(place.branch.0))
    .bind(place.cursor.0.cast_signed())
    .bind(&new.person.identity.as_bytes()[..])
    .bind(new.person.name.as_str())
    .bind(new.person.organisation.as_str())
    .bind(new.sent.cast_signed())
    .bind(new.text)
    .bind(new.own)
    .bind(!new.own)
    .bind(&new.id[..])
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn add_event(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    event: &Event,
) -> Result<(), ClientError> {
    let body = serde_json::to_string(event).map_err(|error| ClientError::Store(error.to_string()))?;
    sqlx::query("insert into history (alliance, epoch, branch, sequence, kind, body, unread, life) select ?1, ?2, ?3, ?4, 'event', ?5, ?6, life from alliance where id = ?1")
        .bind(alliance)
        .bind(place.epoch.cast_signed())
        .bind(i64::from(place.branch.0))
        .bind(place.cursor.0.cast_signed())
        .bind(body)
        // New keys are routine: they stand in the history, but call nobody.
        .bind(!matches!(event, Event::Rotated { .. }))
        .execute(connection)
        .await?;
    Ok(())
}

/// As [`add_event`], if it was never told before.
pub(crate) async fn add_event_once(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    event: &Event,
) -> Result<(), ClientError> {
    let body = serde_json::to_string(event).map_err(|error| ClientError::Store(error.to_string()))?;
    let query = "select exists (select 1 from history where alliance = ? and kind = 'event' and body = ?)";
    let query = sqlx::query_scalar(query).bind(alliance).bind(body);
    if query.fetch_one(&mut *connection).await? { Ok(()) } else { add_event(connection, alliance, place, event).await }
}

/// How far behind all places of a mailbox those go that it does not show any more: more than a mailbox has frames.
pub(crate) const BEHIND: i64 = 1 << 32;

/// The mailbox at this place is read anew: until each of its entries is settled, they only count as before. Those that
/// were displaced before and not settled since go behind the others, as their frames do.
pub(crate) async fn displace(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
) -> Result<(), ClientError> {
    let mailbox = (place.epoch, i64::from(place.branch.0));
    // In this order: no two texts may have one place, not even in between.
    move_behind(connection, alliance, mailbox, mailbox).await?;
    sqlx::query(
        "update history set sequence = -sequence where alliance = ?1 and epoch = ?2 and branch = ?3 and sequence > 0
         and life = (select life from alliance where id = ?1)",
    )
    .bind(alliance)
    .bind(place.epoch.cast_signed())
    .bind(mailbox.1)
    .execute(connection)
    .await?;
    Ok(())
}

/// What was displaced before in these mailboxes, from one to another, goes behind the others.
async fn move_behind(
    connection: &mut SqliteConnection,
    alliance: i64,
    first: (u64, i64),
    last: (u64, i64),
) -> Result<(), ClientError> {
    // By way of places that nothing has: row by row, one would come upon another that has not moved yet.
    for statement in [
        "update history set sequence = sequence - (1 << 61)
         where alliance = ?1 and (epoch, branch) between (?2, ?3) and (?4, ?5) and sequence < 0
         and ?6 > 0 and life = (select life from alliance where id = ?1)",
        "update history set sequence = sequence + (1 << 61) - ?6
         where alliance = ?1 and (epoch, branch) between (?2, ?3) and (?4, ?5) and sequence < 0
         and life = (select life from alliance where id = ?1)",
    ] {
        shift(connection, statement, alliance, first, last).await?;
    }
    Ok(())
}

/// As [`move_behind`], and its frames with it, as [`super::kept::displace`] has it: no two texts may have one place.
async fn make_room(
    connection: &mut SqliteConnection,
    alliance: i64,
    first: (u64, i64),
    last: (u64, i64),
) -> Result<(), ClientError> {
    let frames = "update kept_frame set sequence = sequence + ?6 where met = 0 and mailbox in (
         select id from kept_mailbox where alliance = ?1 and (epoch, branch) between (?2, ?3) and (?4, ?5))";
    shift(connection, frames, alliance, first, last).await?;
    move_behind(connection, alliance, first, last).await
}

async fn shift(
    connection: &mut SqliteConnection,
    statement: &'static str,
    alliance: i64,
    first: (u64, i64),
    last: (u64, i64),
) -> Result<(), ClientError> {
    let shifted = sqlx::query(statement).bind(alliance).bind(first.0.cast_signed()).bind(first.1);
    shifted.bind(last.0.cast_signed()).bind(last.1).bind(BEHIND).execute(connection).await?;
    Ok(())
}

/// What stood at an old place of this mailbox stands at this one now.
pub(crate) async fn settle(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    old: Sequence,
) -> Result<(), ClientError> {
    sqlx::query(
        "update history set sequence = ?5 where alliance = ?1 and epoch = ?2 and branch = ?3 and sequence = ?4
         and life = (select life from alliance where id = ?1)",
    )
    .bind(alliance)
    .bind(place.epoch.cast_signed())
    .bind(i64::from(place.branch.0))
    .bind(-old.0.cast_signed())
    .bind(place.cursor.0.cast_signed())
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes one's own text at a place out of it, to be said again: number, time and text.
pub(crate) async fn displace_own_text(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
) -> Result<Option<([u8; 16], u64, String)>, ClientError> {
    let mailbox = (place.epoch, i64::from(place.branch.0));
    let stands = sqlx::query_scalar(
        "select exists (select 1 from history where alliance = ?1 and epoch = ?2 and branch = ?3 and sequence = ?4
         and own = 1 and kind = 'text' and life = (select life from alliance where id = ?1))",
    );
    let stands = stands.bind(alliance).bind(place.epoch.cast_signed()).bind(mailbox.1);
    if !stands.bind(place.cursor.0.cast_signed()).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    make_room(connection, alliance, mailbox, mailbox).await?;
    let query = sqlx::query(
        "update history set sequence = -sequence
         where alliance = ?1 and epoch = ?2 and branch = ?3 and sequence = ?4 and own = 1 and kind = 'text'
         and life = (select life from alliance where id = ?1) returning id, message, sent, body",
    );
    let query = query.bind(alliance).bind(place.epoch.cast_signed()).bind(i64::from(place.branch.0));
    let row = query.bind(place.cursor.0.cast_signed()).fetch_optional(connection).await?;
    row.as_ref().map(own_text).transpose()
}

fn own_text(row: &sqlx::sqlite::SqliteRow) -> Result<([u8; 16], u64, String), ClientError> {
    let message = row.get::<Vec<u8>, _>("message");
    let id = message.try_into().map_err(|_| super::corrupt("history", "message", row.get("id")))?;
    Ok((id, row.get::<i64, _>("sent").cast_unsigned(), row.get("body")))
}

/// One's own texts that lost their place in this mailbox: number, time and text.
pub(crate) async fn displaced_texts(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
) -> Result<Vec<([u8; 16], u64, String)>, ClientError> {
    let query = sqlx::query(
        "select id, message, sent, body from history
         where alliance = ?1 and epoch = ?2 and branch = ?3 and own = 1 and kind = 'text' and sequence < 0
         and life = (select life from alliance where id = ?1) order by sequence desc",
    );
    let query = query.bind(alliance).bind(place.epoch.cast_signed()).bind(i64::from(place.branch.0));
    query.fetch_all(connection).await?.iter().map(own_text).collect()
}

/// No text after a mailbox stands where everybody reads it, until it is said again. One's own, and those in the mailbox
/// itself, which others may have ended without them: number, time, text.
pub(crate) async fn displace_after(
    connection: &mut SqliteConnection,
    alliance: i64,
    (epoch, branch): (u64, Branch),
) -> Result<Vec<([u8; 16], u64, String)>, ClientError> {
    make_room(connection, alliance, (epoch, i64::from(branch.0) + 1), (i64::MAX.cast_unsigned(), 0)).await?;
    let displaced = sqlx::query(
        "update history set sequence = -sequence
         where alliance = ?1 and (epoch, branch) > (?2, ?3) and kind = 'text' and sequence > 0
         and life = (select life from alliance where id = ?1)",
    );
    let displaced = displaced.bind(alliance).bind(epoch.cast_signed()).bind(i64::from(branch.0));
    displaced.execute(&mut *connection).await?;
    let own = sqlx::query(
        "select id, message, sent, body from history
         where alliance = ?1 and (epoch, branch) >= (?2, ?3) and own = 1 and kind = 'text'
         and life = (select life from alliance where id = ?1) order by epoch, branch, abs(sequence)",
    );
    let own = own.bind(alliance).bind(epoch.cast_signed()).bind(i64::from(branch.0));
    own.fetch_all(connection).await?.iter().map(own_text).collect()
}

/// Entries after one, in the order of their places; `unread` leaves out what was read before.
pub(crate) async fn entries(
    connection: &mut SqliteConnection,
    alliance: i64,
    after: i64,
    unread: bool,
) -> Result<Vec<Entry>, ClientError> {
    let query = sqlx::query(
        "select * from history where alliance = ? and id > ? and unread >= ?
         order by life, epoch, branch, abs(sequence), id",
    );
    let rows = query.bind(alliance).bind(after).bind(unread).fetch_all(connection).await?;
    rows.iter().map(convert).collect()
}

pub(crate) async fn mark_read(connection: &mut SqliteConnection, alliance: i64, up_to: i64) -> Result<(), ClientError> {
    let query = sqlx::query("update history set unread = 0 where alliance = ? and id <= ? and unread = 1");
    query.bind(alliance).bind(up_to).execute(connection).await?;
    Ok(())
}

fn convert(row: &sqlx::sqlite::SqliteRow) -> Result<Entry, ClientError> {
    let id: i64 = row.get("id");
    let body: String = row.get("body");
    let item = if row.get::<String, _>("kind") == "text" {
        Item::Text {
            sender: row.get::<Vec<u8>, _>("sender").try_into().map_err(|_| super::corrupt("history", "sender", id))?,
            from: ShownPerson { name: row.get("sender_name"), organisation: row.get("sender_organisation") },
            own: row.get("own"),
            sent: row.get::<i64, _>("sent").cast_unsigned(),
            text: body,
        }
    } else {
        Item::Event(serde_json::from_str(&body).map_err(|_| super::corrupt("history", "body", id))?)
    };
    let sequence = Sequence(row.get::<i64, _>("sequence").unsigned_abs());
    let number = |column| row.get::<i64, _>(column).cast_unsigned();
    Ok(Entry { id, life: number("life"), epoch: number("epoch"), sequence, item })
}
