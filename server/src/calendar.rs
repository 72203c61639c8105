//! Days as people write them.

use time::Date;
use twiza_protocol::ExpiryDay;

/// The Julian day of 1970-01-01, from which days are counted here.
const EPOCH: i32 = 2_440_588;

/// A day as `2026-11-26`; one beyond all calendars, as its number.
#[must_use]
pub fn written(day: ExpiryDay) -> String {
    let julian = i32::try_from(day.0).ok().and_then(|day| EPOCH.checked_add(day));
    match julian.map(Date::from_julian_day) {
        Some(Ok(date)) => date.to_string(),
        _ => format!("day {}", day.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(written(ExpiryDay(0)), "1970-01-01");
        assert_eq!(written(ExpiryDay(20_783)), "2026-11-26");
        assert_eq!(written(ExpiryDay(u32::MAX)), "day 4294967295");
    }
}
