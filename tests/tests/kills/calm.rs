//! Nobody is killed: everybody synchronises until nothing moves any more, whoever still asks to join is answered, and
//! everybody who may says a last word.

use crate::chaos::{names, told};
use crate::ledger::{Ledger, Told};
use crate::oracle::Witness;
use crate::town::{ALLIANCE, Inhabitant, SETTLED, Town};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Rounds of synchronising after which somebody is stuck.
const ROUNDS_MAX: usize = 25;

/// Brings everything to rest; gives what everybody has then.
pub(crate) fn settle(town: &Town, ledger: &Ledger) -> Result<Vec<Witness>> {
    let mut places = Vec::new();
    for _ in 0..ROUNDS_MAX {
        for organiser in &town.people[..SETTLED] {
            answer_requests(organiser, ledger)?;
        }
        places = look(town, ledger)?;
        if is_settled(&places) {
            last_words(town, ledger)?;
            return witnesses(town, ledger);
        }
    }
    bail!("somebody is stuck: {}", places.iter().map(|(who, place)| format!("{who}: {place}\n")).collect::<String>())
}

/// Lets everybody in again who is outside, so that there is something to lose in what follows.
pub(crate) fn gather(town: &Town, ledger: &Ledger) -> Result<()> {
    let organiser = &town.people[0];
    let members = organiser.asks(ledger, &["members", "--alliance", ALLIANCE])?;
    for guest in town.people.iter().filter(|guest| !names(&members).any(|name| name == guest.name)) {
        let invitation = organiser.asks(ledger, &["invite", "--alliance", ALLIANCE])?;
        let link = invitation["link"].as_str().context("no link")?;
        guest.asks(ledger, &["join", link])?;
        answer_requests(organiser, ledger)?;
        let joined = guest.asks(ledger, &["join", link])?;
        ensure!(joined["status"] == "active", "{} is not let in: {joined}", guest.name);
    }
    Ok(())
}

/// Whoever asks to join is let in, or turned away where it is a member already.
fn answer_requests(organiser: &Inhabitant, ledger: &Ledger) -> Result<()> {
    let asked = organiser.asks(ledger, &["requests", "--alliance", ALLIANCE])?;
    for request in asked["requests"].as_array().context("no requests")? {
        let members = organiser.asks(ledger, &["members", "--alliance", ALLIANCE])?;
        let is_member = names(&members).any(|name| request["person"]["name"] == name);
        let verb = if is_member { "decline" } else { "approve" };
        // Refused where this very command, synchronising, let in or turned away as somebody had wished before.
        organiser.run(ledger, "in peace", &[verb, &request["number"].to_string(), "--alliance", ALLIANCE], None)?;
    }
    Ok(())
}

/// How each part of each person stands, freshly synchronised, where it is not over.
fn look(town: &Town, ledger: &Ledger) -> Result<Vec<(&'static str, Value)>> {
    let mut places = Vec::new();
    for person in &town.people {
        for row in rows(person, ledger)? {
            if row["status"] == "active" || row["status"] == "joining" {
                let number = row["number"].to_string();
                places.push((person.name, person.asks(ledger, &["alliance", "show", "--alliance", &number])?));
            }
        }
    }
    Ok(places)
}

fn rows(person: &Inhabitant, ledger: &Ledger) -> Result<Vec<Value>> {
    let list = person.asks(ledger, &["alliance", "list", "--all"])?;
    list["alliances"].as_array().cloned().context("no list of alliances")
}

/// Nobody waits to be let in or to say something, and everybody is in one epoch.
fn is_settled(places: &[(&str, Value)]) -> bool {
    let active = || places.iter().filter(|(_, place)| place["alliance"]["status"] == "active").map(|(_, place)| place);
    let epoch = active().next().map(|place| &place["alliance"]["epoch"]);
    let at_rest = |place: &Value| {
        place["outbox"]["messages"] == 0
            && place["outbox"]["changes"] == 0
            && Some(&place["alliance"]["epoch"]) == epoch
    };
    active().all(at_rest) && places.iter().all(|(_, place)| place["alliance"]["status"] != "joining")
}

fn last_words(town: &Town, ledger: &Ledger) -> Result<()> {
    let members = town.people[0].asks(ledger, &["members", "--alliance", ALLIANCE])?;
    for member in members["members"].as_array().context("no members")? {
        let person = town.people.iter().find(|person| member["person"]["name"] == person.name).context("a stranger")?;
        if member["role"] == "observer" {
            continue;
        }
        let text = ledger.new_text(person.number);
        let ending = person.run(ledger, "in peace", &["send", &text, "--alliance", ALLIANCE], None)?;
        ensure!(told(&ending) == Told::Sent, "{} has no last word: {ending:?}", person.name);
        ledger.tell(person.number, &text, Told::Sent);
    }
    Ok(())
}

fn witnesses(town: &Town, ledger: &Ledger) -> Result<Vec<Witness>> {
    let mut witnesses = Vec::new();
    for person in &town.people {
        for row in rows(person, ledger)? {
            let number = row["number"].to_string();
            let named = ["--alliance", number.as_str()];
            let ask = |command: &[&str]| person.asks(ledger, &[command, &named].concat());
            let read = ask(&["read", "--all"])?;
            let active = read["alliance"]["status"] == "active";
            let state = if active { Some((ask(&["verify"])?, ask(&["members"])?)) } else { None };
            if active {
                ledger.epoch(read["alliance"]["epoch"].as_u64().context("no epoch")?);
            }
            witnesses.push(Witness { person: person.number, name: person.name, read, state });
        }
    }
    Ok(witnesses)
}
