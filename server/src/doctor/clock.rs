//! The machine's clock, as far as the machine itself can tell. No time server is asked.

use super::Finding;
use crate::calendar;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::Upkeep;
use std::time::UNIX_EPOCH;
use twiza_protocol::{CoarseTime, ExpiryDay};

const SUBJECT: &str = "clock";
const ADVICE: &str = "set the clock, and let it be kept right: `timedatectl set-ntp true` where there is systemd";

/// No machine that runs this program is earlier: 2026-11-01.
const PROGRAM_DAY: ExpiryDay = ExpiryDay(20_758);
const DAYS_AHEAD_MAX: u32 = 100 * 365;

/// What the machine's own battery clock says, in seconds since the Unix epoch.
const BATTERY_CLOCK: &str = "/sys/class/rtc/rtc0/since_epoch";

pub(super) fn examine(settings: &Settings, database: &dyn Upkeep, clock: &dyn Clock) -> Vec<Finding> {
    let now = clock.now();
    let written = calendar::written(now.day());
    if now.day() < PROGRAM_DAY || now.day() > PROGRAM_DAY.plus_days(DAYS_AHEAD_MAX) {
        let found = format!("it says {written}, which cannot be: mailboxes would expire too early or too late");
        return vec![Finding::wrong(SUBJECT, found, ADVICE)];
    }
    let mut findings = Vec::new();
    let battery = std::fs::read_to_string(BATTERY_CLOCK).ok().and_then(|text| text.trim().parse().ok());
    if battery.map(CoarseTime::from_unix_seconds).is_some_and(|battery| !battery.is_near(now)) {
        let found = "it differs from the machine's battery clock by more than ten minutes";
        findings.push(Finding::attention(SUBJECT, found, "find out which is right. ".to_owned() + ADVICE));
    }
    if newest_change(settings).is_some_and(|change| change > now && !change.is_near(now)) {
        let found = "a file in the data folder was changed at a time that has not come yet: the clock was set back";
        findings.push(Finding::attention(SUBJECT, found, ADVICE));
    }
    let latest = now.day().plus_days(settings.retention_days);
    let expiring = database.expiring().unwrap_or_default();
    if let Some(late) = expiring.iter().rfind(|expiring| expiring.day > latest) {
        let day = calendar::written(late.day);
        let found = format!("mailboxes expire as late as {day}: the clock was ahead, or retention_days was longer");
        findings.push(Finding::attention(
            SUBJECT,
            found,
            "if it was the clock: these are kept longer, and no harm is done",
        ));
    }
    if expiring.last().is_some_and(|last| last.day < now.day()) {
        let found = format!("it says {written}, and all mailboxes have expired before that: is the clock ahead?");
        findings.push(Finding::attention(
            SUBJECT,
            found,
            "if it is, set it right before the relay has run for a day: it deletes them then. ".to_owned() + ADVICE,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("{written}; nothing here contradicts it")));
    }
    findings
}

fn newest_change(settings: &Settings) -> Option<CoarseTime> {
    let entries = std::fs::read_dir(&settings.data).ok()?;
    let changed = entries.filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok());
    let newest = changed.max()?.duration_since(UNIX_EPOCH).ok()?;
    Some(CoarseTime::from_unix_seconds(newest.as_secs()))
}
