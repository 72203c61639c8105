//! Three people in an alliance, on a relay that can be rolled back.

use crate::{World, admit, texts};
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;
use twiza_client::clock::SystemClock;
use twiza_client::engine::AllianceNumber;
use twiza_client::relay::http::HttpConnector;
use twiza_client::relay::{InboundFrame, RelayConnection, RelayConnector, Right};
use twiza_client::store::alliances::Status;
use twiza_client::store::history::{Event, Item};
use twiza_client::{Engine, os_random};
use twiza_crypto::name::Name;
use twiza_protocol::{MailboxKey, Sequence};

/// Somebody's client, and the alliance's number there.
pub type Member = (Engine, AllianceNumber);

/// Amina, who organises, Karim and Zineb.
pub struct Three {
    /// Their relay.
    pub world: World,
    /// In this order.
    pub people: [Member; 3],
}

impl Three {
    /// They meet.
    ///
    /// # Errors
    /// Whatever fails on the way.
    pub async fn meet() -> Result<Self> {
        Self::meet_by(Arc::new(HttpConnector::new(Arc::new(SystemClock)))).await
    }

    /// They meet, and Amina reaches the relay in a way of the test's choice.
    ///
    /// # Errors
    /// Whatever fails on the way.
    pub async fn meet_by(connector: Arc<dyn RelayConnector>) -> Result<Self> {
        let world = World::new().await?;
        let amina = world.attentive_by("Amina", "Nour", connector).await?;
        let (karim, zineb) = (world.attentive("Karim", "Amal").await?, world.attentive("Zineb", "Tafat").await?);
        let alliance = amina.found(&Name::new("Tawiza")?, &world.address(), None).await?;
        let of_karim = admit(&amina, alliance, &karim).await?;
        let of_zineb = admit(&amina, alliance, &zineb).await?;
        let three = Self { world, people: [(amina, alliance), (karim, of_karim), (zineb, of_zineb)] };
        three.settle().await?;
        Ok(three)
    }

    /// As [`World::restarted`].
    ///
    /// # Errors
    /// Whatever keeps the relay from stopping or starting.
    pub async fn restarted(self, change: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Ok(Self { world: self.world.restarted(change).await?, people: self.people })
    }

    /// All of them synchronise until there is nothing more to do.
    ///
    /// # Errors
    /// Whatever fails.
    pub async fn settle(&self) -> Result<()> {
        self.settle_but(&[]).await
    }

    /// All of them but these synchronise.
    ///
    /// # Errors
    /// Whatever fails.
    pub async fn settle_but(&self, away: &[&str]) -> Result<()> {
        for _ in 0..6 {
            for (engine, alliance) in &self.people {
                if !away.contains(&&*engine.whoami().name) {
                    engine.sync(*alliance).await?;
                }
            }
        }
        Ok(())
    }

    /// The mailbox that Amina reads now.
    ///
    /// # Errors
    /// Where she is out.
    pub async fn mailbox(&self) -> Result<MailboxKey> {
        let [(amina, alliance), ..] = &self.people;
        Ok(amina.insider(*alliance).await?.keys.mailbox)
    }

    /// Somebody who nobody can name ends a mailbox.
    ///
    /// # Errors
    /// Where the relay refuses it.
    pub async fn close(&self, mailbox: &MailboxKey) -> Result<()> {
        let connection = self.connection()?;
        let mut junk = vec![0; 1024];
        os_random().fill(&mut junk)?;
        connection.append(mailbox, &junk, true).await?;
        Ok(())
    }

    /// A connection of nobody's client.
    ///
    /// # Errors
    /// Where the relay cannot be reached.
    pub fn connection(&self) -> Result<Arc<dyn RelayConnection>> {
        self.world.connection()
    }

    /// What the relay has in a mailbox.
    ///
    /// # Errors
    /// Where it does not have it.
    pub async fn frames(&self, mailbox: &MailboxKey) -> Result<Vec<InboundFrame>> {
        Ok(self.connection()?.read(mailbox, Sequence::START).await?.frames)
    }

    /// The relay takes these frames again, in a mailbox that it may have lost.
    ///
    /// # Errors
    /// Where it refuses them.
    pub async fn put(&self, mailbox: &MailboxKey, frames: &[InboundFrame]) -> Result<()> {
        let connection = self.connection()?;
        connection.open(mailbox, Right::None).await?;
        for frame in frames {
            connection.append(mailbox, &frame.octets, frame.closing).await?;
        }
        Ok(())
    }

    /// Everybody is in one epoch, and has read the same, each text once.
    ///
    /// # Errors
    /// Where somebody is out.
    ///
    /// # Panics
    /// Where they differ.
    pub async fn agree(&self, heard: &[&str]) -> Result<()> {
        self.agree_but(&[], heard).await
    }

    /// As [`Three::agree`], without these.
    ///
    /// # Errors
    /// Where somebody is out.
    ///
    /// # Panics
    /// Where they differ.
    pub async fn agree_but(&self, gone: &[&str], heard: &[&str]) -> Result<()> {
        let there = |member: &&Member| !gone.contains(&&*member.0.whoami().name);
        let there: Vec<&Member> = self.people.iter().filter(there).collect();
        let (first, alliance) = there[0];
        let words = first.verify(*alliance).await?.words.to_string();
        for (engine, alliance) in there {
            let who = engine.whoami().name;
            assert_eq!(engine.alliance(*alliance).await?.status, Status::Active, "{who}");
            assert_eq!(engine.verify(*alliance).await?.words.to_string(), words, "{who} is elsewhere");
            assert_eq!(texts(engine, *alliance).await?, heard, "{who}");
        }
        Ok(())
    }
}

/// What happened to somebody.
///
/// # Errors
/// Where the store cannot be read.
pub async fn events((engine, alliance): &Member) -> Result<Vec<Event>> {
    let entries = engine.entries(*alliance, 0, false).await?;
    let event = |item| if let Item::Event(event) = item { Some(event) } else { None };
    Ok(entries.into_iter().filter_map(|entry| event(entry.item)).collect())
}
