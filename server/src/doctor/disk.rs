//! Room on the disk, and what it means for the quota.

use super::Finding;
use crate::disk;
use crate::octets::spoken;
use crate::settings::Settings;
use crate::store::Upkeep;

const SUBJECT: &str = "disk";

/// Below this, the database may not even be able to delete.
const FREE_MIN: u64 = 64 << 20;

/// What a database takes on the disk for its frames: an eighth more than they have octets.
const fn on_disk(frame_bytes: u64) -> u64 {
    frame_bytes.saturating_add(frame_bytes / 8)
}

/// Frames that fit into so much disk.
const fn fitting(disk_bytes: u64) -> u64 {
    disk_bytes / 9 * 8
}

pub(super) fn examine(settings: &Settings, database: &dyn Upkeep) -> Finding {
    let free = match disk::of(&settings.data) {
        Ok(disk) => disk.free,
        Err(error) => {
            return Finding::wrong(SUBJECT, format!("it cannot be looked at ({error})"), "does the data folder exist?");
        }
    };
    if settings.database.is_some() {
        return Finding::ok(SUBJECT, format!("{} free; frames are in PostgreSQL", spoken(free)));
    }
    let stored = database.expiring().unwrap_or_default().iter().map(|day| day.frame_bytes).sum();
    judge(free, stored, settings.limits.relay_bytes_max)
}

fn judge(free: u64, stored: u64, quota: u64) -> Finding {
    let told = format!("{} free; frames take {} of {}", spoken(free), spoken(stored), spoken(quota));
    if free < FREE_MIN {
        return Finding::wrong(SUBJECT, told, "the relay refuses frames when the disk is full: make room");
    }
    let left = quota.saturating_sub(stored);
    if on_disk(left) > free - FREE_MIN {
        let fits = stored.saturating_add(fitting(free - FREE_MIN));
        let advice = format!("the disk is full before the quota is: make room, or set limits.relay_bytes_max = {fits}");
        return Finding::attention(SUBJECT, told, advice);
    }
    if left < quota / 10 {
        return Finding::attention(
            SUBJECT,
            told,
            "the quota is nearly used up: raise limits.relay_bytes_max, or keep less long",
        );
    }
    Finding::ok(SUBJECT, told)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn what_is_advised_fits() {
        assert_eq!(judge(100 << 30, 1 << 30, 10 << 30).verdict, Verdict::Ok);
        assert_eq!(judge(1 << 20, 1 << 30, 10 << 30).verdict, Verdict::Wrong);
        assert_eq!(judge(100 << 30, (10 << 30) - 1, 10 << 30).verdict, Verdict::Attention);
        let short = judge(5 << 30, 1 << 30, 10 << 30);
        assert_eq!(short.verdict, Verdict::Attention);
        let advised = short.advice.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(advised > 4 << 30);
        assert_eq!(judge(5 << 30, 1 << 30, advised).verdict, Verdict::Ok);
    }
}
