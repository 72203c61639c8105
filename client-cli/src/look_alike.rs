//! Names that pass for each other: the same but for capitals, or for letters that look the same in another script
//! (Unicode Technical Standard 39). Nobody is kept from a name because somebody has one like it; it is pointed out.

use twiza_client::engine::MemberView;
use unicode_security::skeleton;

/// How the names of an alliance's members look.
pub(crate) struct Crowd(Vec<(u32, Looks)>);

impl Crowd {
    pub(crate) fn of(members: &[MemberView]) -> Self {
        Self(members.iter().map(|member| (member.number, Looks::of(&member.person.name))).collect())
    }

    /// The numbers of the members whose names pass for this one.
    pub(crate) fn like(&self, name: &str) -> Vec<u32> {
        let looks = Looks::of(name);
        self.0.iter().filter(|(_, other)| other.pass_for(&looks)).map(|(number, _)| *number).collect()
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
