//! The certificate: does it fit the key, and until when is it good?

use super::Finding;
use crate::calendar;
use crate::certificate;
use crate::clock::Clock;
use crate::settings::{Settings, TransportMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use twiza_protocol::{CoarseTime, RelaySigningKey};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const SUBJECT: &str = "certificate";

/// Days in which somebody should have renewed it.
const DAYS_LEFT_MIN: u32 = 14;

pub(super) fn examine(settings: &Settings, key: &RelaySigningKey, clock: &dyn Clock) -> Vec<Finding> {
    match (settings.transport, &settings.certificate_file, &settings.private_key_file) {
        (TransportMode::Plain, ..) => vec![Finding::ok(SUBJECT, "the proxy has it; look at it there")],
        (TransportMode::WebPki, Some(chain), Some(private)) => web_pki(settings, chain, private, clock.now()),
        (TransportMode::WebPki, ..) => Vec::new(),
        (TransportMode::Acme, ..) => acme(settings, clock.now()),
        (TransportMode::Pinned, ..) => match certificate::pinned(key, &settings.folder().certificate()) {
            Ok(_) => vec![Finding::ok(SUBJECT, "the relay's own, by its own key; it does not expire")],
            Err(error) => {
                vec![Finding::wrong(
                    SUBJECT,
                    error.to_string(),
                    "put relay.crt and relay.key back, both from one backup",
                )]
            }
        },
    }
}

fn acme(settings: &Settings, now: CoarseTime) -> Vec<Finding> {
    let file = settings.folder().acme_certificate();
    let public_port = settings.public_port.unwrap_or(settings.listen.port());
    let port = (public_port != 443).then(|| {
        let found = format!("people are told port {public_port}, and the authority looks at port 443 alone");
        Finding::attention(SUBJECT, found, "listen at 443, or let 443 lead here and set public_port = 443")
    });
    let found = if file.exists() {
        good_for(settings, &file, now)
    } else {
        let found = "none yet: the relay gets it when it serves";
        vec![Finding::attention(SUBJECT, found, "start it; if there is none a minute later, its log says why")]
    };
    port.into_iter().chain(found).collect()
}

fn web_pki(settings: &Settings, chain: &Path, private: &Path, now: CoarseTime) -> Vec<Finding> {
    if let Err(error) = certificate::web_pki(chain, private) {
        return vec![Finding::wrong(
            SUBJECT,
            error.to_string(),
            "set certificate_file and private_key_file to one pair",
        )];
    }
    let mut findings = Vec::new();
    match crate::private_file::is_exposed(private) {
        Ok(true) => {
            let found = format!("other users can read {}", private.display());
            findings.push(Finding::attention(SUBJECT, found, "let only the relay's user read it"));
        }
        Ok(false) => {}
        Err(error) => findings.push(Finding::wrong(SUBJECT, error.to_string(), "let the relay's user read it")),
    }
    findings.extend(good_for(settings, chain, now));
    findings
}

/// Until when the first certificate of a file is good, and for whom.
fn good_for(settings: &Settings, chain: &Path, now: CoarseTime) -> Vec<Finding> {
    let der = CertificateDer::from_pem_file(chain).ok();
    let parsed = der.as_ref().and_then(|der| Some(X509Certificate::from_der(der).ok()?.1));
    let Some(parsed) = parsed else {
        let advice = "it has to be PEM, the server's first";
        return vec![Finding::wrong(SUBJECT, format!("{} cannot be read", chain.display()), advice)];
    };
    let mut findings = vec![days(&parsed, now)];
    findings.extend(settings.public_host.as_deref().and_then(|host| name(&parsed, host)));
    findings
}

fn days(certificate: &X509Certificate<'_>, now: CoarseTime) -> Finding {
    let day = |seconds: i64| CoarseTime::from_unix_seconds(u64::try_from(seconds).unwrap_or_default()).day();
    let first = day(certificate.validity().not_before.timestamp());
    let last = day(certificate.validity().not_after.timestamp());
    let told = format!("good from {} to {}", calendar::written(first), calendar::written(last));
    let renew = "renew it, and start the relay again";
    if now.day() > last || now.day() < first {
        Finding::wrong(SUBJECT, told, renew)
    } else if now.day().plus_days(DAYS_LEFT_MIN) > last {
        Finding::attention(SUBJECT, told, renew)
    } else {
        Finding::ok(SUBJECT, told)
    }
}

/// Whether the certificate names the host that people are told.
fn name(certificate: &X509Certificate<'_>, host: &str) -> Option<Finding> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let (_, domain) = host.split_once('.').unwrap_or((host, ""));
    let fits = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => {
            name.eq_ignore_ascii_case(host)
                || name.strip_prefix("*.").is_some_and(|name| name.eq_ignore_ascii_case(domain))
        }
        GeneralName::IPAddress(octets) => is_address(host, octets),
        _ => false,
    };
    (!names.iter().any(fits)).then(|| {
        let found = format!("it is not for {host}, which people are told");
        Finding::wrong(SUBJECT, found, "get one for that name, or change public_host")
    })
}

fn is_address(host: &str, octets: &[u8]) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(v4)) => v4.octets() == octets,
        Ok(std::net::IpAddr::V6(v6)) => v6.octets() == octets,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::clock::ManualClock;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn verdicts(year: i32, host: &str, key_of_another: bool) -> Vec<Verdict> {
        let folder = tempfile::tempdir().unwrap();
        let (chain, private) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        let pair = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(["*.example.org".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(2026, 1, 1);
        parameters.not_after = date_time_ymd(year, 12, 1);
        std::fs::write(&chain, parameters.self_signed(&pair).unwrap().pem()).unwrap();
        let pair = if key_of_another { KeyPair::generate().unwrap() } else { pair };
        crate::private_file::create(&private, pair.serialize_pem().as_bytes()).unwrap();
        let settings = Settings {
            transport: TransportMode::WebPki,
            public_host: Some(host.to_owned()),
            certificate_file: Some(chain),
            private_key_file: Some(private),
            ..Settings::default()
        };
        let clock = ManualClock::at(CoarseTime::from_unix_seconds(1_795_651_200));
        let findings = examine(&settings, &RelaySigningKey::from_seed(&[1; 32]), &clock);
        findings.iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn a_certificate_is_judged_by_its_days_its_names_and_its_key() {
        use Verdict::{Attention, Ok, Wrong};
        assert_eq!(verdicts(2027, "relay.example.org", false), [Ok]);
        assert_eq!(verdicts(2027, "192.0.2.7", false), [Ok]);
        assert_eq!(verdicts(2027, "example.net", false), [Ok, Wrong]);
        assert_eq!(verdicts(2026, "relay.example.org", false), [Attention], "five days left");
        assert_eq!(verdicts(2025, "relay.example.org", false), [Wrong]);
        assert_eq!(verdicts(2027, "relay.example.org", true), [Wrong]);
    }
}
