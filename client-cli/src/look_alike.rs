//! Names that pass for each other: the same but for capitals, or for letters that look the same in another script
//! (Unicode Technical Standard 39). Nobody is kept from a name because somebody has one like it; it is pointed out.

use twiza_client::engine::MemberView;
use twiza_client::store::history::{Event, Item, ShownPerson};
use unicode_security::skeleton;

/// An alliance's members, and how their names look.
pub(crate) struct Crowd(Vec<(MemberView, Looks)>);

impl Crowd {
    pub(crate) fn of(members: &[MemberView]) -> Self {
        Self(members.iter().map(|member| (member.clone(), Looks::of(&member.person.name))).collect())
    }

    /// The numbers of the members whose names pass for this one.
    pub(crate) fn like(&self, name: &str) -> Vec<u32> {
        let looks = Looks::of(name);
        self.0.iter().filter(|(_, other)| other.pass_for(&looks)).map(|(member, _)| member.number).collect()
    }

    /// People whom an entry names and whose names pass for those of other members: who, its own number where that is
    /// certain, and theirs.
    pub(crate) fn imitated(&self, item: &Item) -> Vec<Imitated> {
        let mut imitated: Vec<Imitated> = Vec::new();
        for person in people(item) {
            let number = self.number_of(person, item);
            let mut like = self.like(&person.name);
            like.retain(|other| Some(*other) != number);
            let found = Imitated { person: person.clone(), number, like };
            if !found.like.is_empty() && !imitated.contains(&found) {
                imitated.push(found);
            }
        }
        imitated
    }

    /// The member who is named: of a text, its author by identity; of an event, the only one with that name and
    /// organisation.
    fn number_of(&self, person: &ShownPerson, item: &Item) -> Option<u32> {
        let mut members = self.0.iter().map(|(member, _)| member);
        if matches!(item, Item::Text { .. }) {
            return members.find(|member| member.wrote(item)).map(|member| member.number);
        }
        let mut named = members.filter(|member| member.person == *person);
        named.next().filter(|_| named.next().is_none()).map(|member| member.number)
    }
}

/// Somebody whose name passes for others'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Imitated {
    pub(crate) person: ShownPerson,
    pub(crate) number: Option<u32>,
    pub(crate) like: Vec<u32>,
}

/// Everybody whom an entry names.
fn people(item: &Item) -> Vec<&ShownPerson> {
    match item {
        Item::Text { from, .. } => vec![from],
        Item::Event(
            Event::Added { person, by }
            | Event::Removed { person, by }
            | Event::RoleChanged { person, by, .. }
            | Event::Readmitted { person, by }
            | Event::Claimed { person, by }
            | Event::ClaimRejected { person, by }
            | Event::CannotFollow { person, by: Some(by) },
        ) => vec![person, by],
        Item::Event(
            Event::Leaving { person }
            | Event::Left { person }
            | Event::Rotated { person }
            | Event::RefusedCommit { person: Some(person) }
            | Event::NotUnderstood { person }
            | Event::HistoryDiffers { person }
            | Event::MotionProposed { person, .. }
            | Event::MotionApproved { person, .. }
            | Event::MotionWithdrawn { person, .. }
            | Event::ApprovalWithdrawn { person, .. }
            | Event::RivalRefused { person: Some(person) }
            | Event::Apart { person }
            | Event::CannotFollow { person, by: None }
            | Event::Rejoined { by: person }
            | Event::Rebooted { by: person, .. }
            | Event::CallRefused { by: person, .. }
            | Event::RulesChanged { by: person, .. }
            | Event::Renamed { by: person, .. }
            | Event::GrantChanged { by: person, .. }
            | Event::MotionEnacted { by: person, .. },
        ) => vec![person],
        Item::Event(_) => Vec::new(),
    }
}

/// Members' numbers, as they stand in a sentence.
pub(crate) fn listed(numbers: &[u32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How a name looks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Looks {
    /// By its shapes as they stand: a capital I passes for a small l.
    as_written: String,
    /// By its shapes without capitals.
    folded: String,
}

impl Looks {
    fn of(name: &str) -> Self {
        let spaced = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let as_written = skeleton(&spaced).collect::<String>().to_lowercase();
        Self { as_written, folded: skeleton(&spaced.to_lowercase()).collect() }
    }

    /// Whether one passes for the other.
    fn pass_for(&self, other: &Self) -> bool {
        self.as_written == other.as_written || self.folded == other.folded
    }
}

#[cfg(test)]
mod tests {
    use super::Looks;

    #[test]
    fn names_that_look_the_same_pass_for_each_other() {
        let alike = [
            ("Amina", "amina"),
            ("Amina", "Аmina"),
            ("Amina", "AMINA"),
            ("Ilias", "llias"),
            ("Karim", "Кarim"),
            ("Nour", "N0ur"),
            ("Amina B", "Amina  B"),
            ("كريم", "كريم"),
        ];
        for (one, other) in alike {
            assert!(Looks::of(one).pass_for(&Looks::of(other)), "{one} {other}");
        }
        for (one, other) in [("Amina", "Amine"), ("Karim", "Karima"), ("كريم", "كريمة"), ("ⴰⵣⵓⵍ", "ⴰⵣⵓ")]
        {
            assert!(!Looks::of(one).pass_for(&Looks::of(other)), "{one} {other}");
        }
    }
}
