//! What was read: texts, and events that commits brought.

use crate::ClientError;
use crate::store::alliances::Place;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use twiza_crypto::credential::Person;
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
        /// Which: `add`, `remove`, `role`, `rotate` or `leave`.
        change: String,
        /// The code of the [`twiza_crypto::Obstacle`].
        reason: String,
    },
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
}

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number in this profile; grows with time.
    pub id: i64,
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
    pub(crate) own: bool,
    pub(crate) sent: u64,
    pub(crate) text: &'a str,
}

pub(crate) async fn add_text(
    connection: &mut SqliteConnection,
    alliance: i64,
    place: &Place,
    new: &NewText<'_>,
) -> Result<(), ClientError> {
    sqlx::query(
        "insert into history (alliance, epoch, branch, sequence, kind, sender, sender_name, sender_organisation, sent, body, own, unread)
         values (?, ?, ?, ?, 'text', ?, ?, ?, ?, ?, ?, ?)",
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
    sqlx::query("insert into history (alliance, epoch, branch, sequence, kind, body, unread) values (?, ?, ?, ?, 'event', ?, ?)")
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

/// Entries after one, oldest first; `unread` leaves out what was read before.
pub(crate) async fn entries(
    connection: &mut SqliteConnection,
    alliance: i64,
    after: i64,
    unread: bool,
) -> Result<Vec<Entry>, ClientError> {
    let query = sqlx::query("select * from history where alliance = ? and id > ? and unread >= ? order by id");
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
    let sequence = Sequence(row.get::<i64, _>("sequence").cast_unsigned());
    Ok(Entry { id, epoch: row.get::<i64, _>("epoch").cast_unsigned(), sequence, item })
}
