//! One wish in many alliances: each is tried, whatever came of the others, and all is told at the end.

use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use crate::wrap::INDENT;
use serde_json::{Value, json};
use twiza_client::engine::AllianceView;

/// What came of it so far.
#[derive(Default)]
pub(crate) struct Tally {
    results: Vec<Value>,
    lines: Vec<String>,
    failed: usize,
    exit: Option<u8>,
}

impl Tally {
    /// Notes what came of it in one alliance: on success, something for scripts and words for people.
    pub(crate) fn note(
        &mut self,
        context: &Context<'_>,
        alliance: &AllianceView,
        result: Result<(Value, String), Failure>,
    ) {
        let name = alliance.name.as_deref().map_or_else(|| "?".to_owned(), render::line);
        let (extra, words) = match result {
            Ok(done) => done,
            Err(failure) => {
                let (code, message, exit) = failure.words(context.language);
                self.failed += 1;
                self.exit.get_or_insert(exit);
                let error = json!({ "error": { "code": code, "message": message } });
                (error, context.text("error", &[("message", message.into())]))
            }
        };
        let mut entry = json!({ "number": alliance.number, "name": alliance.name });
        if let (Value::Object(entry), Value::Object(extra)) = (&mut entry, extra) {
            entry.extend(extra);
        }
        self.results.push(entry);
        let number = alliance.number.to_string();
        // Further lines belong to this alliance, and look like it.
        let words = words.replace('\n', &format!("\n{INDENT}"));
        let variables = [("number", number.into()), ("name", name.into()), ("result", words.into())];
        self.lines.push(context.text("tally-line", &variables));
    }

    /// Tells everything. Fails with the first failure's exit code where something failed.
    pub(crate) fn tell(self, context: &Context<'_>, mut beside: Value) -> Result<(), Failure> {
        let all = self.results.len();
        if let Value::Object(fields) = &mut beside {
            fields.insert("alliances".to_owned(), Value::Array(self.results));
        }
        context.output.people(|| beside, || self.lines.join("\n"));
        match self.exit {
            Some(exit) => Err(Failure::Partly { failed: self.failed, all, exit }),
            None => Ok(()),
        }
    }
}
