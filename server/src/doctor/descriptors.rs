//! File descriptors, against the connections that there may be.

use super::Finding;
use crate::descriptors;
use crate::settings::Settings;

const SUBJECT: &str = "file descriptors";

pub(super) fn examine(settings: &Settings) -> Finding {
    let asked = settings.connections_max;
    let possible = descriptors::possible(asked);
    if possible < asked {
        let found = format!("enough for {possible} connections, and connections_max is {asked} (limits of this shell)");
        return Finding::attention(
            SUBJECT,
            found,
            "raise LimitNOFILE= of the service (or ulimit -Hn), or lower connections_max",
        );
    }
    Finding::ok(SUBJECT, format!("enough for {asked} connections, if the service has the limits of this shell"))
}
