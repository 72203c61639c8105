//! `twiza-relay init`: make a new relay.

use super::{Data, print, say};
use crate::folder::FolderError;
use crate::run;
use crate::settings::{EXAMPLE, Settings};
use std::net::SocketAddr;
use twiza_protocol::{RelayAddress, RelaySigningKey, TokenSigningKey};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Where to listen
    #[arg(long, env = "TWIZA_RELAY_LISTEN", default_value = "0.0.0.0:7443", value_parser = super::listen)]
    listen: SocketAddr,
    /// The host name or address that people reach the relay at
    #[arg(long, env = "TWIZA_RELAY_PUBLIC_HOST", value_name = "HOST")]
    public_host: Option<String>,
    /// Make an issuer instead: a service that gives tokens for grants, and keeps no mailboxes. For another machine than the
    /// relay's, which takes its tokens
    #[arg(long)]
    issuer: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { data, listen, public_host, issuer, json } = arguments;
    if let Some(host) = &public_host {
        // Checked before anything is written: the address is made from it.
        let has_port = host.parse::<SocketAddr>().is_ok()
            || host.rsplit_once(':').is_some_and(|(name, port)| !name.contains(':') && port.parse::<u16>().is_ok());
        anyhow::ensure!(
            !has_port && !host.contains('/'),
            "--public-host takes the name or the address alone, such as relay.example.org: no https://, and no port, which is \
             that of --listen (or public_port in relay.toml)"
        );
        let key = RelaySigningKey::from_seed(&[0; 32]);
        let trial = Settings { public_host: Some(host.clone()), ..Settings::default() };
        run::address_at_rest(&trial, &key)?;
    }
    let settings = Settings { listen, public_host, ..Settings::in_folder(&data.folder) };
    let address = if issuer { create_issuer(&settings)? } else { create(&settings)? };
    if json {
        print(&serde_json::json!({ "version": 1, "address": address, "data": data.folder }).to_string())?;
    } else {
        print(&address.to_string())?;
    }
    let folder = data.folder.display();
    if issuer {
        say(&format!("A new issuer is in {folder}. Above is its address; it is in every grant that"));
        say(&format!("`twiza-relay grant new LABEL --data {folder}` makes."));
        say(&format!(
            "`twiza-relay token-key --data {folder}` prints its key, for the relays that are to take its tokens."
        ));
        say(&format!(
            "Keep a copy of {folder} in a safe place, and a new one after each `grant new`: without its files,"
        ));
        say("grants are lost. Its key, token.key, makes tokens for whoever has it.");
        say(&format!("Start it with: twiza-relay serve --data {folder}"));
        return Ok(());
    }
    if settings.public_host.is_none() && address.host() == "localhost" {
        say(&format!("A new relay is in {folder}. Above is its address, but nobody on another machine can use it:"));
        say("say at which host name or address people reach this machine, as public_host in relay.toml, and");
        say("`twiza-relay address` prints the address to give them.");
    } else {
        say(&format!("A new relay is in {folder}. Above is its address: give it to the people who will use it."));
    }
    say(&format!("Keep a copy of {folder}/relay.key in a safe place: without it, the address is lost."));
    say(&format!("Start it with: twiza-relay serve --data {folder}"));
    Ok(())
}

/// Makes a relay in `settings.data`, with a settings file that has `listen` and `public_host` of `settings`. With
/// port 0 to listen at, the address is not known yet, and the one that is given has the default port.
///
/// # Errors
/// [`FolderError`]; an existing relay is never touched.
pub fn create(settings: &Settings) -> Result<RelayAddress, FolderError> {
    create_with(settings, None)
}

/// Makes an issuer likewise. Takes a moment.
///
/// # Errors
/// [`FolderError`]; an existing relay or issuer is never touched.
pub fn create_issuer(settings: &Settings) -> Result<RelayAddress, FolderError> {
    let folder = settings.folder();
    folder.refuse_occupied()?;
    let token_key = TokenSigningKey::generate().map_err(|_| FolderError::DamagedTokenKey(folder.token_key()))?;
    create_with(settings, Some(&token_key))
}

fn create_with(settings: &Settings, token_key: Option<&TokenSigningKey>) -> Result<RelayAddress, FolderError> {
    let key = settings.folder().create(hosts(settings), &settings_file(settings), token_key)?;
    run::address_at_rest(settings, &key).map_err(|error| FolderError::Certificate(error.to_string()))
}

fn hosts(settings: &Settings) -> Vec<String> {
    let public = settings.public_host.iter().map(|host| host.trim_matches(['[', ']']).to_owned());
    let listen = Some(settings.listen.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    let mut hosts: Vec<_> = public.chain(listen).chain(["localhost".to_owned()]).collect();
    hosts.dedup();
    hosts
}

/// The commented example, with what was asked for.
fn settings_file(settings: &Settings) -> String {
    let listen = format!("listen = \"{}\"", settings.listen);
    let mut file = EXAMPLE.replace("listen = \"0.0.0.0:7443\"", &listen);
    if let Some(host) = &settings.public_host {
        file = file.replace("# public_host = \"relay.example.org\"", &format!("public_host = \"{host}\""));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_file_has_what_was_asked_for() {
        let asked = Settings {
            listen: "127.0.0.1:1".parse().unwrap(),
            public_host: Some("relay.example.net".to_owned()),
            ..Settings::default()
        };
        assert_eq!(toml::from_str::<Settings>(&settings_file(&asked)).unwrap(), asked);
    }
}
