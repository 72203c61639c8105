use super::*;
use crate::cli::init;
use crate::settings::Settings;
use std::os::unix::fs::PermissionsExt;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    async fn with_a_relay() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        init::create(&Settings::in_folder(place.path("relay"))).unwrap();
        let store = crate::store::SqliteStore::open(&place.relay().prepare_database().unwrap()).await.unwrap();
        crate::store::Store::close(&store).await;
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn relay(&self) -> Folder {
        Folder::at(self.path("relay"))
    }

    fn back_up(&self) -> Result<PathBuf, BackupError> {
        let file = self.path("backup");
        back_up(&self.relay(), &SqliteUpkeep::at(&self.relay().database()), &file)?;
        Ok(file)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_backup_is_private_and_a_restored_relay_has_the_same_files() {
    let place = Place::with_a_relay().await;
    let file = place.back_up().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(place.back_up(), Err(BackupError::Exists(_))));

    let restored = Folder::at(place.path("restored"));
    restore(&file, &restored).unwrap();
    for path in place.relay().files_beside_database().into_iter().filter(|path| path.exists()) {
        let copy = restored.path().join(path.file_name().unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&copy).unwrap(), "{path:?}");
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let names = ["relay.crt", "relay.key", "relay.sqlite3", "relay.toml"];
    assert_eq!(place.names("restored"), names);
    let key = std::fs::read(restored.key()).unwrap();
    let database = std::fs::read(restored.database()).unwrap();
    assert!(!database.windows(key.len()).any(|window| window == key), "the key does not stay in the database");
    assert!(matches!(restore(&file, &restored), Err(BackupError::Folder(FolderError::Occupied(_)))));
}

#[tokio::test]
async fn what_is_no_backup_or_a_damaged_one_is_refused_and_leaves_nothing() {
    let place = Place::with_a_relay().await;
    let file = place.back_up().unwrap();
    let target = Folder::at(place.path("target"));
    let database = restore(&place.relay().database(), &target);
    assert!(matches!(database, Err(BackupError::NoBackup(_))), "the database alone has no key: {database:?}");

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 4096]).unwrap();
    assert!(matches!(restore(&file, &target), Err(BackupError::Damaged { .. })));
    assert_eq!(place.names("target"), Vec::<String>::new());

    // A bit anywhere: in the key, in a frame, in the digest itself.
    for at in (0..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        let refused = restore(&file, &target);
        assert!(matches!(refused, Err(BackupError::Damaged { .. } | BackupError::NoBackup(_))), "{at}: {refused:?}");
    }
    assert!(matches!(restore(&place.path("absent"), &target), Err(BackupError::Absent(_))));

    // One that is whole, and made by somebody else.
    let copy = place.path("without");
    std::fs::write(&copy, &whole[..whole.len() - digest::END_BYTES as usize]).unwrap();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    connection.execute("update parcel set name = '../relay.key' where name = 'relay.key'", []).unwrap();
    drop(connection);
    digest::append(&mut File::options().read(true).write(true).open(&copy).unwrap()).unwrap();
    let refused = restore(&copy, &target);
    assert!(
        matches!(&refused, Err(BackupError::Damaged { found, .. }) if found.contains("missing in it")),
        "{refused:?}"
    );
    assert_eq!(place.names("target"), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_killed_backup_left_behind_is_in_nobodys_way_and_one_under_way_is_left_alone() {
    let place = Place::with_a_relay().await;
    let partial = place.path("backup.partial");
    std::fs::write(&partial, "half of it").unwrap();
    std::fs::write(place.path("backup.partial-journal"), "").unwrap();
    let under_way = private_file::try_lock(&partial).unwrap().unwrap();
    assert!(matches!(place.back_up(), Err(BackupError::Busy(_))));
    assert_eq!(std::fs::read(&partial).unwrap(), b"half of it");
    drop(under_way);
    let file = place.back_up().unwrap();
    assert_eq!(place.names(""), ["backup", "relay"]);
    restore(&file, &Folder::at(place.path("restored"))).unwrap();
}
