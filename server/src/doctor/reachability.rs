//! Whether people reach the relay under the address that they are told.

use super::Finding;
use super::port::Holder;
use crate::run;
use crate::settings::Settings;
use crate::visit::{Place, Protection, VisitError, visit};
use twiza_protocol::{RelayAddress, RelaySigningKey, Transport};

const SUBJECT: &str = "reachability";

pub(super) fn examine(settings: &Settings, key: &RelaySigningKey, holder: Holder) -> Finding {
    let address = match run::address_at_rest(settings, key) {
        Ok(address) => address,
        Err(error) => return Finding::wrong(SUBJECT, error.to_string(), "correct public_host or public_port"),
    };
    let (host, port) = (address.host(), address.port());
    if holder != Holder::Ours {
        let found = format!("not tried: the relay does not run, so nothing can answer at {host}:{port}");
        return Finding::attention(SUBJECT, found, "start it, then run doctor again");
    }
    match visit(
        &Place { at: host.to_owned(), port, name: host.to_owned() },
        protection(&address),
        settings.folder().introduction(),
    ) {
        Ok(relay) if relay.relay_key == key.public() => {
            Finding::ok(SUBJECT, format!("this relay answers at {host}:{port}, as seen from this machine"))
        }
        Ok(_) => {
            let found = format!("another relay answers at {host}:{port}");
            Finding::wrong(SUBJECT, found, "public_host leads to another machine: correct it, or the domain's record")
        }
        Err(error) => Finding::wrong(SUBJECT, format!("{host}:{port}: {error}"), advice(&error, port)),
    }
}

const fn protection(address: &RelayAddress) -> Protection {
    match address.transport() {
        Transport::Pinned => Protection::Pinned(*address.key()),
        Transport::WebPki => Protection::WebPki,
    }
}

fn advice(error: &VisitError, port: u16) -> String {
    match error {
        VisitError::Name(_) => "is public_host spelt right, and does its domain have a record for it?".to_owned(),
        VisitError::Refused => format!(
            "a machine is there, and nobody listens at its port {port}: is it this machine? Behind a router, let the router \
             forward port {port} to this machine; with a proxy, start the proxy"
        ),
        VisitError::Silent => format!(
            "a firewall drops what comes for port {port} (open it, on this machine and at the provider), or a router does \
             not forward it (NAT). Some routers do not lead back inside: then try with `twiza` from another network"
        ),
        VisitError::Stranger(_) => {
            "the name leads to another machine, or something in between ends the encryption. With a \
                                    certificate authority: is the chain complete, and is it for this name?"
                .to_owned()
        }
        VisitError::NoRelay => "the proxy does not lead to this relay, or something else has that port".to_owned(),
        VisitError::Io(_) => "is this machine connected?".to_owned(),
    }
}
