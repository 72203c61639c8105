//! Commands about several alliances at once, and about naming: who and which is meant.

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use twiza_tests::programs;
use twiza_tests::programs::{Person, RelayProcess};

const TAWIZA: [&str; 2] = ["--alliance", "Tawiza"];
const AGRAW: [&str; 2] = ["--alliance", "Agraw"];

/// A relay, and people who know it.
struct Scene {
    folder: TempDir,
    relay: RelayProcess,
}

impl Scene {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        Ok(Self { folder, relay })
    }

    fn person(&self, profile: &str, name: &str) -> Result<Person> {
        let person = Person::new(programs!(), &self.folder.path().join("home"), profile);
        person.types(&["init", "--name", name, "--organisation", "Nour"])?;
        Ok(person)
    }

    fn found(&self, organiser: &Person, name: &str) -> Result<()> {
        organiser.types(&["alliance", "create", name, "--relay", &self.relay.address]).map(drop)
    }
}

fn admit(organiser: &Person, alliance: [&str; 2], role: &str, newcomer: &Person) -> Result<()> {
    let link = organiser.lets_in(newcomer, role, &alliance)?;
    newcomer.types(&["join", &link]).map(drop)
}

fn epoch(person: &Person, alliance: [&str; 2]) -> Result<u64> {
    let shown = person.asks(&[&["alliance", "show"], &alliance[..]].concat())?;
    shown["alliance"]["epoch"].as_u64().context("no epoch")
}

fn names(person: &Person, alliance: [&str; 2]) -> Result<Vec<String>> {
    let members = person.asks(&[&["members"], &alliance[..]].concat())?;
    let members = members["members"].as_array().context("no members")?;
    Ok(members.iter().filter_map(|member| member["person"]["name"].as_str().map(str::to_owned)).collect())
}

/// What was printed as data by a command that failed, and its exit code.
fn fails(person: &Person, arguments: &[&str]) -> Result<(Value, Option<i32>)> {
    let output = person.tries(&[&["--json"], arguments].concat())?;
    let printed = String::from_utf8(output.stdout)?;
    Ok((serde_json::from_str(&printed).with_context(|| printed.clone())?, output.status.code()))
}

#[test]
fn keys_are_rotated_in_all_alliances_and_one_that_fails_keeps_none_of_the_others() -> Result<()> {
    let scene = Scene::new()?;
    let amina = scene.person("amina", "Amina")?;
    scene.found(&amina, "Tawiza")?;
    scene.found(&amina, "Agraw")?;
    let before = (epoch(&amina, TAWIZA)?, epoch(&amina, AGRAW)?);
    let rotated = amina.asks(&["rotate", "--all"])?;
    let epochs = (epoch(&amina, TAWIZA)?, epoch(&amina, AGRAW)?);
    assert_eq!(epochs, (before.0 + 1, before.1 + 1));
    assert_eq!(rotated["alliances"][0]["epoch"], epochs.0);
    assert_eq!(rotated["alliances"][1]["name"], "Agraw");

    // Another relay, which then is gone.
    let data = scene.folder.path().join("other");
    RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
    let other = RelayProcess::serve(programs!(), &data, &[])?;
    amina.types(&["alliance", "create", "Elsewhere", "--relay", &other.address])?;
    other.kill()?;
    scene.found(&amina, "Last")?;
    let (told, exit) = fails(&amina, &["rotate", "--all"])?;
    assert_eq!(exit, Some(5));
    let errors: Vec<_> = told["alliances"].as_array().into_iter().flatten().map(|one| &one["error"]["code"]).collect();
    assert_eq!(errors, [&Value::Null, &Value::Null, &Value::from("error-waiting"), &Value::Null]);
    assert_eq!(epoch(&amina, TAWIZA)?, epochs.0 + 1);
    assert!(epoch(&amina, ["--alliance", "Last"])? > 0, "those after it as well");
    Ok(())
}

#[test]
fn a_person_is_removed_everywhere_and_nobody_else_of_that_name() -> Result<()> {
    let scene = Scene::new()?;
    let [amina, karim] = [scene.person("amina", "Amina")?, scene.person("karim", "Karim")?];
    scene.found(&amina, "Tawiza")?;
    scene.found(&amina, "Agraw")?;
    for alliance in [TAWIZA, AGRAW] {
        admit(&amina, alliance, "member", &karim)?;
    }
    scene.found(&karim, "Of Karim")?;
    admit(&karim, ["--alliance", "Of Karim"], "member", &amina)?;
    // Somebody else, of the same name.
    let other = scene.person("other", "Karim")?;
    scene.found(&amina, "Other")?;
    admit(&amina, ["--alliance", "Other"], "member", &other)?;

    let refused = |arguments: &[&str]| amina.is_refused(arguments);
    assert_eq!(refused(&["remove", "@Karim", "--everywhere", "--yes"])?, (2, "error-which-person".to_owned()));
    assert_eq!(refused(&["remove", "1", "--everywhere", "--yes"])?, (2, "error-which-person".to_owned()));
    assert_eq!(refused(&["remove", "Nobody", "--everywhere", "--yes"])?, (3, "error-unknown-member".to_owned()));
    assert_eq!(refused(&["remove", "Amina", "--everywhere", "--yes"])?, (4, "error-not-possible".to_owned()));
    let everywhere = [&["remove", "@Karim", "--everywhere"], &TAWIZA[..]].concat();
    assert_eq!(refused(&everywhere)?, (2, "error-not-confirmed".to_owned()), "a script has to say so");
    assert_eq!(names(&amina, TAWIZA)?, ["Amina", "Karim"], "nobody was removed yet");

    let (told, exit) = fails(&amina, &[&everywhere[..], &["--yes"]].concat())?;
    assert_eq!(exit, Some(4), "{told}");
    let results = told["alliances"].as_array().context("no results")?;
    let result = |name: &str| results.iter().find(|one| one["name"] == name);
    assert_eq!(result("Tawiza").context("Tawiza")?["removed"], true);
    assert_eq!(result("Agraw").context("Agraw")?["removed"], true);
    assert_eq!(result("Of Karim").context("his")?["error"]["code"], "error-not-organiser", "and that is told");
    assert!(result("Other").is_none());
    assert_eq!(names(&amina, TAWIZA)?, ["Amina"]);
    assert_eq!(names(&amina, AGRAW)?, ["Amina"]);
    assert_eq!(names(&amina, ["--alliance", "Other"])?, ["Amina", "Karim"], "another Karim");
    Ok(())
}

#[test]
fn what_has_ended_is_not_listed_and_can_be_erased() -> Result<()> {
    let scene = Scene::new()?;
    let [amina, karim] = [scene.person("amina", "Amina")?, scene.person("karim", "Karim")?];
    scene.found(&amina, "Tawiza")?;
    admit(&amina, TAWIZA, "member", &karim)?;
    amina.types(&["send", "a secret"])?;
    karim.types(&["read"])?;
    let count = |arguments: &[&str]| -> Result<Option<usize>> {
        Ok(karim.asks(arguments)?["alliances"].as_array().map(Vec::len))
    };
    assert_eq!(karim.is_refused(&["alliance", "forget", "Tawiza", "--yes"])?, (4, "error-still-member".to_owned()));
    amina.types(&["remove", "Karim"])?;
    karim.types(&["read"])?;
    assert_eq!((count(&["alliance", "list"])?, count(&["alliance", "list", "--all"])?), (Some(0), Some(1)));
    let talk = String::from_utf8(karim.tries(&["alliance", "list"])?.stderr)?;
    assert!(talk.contains("--all"), "{talk}");
    assert_eq!(karim.is_refused(&["alliance", "forget", "Tawiza"])?, (2, "error-not-confirmed".to_owned()));
    assert!(karim.types(&["read", "--all"])?.contains("a secret"));
    karim.types(&["alliance", "forget", "Tawiza", "--yes"])?;
    assert_eq!(count(&["alliance", "list", "--all"])?, Some(0));
    assert_eq!(karim.is_refused(&["read", "--alliance", "1"])?, (3, "error-unknown-alliance".to_owned()));
    // A later one has a number of its own, and one may be let in again.
    admit(&amina, TAWIZA, "member", &karim)?;
    assert_eq!(karim.asks(&["alliance", "list"])?["alliances"][0]["number"], 2);
    Ok(())
}

#[test]
fn a_name_of_digits_neither_stands_for_a_number_nor_hides_one() -> Result<()> {
    let scene = Scene::new()?;
    let [amina, karim] = [scene.person("amina", "Amina")?, scene.person("karim", "Karim")?];
    scene.found(&amina, "Tawiza")?;
    admit(&amina, TAWIZA, "member", &karim)?;
    // Karim has number 1, and somebody would like to be taken for him.
    let imitator = scene.person("imitator", "1")?;
    admit(&amina, TAWIZA, "member", &imitator)?;
    assert_eq!(amina.asks(&["role", "1", "organiser"])?["member"], "Karim");
    assert_eq!(amina.asks(&["role", "@1", "observer"])?["member"], "1");
    assert_eq!(amina.asks(&["remove", "@1"])?["removed"], "1");
    assert_eq!(names(&amina, TAWIZA)?, ["Amina", "Karim"]);

    scene.found(&amina, "1")?;
    let shown = |named: &str| -> Result<Value> {
        Ok(amina.asks(&["alliance", "show", "--alliance", named])?["alliance"]["name"].clone())
    };
    assert_eq!(shown("1")?, "Tawiza");
    assert_eq!(shown("@1")?, "1");
    Ok(())
}

#[test]
fn an_alliance_is_found_by_its_name_as_soon_as_one_is_let_in() -> Result<()> {
    let scene = Scene::new()?;
    let [amina, karim] = [scene.person("amina", "Amina")?, scene.person("karim", "Karim")?];
    scene.found(&amina, "Tawiza")?;
    scene.found(&karim, "Of Karim")?;
    let link = amina.asks(&["invite", "--role", "member"])?["link"].clone();
    karim.types(&["join", link.as_str().context("no link")?])?;
    assert_eq!(karim.is_refused(&["members", "--alliance", "Tawiza"])?, (3, "error-unknown-yet".to_owned()));
    let requests = amina.asks(&["requests"])?;
    amina.types(&["approve", &requests["requests"][0]["number"].to_string()])?;
    assert_eq!(names(&karim, TAWIZA)?, ["Amina", "Karim"]);
    assert_eq!(karim.is_refused(&["members", "--alliance", "Tawisa"])?, (3, "error-unknown-alliance".to_owned()));
    Ok(())
}

#[test]
fn whoever_is_alone_is_told_how_to_erase_an_alliance_and_can() -> Result<()> {
    let scene = Scene::new()?;
    let [amina, karim] = [scene.person("amina", "Amina")?, scene.person("karim", "Karim")?];
    scene.found(&amina, "Tawiza")?;
    assert_eq!(amina.is_refused(&["leave"])?, (4, "error-alone".to_owned()));
    admit(&amina, TAWIZA, "member", &karim)?;
    assert_eq!(amina.is_refused(&["leave"])?, (4, "error-not-possible".to_owned()), "there is somebody to organise it");
    assert_eq!(amina.is_refused(&["alliance", "forget", "1", "--yes"])?, (4, "error-still-member".to_owned()));
    amina.types(&["remove", "Karim"])?;
    amina.types(&["alliance", "forget", "1", "--yes"])?;
    assert_eq!(amina.asks(&["alliance", "list", "--all"])?["alliances"].as_array().map(Vec::len), Some(0));
    Ok(())
}
