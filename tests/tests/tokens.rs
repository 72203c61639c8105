//! An alliance at a relay that takes tokens: from the operator's two machines to people who write to each other.

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use twiza_protocol::TokenGrant;
use twiza_tests::programs;
use twiza_tests::programs::{Person, Programs, RelayProcess};
use twiza_tests::search::{Secret, files};

/// An issuer, a relay that takes its tokens, and a grant.
struct Scene {
    folder: TempDir,
    issuer: Option<RelayProcess>,
    relay: RelayProcess,
    grant: String,
}

impl Scene {
    fn new(tokens_per_day_max: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (issuer_data, data) = (folder.path().join("issuer"), folder.path().join("relay"));
        RelayProcess::make(PROGRAMS, &issuer_data, &["--issuer", "--listen", "127.0.0.1:0"])?;
        change(&issuer_data, "tokens_per_day_max = 1000", &format!("tokens_per_day_max = {tokens_per_day_max}"))?;
        let issuer = RelayProcess::serve(PROGRAMS, &issuer_data, &[])?;
        let key = RelayProcess::tells(PROGRAMS, &issuer_data, &["token-key"])?;
        let grant = RelayProcess::tells(PROGRAMS, &issuer_data, &["grant", "new", "spring"])?;
        // The port was the system's choice, and `grant new` cannot know it.
        let grant = TokenGrant { issuer: issuer.address.parse()?, ..grant.trim().parse()? }.to_string();

        RelayProcess::init(PROGRAMS, &data, "127.0.0.1:0")?;
        change(&data, "admission = \"open\"", "admission = \"token\"")?;
        change(&data, "token_keys = []", &format!("token_keys = [\"{}\"]", key.trim()))?;
        let relay = RelayProcess::serve(PROGRAMS, &data, &[])?;
        Ok(Self { folder, issuer: Some(issuer), relay, grant })
    }

    fn person(&self, profile: &str, name: &str) -> Result<Person> {
        let person = Person::new(PROGRAMS, &self.folder.path().join("home"), profile);
        person.types(&["init", "--name", name, "--organisation", "Nour"])?;
        Ok(person)
    }

    /// Amina, who founded an alliance with the grant, and Karim, whom she let in.
    fn two(&self) -> Result<(Person, Person)> {
        let (amina, karim) = (self.person("amina", "Amina")?, self.person("karim", "Karim")?);
        amina.types(&self.create(&self.grant))?;
        amina.lets_in(&karim, "member", &[])?;
        karim.types(&["read"])?;
        Ok((amina, karim))
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn create<'a>(&'a self, grant: &'a str) -> [&'a str; 7] {
        ["alliance", "create", "Tawiza", "--relay", &self.relay.address, "--grant", grant]
    }
}

const PROGRAMS: Programs = programs!();

fn change(data: &Path, from: &str, to: &str) -> Result<()> {
    let file = data.join("relay.toml");
    let settings = std::fs::read_to_string(&file)?;
    anyhow::ensure!(settings.contains(from), "no {from} in {settings}");
    Ok(std::fs::write(file, settings.replace(from, to))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alliance_lives_on_tokens_and_the_relay_knows_no_grant() -> Result<()> {
    let mut scene = Scene::new(1000)?;
    let (amina, karim) = scene.two()?;
    amina.types(&["send", "azul"])?;
    assert!(karim.types(&["read"])?.contains("azul"));
    // Another member opens the next mailbox, with tokens of its own, and they last while the issuer is away.
    karim.types(&["rotate"])?;
    amina.types(&["read"])?;
    drop(scene.issuer.take());
    karim.types(&["rotate"])?;
    karim.types(&["send", "marhaba"])?;
    assert!(amina.types(&["read"])?.contains("marhaba"));

    let secret = scene.grant.parse::<TokenGrant>()?.secret;
    let secrets = [Secret::text(&secret), Secret::text(&scene.grant)];
    assert_eq!(files(&scene.data("relay"), &secrets)?.found, Vec::<String>::new());
    let file = format!("sqlite://{}?mode=ro", scene.data("relay").join("relay.sqlite3").display());
    let mut database: SqliteConnection = SqliteConnection::connect(&file).await?;
    let count = async |table: &str, database: &mut SqliteConnection| -> Result<i64> {
        let query = format!("select count(*) from {table}");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(database).await?)
    };
    let (spent, mailboxes) = (count("spent_token", &mut database).await?, count("mailbox", &mut database).await?);
    assert_eq!(spent, mailboxes, "one for each mailbox");
    Ok(())
}

#[test]
fn what_is_wrong_with_a_grant_is_said_and_nothing_is_made() -> Result<()> {
    let mut scene = Scene::new(1000)?;
    let amina = scene.person("amina", "Amina")?;
    let without = &scene.create("")[..5];
    assert_eq!(amina.is_refused(without)?, (5, "error-grant-required".to_owned()));
    let cut = &scene.grant[..scene.grant.len() / 2];
    assert_eq!(amina.is_refused(&scene.create(cut))?, (2, "error-grant-damaged".to_owned()));
    let good: TokenGrant = scene.grant.parse()?;
    let wrong = TokenGrant { secret: "mistyped".to_owned(), ..good.clone() }.to_string();
    assert_eq!(amina.is_refused(&scene.create(&wrong))?, (5, "error-issuer-grant-refused".to_owned()));
    // A key that the relay does not take.
    let key = twiza_protocol::TokenSigningKey::generate()?.public()?.id();
    let rekeyed = TokenGrant { key, ..good }.to_string();
    assert_eq!(amina.is_refused(&scene.create(&rekeyed))?.1, "error-token-invalid");
    drop(scene.issuer.take());
    assert_eq!(amina.is_refused(&scene.create(&scene.grant))?, (5, "error-issuer-unreachable".to_owned()));
    let alliances = amina.asks(&["alliance", "list"])?;
    assert_eq!(alliances["alliances"].as_array().map(Vec::len), Some(0));
    Ok(())
}

#[test]
fn a_grant_that_is_taken_back_stops_changes_and_nobody_from_reading_writing_or_leaving() -> Result<()> {
    let scene = Scene::new(1000)?;
    let (amina, karim) = scene.two()?;
    RelayProcess::tells(PROGRAMS, &scene.data("issuer"), &["grant", "revoke", "spring"])?;
    let refused = (0..40).find_map(|_| karim.is_refused(&["rotate"]).ok()).context("never used up")?;
    assert_eq!(refused, (5, "error-waiting".to_owned()));
    amina.types(&["send", "azul"])?;
    let read = karim.tries(&["read"])?;
    assert!(read.status.success() && String::from_utf8_lossy(&read.stdout).contains("azul"));
    assert!(String::from_utf8_lossy(&read.stderr).contains("something waits"), "and that is told");
    let in_the_way = karim.asks(&["read"])?["in_the_way"].clone();
    assert_eq!(
        (&in_the_way["blocked"]["code"], &in_the_way["offline"]),
        (&"error-issuer-grant-refused".into(), &Value::Null)
    );
    karim.types(&["send", "marhaba"])?;
    assert!(amina.types(&["read"])?.contains("marhaba"));
    karim.types(&["members"])?;
    karim.types(&["leave"]).map(drop)
}

#[test]
fn secrets_of_the_wrong_kind_are_not_taken_for_none() -> Result<()> {
    let scene = Scene::new(1000)?;
    let amina = scene.person("amina", "Amina")?;
    assert_eq!(amina.is_refused(&scene.create("springtime"))?, (5, "error-grant-refused".to_owned()));
    let issuer = scene.grant.split('#').next().context("an address")?;
    let as_relay = ["alliance", "create", "Tawiza", "--relay", issuer];
    assert_eq!(amina.is_refused(&as_relay)?, (5, "error-no-relay".to_owned()));
    Ok(())
}

#[test]
fn a_grant_that_is_used_up_says_so_and_what_was_made_goes_on() -> Result<()> {
    let scene = Scene::new(20)?;
    let amina = scene.person("amina", "Amina")?;
    amina.types(&scene.create(&scene.grant))?;
    let refused = (0..30).find_map(|_| amina.is_refused(&["invite"]).ok()).context("never used up")?;
    assert_eq!(refused, (5, "error-tokens-used-up".to_owned()));
    amina.types(&["send", "azul"])?;
    assert!(amina.types(&["read", "--all"])?.contains("azul"), "the mailbox that is there takes no token");
    Ok(())
}

#[test]
fn a_new_grant_takes_the_place_of_one_that_is_taken_back() -> Result<()> {
    let scene = Scene::new(1000)?;
    let (amina, karim) = scene.two()?;
    let autumn = RelayProcess::tells(PROGRAMS, &scene.data("issuer"), &["grant", "new", "autumn"])?;
    let issuer = scene.grant.parse::<TokenGrant>()?.issuer;
    let autumn = TokenGrant { issuer, ..autumn.trim().parse()? };
    RelayProcess::tells(PROGRAMS, &scene.data("issuer"), &["grant", "revoke", "spring"])?;
    (0..40).find_map(|_| karim.is_refused(&["rotate"]).ok()).context("never used up")?;

    let whole = autumn.to_string();
    assert_eq!(amina.is_refused(&["alliance", "grant"])?, (2, "usage-missing".to_owned()));
    assert_eq!(amina.is_refused(&["alliance", "grant", &whole[..40]])?, (2, "error-grant-damaged".to_owned()));
    assert_eq!(amina.is_refused(&["alliance", "grant", ""])?, (2, "error-grant-empty".to_owned()));
    assert_eq!(amina.is_refused(&["alliance", "grant", "springtime"])?, (4, "error-not-possible".to_owned()));
    assert_eq!(karim.is_refused(&["alliance", "grant", &whole])?, (4, "error-not-organiser".to_owned()));
    let unsaid = amina.command(&["alliance", "grant"]).env("TWIZA_GRANT", "").output()?;
    assert_eq!(unsaid.status.code(), Some(2), "a variable that is set to nothing is none");
    assert!(String::from_utf8_lossy(&unsaid.stderr).contains("SECRET"), "{unsaid:?}");
    let given = amina.command(&["--json", "alliance", "grant"]).env("TWIZA_GRANT", &whole).output()?;
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    let given: Value = serde_json::from_slice(&given.stdout)?;
    let issuer = format!("{}:{}", autumn.issuer.host(), autumn.issuer.port());
    let mark = autumn.mark().to_string();
    assert_eq!(given["changed"], true);
    assert_eq!(given["right"]["grant"], serde_json::json!({ "kind": "tokens", "issuer": issuer, "mark": mark }));
    let listed = RelayProcess::tells(PROGRAMS, &scene.data("issuer"), &["grant", "list"])?;
    assert!(listed.contains(&mark), "the operator sees the same mark: {listed}");
    let again = amina.asks(&["alliance", "grant", &whole])?;
    assert_eq!(again["changed"], false);
    assert_eq!(amina.is_refused(&["alliance", "grant", &whole, "--none"])?, (2, "usage-conflict".to_owned()));

    let read = karim.types(&["read"])?;
    assert!(read.contains("another secret") && read.contains(&issuer) && !read.contains(&autumn.secret), "{read}");
    let shown = karim.asks(&["alliance", "show"])?;
    assert_eq!(shown["outbox"]["changes"], 0, "what waited went through");
    assert!(shown["right"]["tokens"].as_i64().is_some_and(|tokens| tokens > 0), "{shown}");
    karim.types(&["send", "marhaba"])?;
    assert!(amina.types(&["read"])?.contains("marhaba"));
    Ok(())
}
