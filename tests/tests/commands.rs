//! The two programs as scripts use them: the main job in JSON, and what is answered to bad input.

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use tempfile::TempDir;
use twiza_tests::programs;
use twiza_tests::programs::{Person, RelayProcess, free_place};

/// A relay and two people, of whom the first has founded an alliance.
struct Scene {
    folder: TempDir,
    relay: RelayProcess,
    amina: Person,
    karim: Person,
}

impl Scene {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("relay");
        RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
        let relay = RelayProcess::serve(programs!(), &data, &[])?;
        let home = folder.path().join("home");
        let [amina, karim] = ["amina", "karim"].map(|profile| Person::new(programs!(), &home, profile));
        amina.types(&["init", "--name", "Amina", "--organisation", "Nour"])?;
        karim.types(&["init", "--name", "Karim", "--organisation", "Amal"])?;
        amina.types(&["alliance", "create", "Tawiza", "--relay", &relay.address])?;
        Ok(Self { folder, relay, amina, karim })
    }

    fn admit_karim(&self) -> Result<()> {
        let link = self.invitation()?;
        self.karim.types(&["join", &link])?;
        let requests = self.amina.asks(&["requests"])?;
        let number = requests["requests"][0]["number"].to_string();
        self.amina.types(&["approve", &number])?;
        self.karim.types(&["read"])?;
        Ok(())
    }

    fn invitation(&self) -> Result<String> {
        Ok(self.amina.asks(&["invite"])?["link"].as_str().context("no link")?.to_owned())
    }
}

fn texts(read: &Value) -> Vec<(String, String)> {
    let entries = read["entries"].as_array().into_iter().flatten().filter(|entry| entry["kind"] == "text");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries.map(|entry| (text(&entry["from"]["name"]), text(&entry["text"]))).collect()
}

#[test]
fn scripts_do_the_main_job() -> Result<()> {
    let scene = Scene::new()?;
    let Scene { amina, karim, .. } = &scene;
    scene.admit_karim()?;
    assert_eq!(amina.asks(&["whoami"])?["name"], "Amina");
    let (of_amina, of_karim) = (amina.asks(&["verify"])?, karim.asks(&["verify"])?);
    assert_eq!(of_amina["safety_numbers"], of_karim["safety_numbers"], "the same room");
    karim.types(&["send", "السلام عليكم"])?;
    amina.types(&["send", "ⴰⵣⵓⵍ"])?;
    let expected = [("Karim", "السلام عليكم"), ("Amina", "ⴰⵣⵓⵍ")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(texts(&amina.asks(&["read"])?), expected[..1], "one's own words are nothing new");
    assert_eq!(texts(&karim.asks(&["read"])?), expected[1..]);
    assert_eq!(texts(&karim.asks(&["read"])?), [], "read is read");
    assert_eq!(texts(&amina.asks(&["read", "--all"])?), expected);
    assert_eq!(texts(&karim.asks(&["read", "--all"])?), expected);

    amina.types(&["role", "Karim", "organiser"])?;
    let members = karim.asks(&["members"])?;
    let roles: Vec<_> =
        members["members"].as_array().context("members")?.iter().map(|member| &member["role"]).collect();
    assert_eq!(roles, ["organiser", "organiser"]);
    let before = karim.asks(&["alliance", "show"])?["alliance"]["epoch"].as_u64();
    karim.types(&["rotate"])?;
    assert!(amina.asks(&["alliance", "show"])?["alliance"]["epoch"].as_u64() > before);
    amina.types(&["leave"])?;
    karim.types(&["read"])?;
    assert_eq!(amina.asks(&["read"])?["alliance"]["status"], "left");
    assert_eq!(karim.asks(&["members"])?["members"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[test]
fn a_declined_request_is_told() -> Result<()> {
    let scene = Scene::new()?;
    let link = scene.invitation()?;
    scene.karim.types(&["join", &link])?;
    scene.amina.types(&["requests"])?;
    scene.amina.types(&["decline", "1"])?;
    assert_eq!(scene.karim.asks(&["read"])?["alliance"]["status"], "declined");
    assert_eq!(scene.karim.is_refused(&["send", "hello"])?, (4, "error-not-active".to_owned()));
    assert_eq!(scene.amina.is_refused(&["approve", "1"])?, (3, "error-unknown-request".to_owned()));
    Ok(())
}

#[test]
fn a_passphrase_comes_by_a_descriptor_too_and_a_wrong_one_changes_nothing() -> Result<()> {
    let scene = Scene::new()?;
    let mut stranger = scene.amina.clone();
    stranger.passphrase = "something else".to_owned();
    assert_eq!(stranger.is_refused(&["alliance", "list"])?, (6, "error-wrong-passphrase".to_owned()));
    let mut command = scene.amina.command(&["whoami", "--passphrase-fd", "0"]);
    let mut child = command.env_remove("TWIZA_PASSPHRASE").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(scene.amina.passphrase.as_bytes())?;
    let output = child.wait_with_output()?;
    assert!(output.status.success() && String::from_utf8(output.stdout)?.contains("Amina"));
    let mut command = scene.amina.command(&["whoami"]);
    assert_eq!(command.env_remove("TWIZA_PASSPHRASE").output()?.status.code(), Some(6), "nobody can be asked");
    Ok(())
}

#[test]
fn bad_input_is_refused_with_a_code_and_nothing_is_lost() -> Result<()> {
    let scene = Scene::new()?;
    let Scene { amina, karim, .. } = &scene;
    let link = scene.invitation()?;
    karim.types(&["join", &link])?;
    let damaged = link.replace("twiza:join:", "twiza:join:A");
    let too_long = "n".repeat(65);
    let pinned_to_another = another_pin(&scene)?;
    let closed_port = free_place()?.port();
    let (_, pin) = scene.relay.address.rsplit_once('/').context("a pin")?;
    let nobody_there = format!("twiza://127.0.0.1:{closed_port}/{pin}");
    let cases: &[(&Person, &[&str], i32, &str)] = &[
        (amina, &["init", "--name", "Amina", "--organisation", "Nour"], 4, "error-profile-exists"),
        (amina, &["alliance", "create", "", "--relay", &scene.relay.address], 2, "error-name-empty"),
        (amina, &["alliance", "create", &too_long, "--relay", &scene.relay.address], 2, "error-name-long"),
        (amina, &["alliance", "create", "a\u{202e}b", "--relay", &scene.relay.address], 2, "error-name-invisible"),
        (amina, &["alliance", "create", "a: b", "--relay", &scene.relay.address], 2, "error-name-punctuation"),
        (amina, &["alliance", "create", "a\u{2800}b", "--relay", &scene.relay.address], 2, "error-name-invisible"),
        (amina, &["alliance", "create", "Other", "--relay", "relay.example"], 2, "error-address-scheme"),
        (amina, &["alliance", "create", "Other", "--relay", "twiza://127.0.0.1:99999/x"], 2, "error-address-port"),
        (amina, &["alliance", "create", "Other", "--relay", "twiza://127.0.0.1:7443/x"], 2, "error-address-key"),
        (amina, &["alliance", "create", "Other", "--relay", &nobody_there], 5, "error-unreachable"),
        (amina, &["alliance", "create", "Other", "--relay", &pinned_to_another], 7, "error-wrong-pin"),
        (amina, &["relay", "check", &pinned_to_another], 7, "error-wrong-pin"),
        (amina, &["read", "--alliance", "Nowhere"], 3, "error-unknown-alliance"),
        (amina, &["send", " "], 2, "error-text-empty"),
        (amina, &["remove", "Nobody"], 3, "error-unknown-member"),
        (amina, &["role", "Nobody", "member"], 3, "error-unknown-member"),
        (amina, &["approve", "77"], 3, "error-unknown-request"),
        (amina, &["remove", "Amina"], 4, "error-not-possible"),
        (amina, &["leave"], 4, "error-alone"),
        (karim, &["send", "not yet"], 4, "error-not-active"),
        (karim, &["invite"], 4, "error-not-active"),
        (amina, &["join"], 2, "error-no-invitation"),
        (amina, &["join", "https://example.org"], 2, "error-invitation-prefix"),
        (amina, &["join", &damaged], 2, "error-invitation-damaged"),
        (amina, &["join", &link[..link.len() - 3]], 2, "error-invitation-damaged"),
        (amina, &["join", &link], 2, "error-invitation-own"),
    ];
    for (person, arguments, exit, code) in cases {
        assert_eq!(person.is_refused(arguments)?, (*exit, (*code).to_owned()), "{arguments:?}");
    }
    for unknown in [&["fly"][..], &["send"], &["send", "a", "--loud"], &["role", "Karim", "king"], &[]] {
        assert_eq!(amina.tries(unknown)?.status.code(), Some(2), "{unknown:?}");
    }
    let nobody = Person::new(programs!(), &scene.folder.path().join("home"), "nobody");
    assert_eq!(nobody.is_refused(&["read"])?, (3, "error-no-profile".to_owned()));

    // After all this, everything is as it was.
    assert_eq!(amina.asks(&["alliance", "list"])?["alliances"].as_array().map(Vec::len), Some(1));
    assert_eq!(amina.asks(&["requests"])?["requests"][0]["person"]["name"], "Karim");
    assert_eq!(amina.asks(&["alliance", "show"])?["outbox"]["messages"], 0);
    Ok(())
}

#[test]
fn an_invitation_comes_by_standard_input_too() -> Result<()> {
    let scene = Scene::new()?;
    let link = scene.invitation()?;
    assert_eq!(joins_by_standard_input(&scene.karim, &"twiza:join:".repeat(10_000))?, Some(2), "endless");
    assert_eq!(joins_by_standard_input(&scene.karim, &format!("{link}\n"))?, Some(0));
    assert_eq!(scene.amina.asks(&["requests"])?["requests"][0]["person"]["name"], "Karim");
    Ok(())
}

fn joins_by_standard_input(person: &Person, input: &str) -> Result<Option<i32>> {
    let mut child = person.command(&["join", "-"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    // Nobody has to read all of it.
    let _ = child.stdin.take().context("no input")?.write_all(input.as_bytes());
    Ok(child.wait()?.code())
}

#[test]
fn names_that_look_alike_are_pointed_out() -> Result<()> {
    let scene = Scene::new()?;
    scene.admit_karim()?;
    let Scene { folder, amina, karim, .. } = &scene;
    // The first letter is Cyrillic.
    let imitator = Person::new(programs!(), &folder.path().join("home"), "imitator");
    imitator.types(&["init", "--name", "Кarim", "--organisation", "Amal"])?;
    imitator.types(&["join", &scene.invitation()?])?;
    let requests = amina.asks(&["requests"])?;
    let members = amina.asks(&["members"])?;
    let number_of = |members: &Value, name: &str| {
        let members = members["members"].as_array().into_iter().flatten();
        members.filter(|member| member["person"]["name"] == name).map(|member| member["number"].clone()).next()
    };
    let of_karim = number_of(&members, "Karim").context("Karim")?;
    assert_eq!(requests["requests"][0]["looks_like"], Value::from(vec![of_karim.clone()]));
    assert!(amina.types(&["requests"])?.contains(&format!("nearly: number {of_karim} ")));
    amina.types(&["approve", &requests["requests"][0]["number"].to_string()])?;
    let members = karim.asks(&["members"])?;
    let of_imitator = number_of(&members, "Кarim").context("the imitator")?;
    let looks_like = |name: &str| {
        let members = members["members"].as_array().into_iter().flatten();
        members.filter(|member| member["person"]["name"] == name).map(|member| member["looks_like"].clone()).next()
    };
    assert_eq!(looks_like("Amina"), Some(Value::from(Vec::<u32>::new())));
    assert_eq!(looks_like("Karim"), Some(Value::from(vec![of_imitator])));
    assert_eq!(looks_like("Кarim"), Some(Value::from(vec![of_karim])));
    Ok(())
}

#[test]
fn names_are_composed_however_they_are_typed() -> Result<()> {
    let Scene { relay, amina, .. } = &Scene::new()?;
    amina.types(&["alliance", "create", "Zoe\u{308}", "--relay", &relay.address])?;
    for typed in ["Zo\u{eb}", "Zoe\u{308}"] {
        assert_eq!(amina.asks(&["alliance", "show", "--alliance", typed])?["alliance"]["name"], "Zo\u{eb}");
    }
    Ok(())
}

#[test]
fn a_proxy_is_followed_or_refused_never_passed_over() -> Result<()> {
    let Scene { relay, amina, .. } = &Scene::new()?;
    let check = ["relay", "check", relay.address.as_str()];
    let proxy = TcpListener::bind("127.0.0.1:0")?;
    let place = proxy.local_addr()?;
    proxy.set_nonblocking(true)?;
    let came = || proxy.accept().map(drop).is_ok();
    let cases = [
        ("socks://127.0.0.1:9050", "error-proxy-scheme"),
        ("socks5://127.0.0.1:9050", "error-proxy-scheme"),
        ("http://127.0.0.1:9050", "error-proxy-scheme"),
        ("", "error-proxy-scheme"),
        ("socks5h://127.0.0.1", "error-proxy-place"),
        ("socks5h://amina@127.0.0.1:9050", "error-proxy-credentials"),
    ];
    for (setting, code) in cases {
        let arguments = [&["--proxy", setting][..], &check].concat();
        assert_eq!(amina.is_refused(&arguments)?, (2, code.to_owned()), "{setting}");
        assert_eq!(amina.command(&check).env("TWIZA_PROXY", setting).output()?.status.code(), Some(2), "{setting}");
    }
    for variable in ["ALL_PROXY", "https_proxy"] {
        for address in [format!("socks5h://{place}"), format!("http://{place}"), "tor://x".to_owned()] {
            let unsaid = amina.command(&check).env_remove("TWIZA_PROXY").env(variable, &address).output()?;
            let told = String::from_utf8(unsaid.stderr)?;
            assert_eq!(unsaid.status.code(), Some(2), "{variable}={address}");
            assert!(told.contains(variable) && told.contains("TWIZA_PROXY=none"), "{told}");
            let direct = amina.command(&check).env(variable, &address).env("TWIZA_PROXY", "none").output()?;
            assert!(direct.status.success(), "{variable}={address} and none");
        }
    }
    assert!(!came(), "nobody went to a proxy of the environment");
    // This proxy hangs up: nothing is sent past it.
    let mut through =
        amina.command(&check).env("TWIZA_PROXY", format!("socks5h://{place}")).stderr(Stdio::null()).spawn()?;
    proxy.set_nonblocking(false)?;
    let (mut client, _) = proxy.accept()?;
    let mut greeting = [0; 3];
    client.read_exact(&mut greeting)?;
    drop(client);
    assert_eq!(greeting, [5, 1, 2], "SOCKS 5, with a user name");
    assert_eq!(through.wait()?.code(), Some(5));
    Ok(())
}

/// The relay's address with the key of another relay in it.
fn another_pin(scene: &Scene) -> Result<String> {
    let other = scene.folder.path().join("other");
    RelayProcess::init(programs!(), &other, "127.0.0.1:0")?;
    let other = RelayProcess::serve(programs!(), &other, &[])?.address.clone();
    let ((place, _), (_, pin)) =
        (scene.relay.address.rsplit_once('/').context("a pin")?, other.rsplit_once('/').context("a pin")?);
    Ok(format!("{place}/{pin}"))
}

#[test]
fn what_is_said_while_the_relay_is_down_arrives_once_when_it_is_back() -> Result<()> {
    let scene = Scene::new()?;
    scene.admit_karim()?;
    let Scene { folder, relay, amina, karim } = scene;
    let data = folder.path().join("relay");
    let port = relay.address.rsplit_once('/').and_then(|(place, _)| place.rsplit_once(':')).context("a port")?.1;
    let listen = format!("127.0.0.1:{port}");
    relay.kill()?;
    assert_eq!(amina.is_refused(&["send", "kept"])?, (5, "error-waiting".to_owned()));
    assert_eq!(amina.is_refused(&["remove", "Karim"])?, (5, "error-waiting".to_owned()));
    assert!(amina.tries(&["read"])?.status.success(), "what was stored can be read");
    let _again = RelayProcess::serve(programs!(), &data, &["--listen", &listen])?;
    assert_eq!(amina.asks(&["alliance", "show"])?["outbox"]["messages"], 0);
    let heard = texts(&karim.asks(&["read"])?);
    assert_eq!(heard, [("Amina".to_owned(), "kept".to_owned())]);
    assert_eq!(karim.asks(&["read"])?["alliance"]["status"], "removed");
    assert_eq!(texts(&amina.asks(&["read", "--all"])?), heard, "once");
    Ok(())
}

#[test]
fn a_relay_with_an_ordinary_certificate_works_for_those_who_trust_its_authority() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let authority_key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(parameters, authority_key)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    std::fs::write(file("authority.pem"), authority.pem())?;
    std::fs::write(file("relay.pem"), certificate.pem())?;
    std::fs::write(file("relay-key.pem"), key.serialize_pem())?;

    let data = folder.path().join("relay");
    RelayProcess::init(programs!(), &data, "127.0.0.1:0")?;
    let (chain, private) = (file("relay.pem"), file("relay-key.pem"));
    let arguments = ["--transport", "webpki", "--public-host", "localhost", "--certificate-file", &chain];
    let serve = RelayProcess::serve(programs!(), &data, &[&arguments[..], &["--private-key-file", &private]].concat());
    let Ok(relay) = serve else { anyhow::bail!(std::fs::read_to_string(data.with_extension("log"))?) };
    assert!(relay.address.starts_with("https://localhost:"), "{}", relay.address);
    let amina = Person::new(programs!(), &folder.path().join("home"), "amina");
    let check = ["--json", "relay", "check", &relay.address];
    let trusting = amina.command(&check).env("SSL_CERT_FILE", file("authority.pem")).output()?;
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    let wary = amina.command(&check).output()?;
    assert!(!wary.status.success(), "nobody vouches for it on this machine");
    Ok(())
}
