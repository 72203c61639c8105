//! What somebody types to name a member or an alliance. Names are chosen by others: one called "2" must neither be taken
//! for number 2 nor stand in its way.

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// Digits: a number, never a name. Larger than any number there is where it does not fit.
    Number(u64),
    /// Anything else, and whatever follows an `@`: a name, in small letters.
    Name(String),
}

impl Named {
    pub(super) fn typed(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix('@') {
            Some(name) => Self::Name(name.to_lowercase()),
            None if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) => {
                Self::Number(text.parse().unwrap_or(u64::MAX))
            }
            None => Self::Name(text.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Named;

    #[test]
    fn digits_are_a_number_and_a_name_only_after_an_at_sign() {
        let name = |text: &str| Named::Name(text.to_owned());
        let cases = [
            ("2", Named::Number(2)),
            (" 2 ", Named::Number(2)),
            ("99999999999999999999", Named::Number(u64::MAX)),
            ("@2", name("2")),
            ("@Karim", name("karim")),
            ("Karim", name("karim")),
            ("+2", name("+2")),
            ("2nd", name("2nd")),
            ("", name("")),
        ];
        for (text, named) in cases {
            assert_eq!(Named::typed(text), named, "{text}");
        }
    }
}
