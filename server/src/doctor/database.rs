//! Whether the database can be used.

use super::Finding;
use crate::settings::Settings;
use crate::store::{StoreError, Upkeep, chain};

const SUBJECT: &str = "database";
const RESTORE: &str = "stop the relay, move the data folder away, and `twiza-relay restore` your last backup; members put back \
                       what came later";

pub(super) fn examine(settings: &Settings, database: &dyn Upkeep, thorough: bool) -> Finding {
    if settings.folder().is_issuer() {
        return Finding::ok(SUBJECT, "an issuer's: it counts the tokens of one day, and begins anew if it is gone");
    }
    if settings.database.is_some() {
        return Finding::ok(
            SUBJECT,
            "mailboxes are in PostgreSQL, which its own tools look into; `serve` says if it cannot be used",
        );
    }
    if !settings.folder().database().exists() {
        return Finding::ok(SUBJECT, "none yet: the first `twiza-relay serve` makes it");
    }
    let examined = match database.examine(thorough) {
        Ok(examined) => examined,
        Err(StoreError::Database(error)) => {
            return Finding::wrong(SUBJECT, format!("it cannot be read ({error})"), RESTORE);
        }
        Err(error) => return Finding::wrong(SUBJECT, chain(&error), RESTORE),
    };
    let (schema, known) = (examined.schema, examined.schema_of_program);
    match (examined.damage.as_slice(), schema.cmp(&known)) {
        ([], std::cmp::Ordering::Greater) => {
            let found = format!("a newer twiza-relay made it (schema {schema}, this program knows {known})");
            Finding::wrong(SUBJECT, found, "update twiza-relay")
        }
        ([], std::cmp::Ordering::Less) => {
            Finding::ok(SUBJECT, format!("whole; the next start brings it from schema {schema} to {known}"))
        }
        ([], std::cmp::Ordering::Equal) => {
            let depth = if thorough { "whole, indexes included" } else { "whole (indexes: --thorough)" };
            Finding::ok(SUBJECT, format!("{depth}; schema {schema}"))
        }
        ([first, more @ ..], _) => {
            Finding::wrong(SUBJECT, format!("damaged: {first}, and {} more", more.len()), RESTORE)
        }
    }
}
