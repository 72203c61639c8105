//! The port: free, ours, or somebody else's.

use super::Finding;
use crate::settings::{Settings, TransportMode};
use crate::visit::{Place, Protection, visit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use twiza_protocol::RelaySigningKey;

const SUBJECT: &str = "port";

/// Who has the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody: the relay does not run.
    Nobody,
    /// This relay.
    Ours,
    /// Another program, or it cannot be told.
    Other,
}

/// Whether metrics can be told where they are to be. Where the relay runs, it tells them.
pub(super) fn examine_metrics(settings: &Settings, holder: Holder) -> Option<Finding> {
    let listen = settings.metrics_listen.filter(|_| holder == Holder::Nobody)?;
    if settings.folder().is_issuer() {
        let found = "metrics_listen is set, and an issuer has no metrics";
        return Some(Finding::attention(SUBJECT, found, "take it out of relay.toml"));
    }
    let error = TcpListener::bind(listen).err()?;
    let found = format!("metrics cannot be told at {listen} ({error})");
    Some(Finding::wrong(SUBJECT, found, "choose another metrics_listen: until then the relay does not start"))
}

pub(super) fn examine(settings: &Settings, key: &RelaySigningKey) -> (Finding, Holder) {
    let listen = settings.listen;
    let port = listen.port();
    let error = match TcpListener::bind(listen) {
        Ok(_) => return (Finding::ok(SUBJECT, format!("{port} is free: the relay does not run")), Holder::Nobody),
        Err(error) => error,
    };
    if error.kind() != std::io::ErrorKind::AddrInUse {
        let advice = "choose another address or port (listen); below 1024, the service needs CAP_NET_BIND_SERVICE";
        return (
            Finding::wrong(SUBJECT, format!("the relay cannot listen at {listen} ({error})"), advice),
            Holder::Other,
        );
    }
    match visit(&at_home(settings), protection(settings, key), settings.folder().introduction()) {
        Ok(relay) if relay.relay_key == key.public() => {
            let serves = format!("this relay serves at {port}");
            let is_new = relay.admission.is_none_or(|admission| admission == settings.admission);
            if is_new || settings.folder().is_issuer() {
                return (Finding::ok(SUBJECT, serves), Holder::Ours);
            }
            let found =
                format!("{serves}, and does not know yet who may open mailboxes: admission was changed in relay.toml");
            (
                Finding::wrong(SUBJECT, found, "start the relay again: it reads its settings when it starts"),
                Holder::Ours,
            )
        }
        found => {
            let what = found.map_or_else(|error| error.to_string(), |_| "another relay answers".to_owned());
            let found = format!("{port} is taken, and not by this relay: {what}");
            (Finding::wrong(SUBJECT, found, "stop that program, or choose another port (listen)"), Holder::Other)
        }
    }
}

/// The relay, as this machine reaches it.
fn at_home(settings: &Settings) -> Place {
    let at = match settings.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        ip => ip.to_string(),
    };
    // A certificate authority's certificate has the public name.
    let name = settings.public_host.clone().unwrap_or_else(|| at.clone());
    Place { at, port: settings.listen.port(), name }
}

fn protection(settings: &Settings, key: &RelaySigningKey) -> Protection {
    match settings.transport {
        TransportMode::Pinned => Protection::Pinned(key.public()),
        TransportMode::WebPki | TransportMode::Acme => Protection::WebPki,
        TransportMode::Plain => Protection::None,
    }
}
