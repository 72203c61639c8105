//! Standard output for data, standard error for talk.

use crate::wrap;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};

/// The version of the JSON that scripts get: fields are added, never changed, while it stays.
pub(crate) const JSON_VERSION: u32 = 1;

/// Where a command's data goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a script reads.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Gives data in the form that was asked for.
    pub(crate) fn data(self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) {
        if self.json {
            self.json_line(json());
        } else {
            let text = text();
            if !text.is_empty() {
                write_out(&(text + "\n"));
            }
        }
    }

    /// As [`Output::data`], for what people wrote: on a terminal, long lines are broken here; see [`wrap`].
    pub(crate) fn people(self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) {
        // Asked every time: while one watches, the terminal's width may change.
        self.data(json, || match terminal_size::terminal_size_of(std::io::stdout()) {
            Some((columns, _)) => wrap::hang(&text(), usize::from(columns.0)),
            None => text(),
        });
    }

    /// One JSON object on a line of its own, with the version.
    pub(crate) fn json_line(self, mut value: Value) {
        if let Value::Object(fields) = &mut value {
            fields.insert("version".to_owned(), json!(JSON_VERSION));
        }
        write_out(&format!("{value}\n"));
    }

    pub(crate) fn text(self, text: &str) -> u8 {
        write_out(text);
        0
    }

    /// Says something to the person, beside the data.
    pub(crate) fn talk(text: &str) {
        // Nobody may be listening; there is nobody to tell that to.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Writes to standard output. A reader that has gone away has what it wanted.
fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => crate::exit(0),
        Err(error) => Output::talk(&error.to_string()),
        Ok(()) => {}
    }
}
