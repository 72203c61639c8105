//! Settings that contradict each other, or the machine.

use super::Finding;
use crate::answers::ANSWERS_BYTES_MAX;
use crate::grants;
use crate::octets::spoken;
use crate::settings::{Settings, TransportMode};
use std::net::IpAddr;
use twiza_protocol::{AdmissionMode, TOKENS_AT_ONCE};

const SUBJECT: &str = "settings";

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<_> = settings
        .mistakes()
        .map(|mistake| {
            Finding::wrong(SUBJECT, mistake, "change relay.toml; `twiza-relay config` explains every setting")
        })
        .collect();
    findings.extend(if settings.folder().is_issuer() { issuer(settings) } else { admission(settings) });
    findings.extend(public(settings));
    findings.extend(certificate_files(settings));
    findings.extend(memory(settings));
    if settings.limits.mailbox_bytes_max > settings.limits.relay_bytes_max {
        let found =
            "one mailbox may take more than the whole relay may (limits.mailbox_bytes_max, limits.relay_bytes_max)";
        findings.push(Finding::attention(SUBJECT, found, "lower the former, or raise the latter"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("no contradictions; {}", purpose(settings))));
    }
    findings
}

fn purpose(settings: &Settings) -> String {
    let days = settings.retention_days;
    match settings.admission {
        _ if settings.folder().is_issuer() => {
            format!("an issuer: each grant may have {} tokens a day", settings.tokens_per_day_max)
        }
        AdmissionMode::Open => format!("anybody may open mailboxes, and they are kept {days} days"),
        AdmissionMode::Token => format!("mailboxes are opened for tokens, and they are kept {days} days"),
        _ => format!("mailboxes are opened by whoever has a grant, and they are kept {days} days"),
    }
}

fn issuer(settings: &Settings) -> Option<Finding> {
    let folder = settings.folder();
    if let Err(error) = folder.read_token_key() {
        return Some(Finding::wrong(SUBJECT, error.to_string(), "until then the issuer does not start"));
    }
    match grants::read(&folder.grants()) {
        Err(error) => Some(Finding::wrong(SUBJECT, error.to_string(), "until then the issuer does not start")),
        Ok(grants) if grants.is_empty() && settings.grants_sha256.is_empty() => Some(Finding::attention(
            SUBJECT,
            "there is no grant: nobody can have tokens",
            "make one with `twiza-relay grant new`",
        )),
        Ok(_) if settings.tokens_per_day_max < TOKENS_AT_ONCE as u64 => Some(Finding::attention(
            SUBJECT,
            format!("a client asks for {TOKENS_AT_ONCE} tokens at once, and tokens_per_day_max is less"),
            "raise it: nobody can have any",
        )),
        Ok(_) => None,
    }
}

fn admission(settings: &Settings) -> Option<Finding> {
    if settings.admission == AdmissionMode::Unknown {
        // That is a mistake of its own.
        return None;
    }
    match settings.admission() {
        Err(error) => Some(Finding::wrong(SUBJECT, error.to_string(), "until then the relay does not start")),
        Ok(admission) if admission.admits_nobody() => Some(Finding::attention(
            SUBJECT,
            "admission is \"grant\", and there is no grant: nobody can open a mailbox",
            "make one with `twiza-relay grant new`",
        )),
        Ok(_) => None,
    }
}

/// What people are told, against what they can reach.
fn public(settings: &Settings) -> Option<Finding> {
    let host = settings.public_host.as_deref().map(|host| host.trim_matches(['[', ']']));
    let found = match host {
        None if settings.listen.ip().is_unspecified() || settings.transport == TransportMode::Plain => {
            "public_host is not set: people are told an address of this machine, which leads nowhere from theirs"
        }
        Some(host) if is_here_only(host) => "public_host leads to this machine only from this machine",
        _ if settings.transport == TransportMode::Plain && settings.public_port.is_none() => {
            let found =
                "public_port is not set: people are told the port that the proxy connects to, not the proxy's own";
            return Some(Finding::attention(SUBJECT, found, "set public_port, to 443 most likely"));
        }
        _ => return None,
    };
    Some(Finding::attention(SUBJECT, found, "set public_host in relay.toml to the name or address that people reach"))
}

fn is_here_only(host: &str) -> bool {
    let ip = host.parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn certificate_files(settings: &Settings) -> Option<Finding> {
    let given = settings.certificate_file.is_some() || settings.private_key_file.is_some();
    (given && settings.transport != TransportMode::WebPki).then(|| {
        let found = "certificate_file or private_key_file is set, and not used: transport is not \"webpki\"";
        Finding::attention(SUBJECT, found, "set transport = \"webpki\", or take them out")
    })
}

/// What requests may take, against what the machine has.
fn memory(settings: &Settings) -> Option<Finding> {
    const LIVE: u64 = 64 << 20;
    const PER_CONNECTION: u64 = 30 << 10;
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = total.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10;
    let connections = settings.connections_max as u64 * PER_CONNECTION;
    let wanted =
        settings.bodies_bytes_max.saturating_add(u64::from(settings.queue_bytes_max)).saturating_add(connections)
            + LIVE
            + ANSWERS_BYTES_MAX;
    (wanted > total / 2).then(|| {
        let (wanted, total) = (spoken(wanted), spoken(total));
        let found = format!("requests may take {wanted} of memory, and this machine has {total}");
        Finding::attention(SUBJECT, found, "lower bodies_bytes_max, queue_bytes_max and connections_max")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn found(change: impl FnOnce(&mut Settings)) -> Vec<(Verdict, String)> {
        let mut settings =
            Settings { public_host: Some("relay.example.org".to_owned()), ..Settings::in_folder("nowhere") };
        change(&mut settings);
        examine(&settings).into_iter().map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn contradictions_are_found() {
        assert_eq!(found(|_| ())[0].0, Verdict::Ok);
        type Change = fn(&mut Settings);
        let changes: [(Change, Verdict, &str); 7] = [
            (|s| s.retention_days = 0, Verdict::Wrong, "retention_days"),
            (|s| s.admission = AdmissionMode::Grant, Verdict::Attention, "there is no grant"),
            (|s| s.public_host = None, Verdict::Attention, "public_host is not set"),
            (|s| s.public_host = Some("[::1]".to_owned()), Verdict::Attention, "only from this machine"),
            (|s| s.certificate_file = Some("x".into()), Verdict::Attention, "not used"),
            (|s| s.limits.mailbox_bytes_max = 1 << 40, Verdict::Attention, "one mailbox"),
            (|s| s.bodies_bytes_max = 1 << 40, Verdict::Attention, "of memory"),
        ];
        for (change, verdict, text) in changes {
            let found = found(change);
            assert!(found.iter().any(|(v, t)| *v == verdict && t.contains(text)), "{text}: {found:?}");
        }
        let plain = found(|settings| {
            settings.transport = TransportMode::Plain;
            settings.listen = "127.0.0.1:7443".parse().unwrap();
        });
        assert!(plain[0].1.contains("public_port"), "{plain:?}");
    }
}
