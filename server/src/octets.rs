//! Octets as people say them.

/// A number of octets in the largest unit that gives it one digit before the point.
#[must_use]
pub(crate) fn spoken(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{:.1} {}", bytes as f64 / f64::from(1_u32 << 10).powi(unit as i32), UNITS[unit as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_spoken_in_their_unit() {
        let said = [0, 1023, 1024, 10 << 30, 3 << 50].map(spoken);
        assert_eq!(said, ["0 bytes", "1023 bytes", "1.0 KiB", "10.0 GiB", "3072.0 TiB"]);
    }
}
