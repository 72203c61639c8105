//! The self-signed certificate of a pinned relay, and the TLS configuration of every relay.
//!
//! The certificate carries the relay's own Ed25519 key: clients compare that key with the pin in the relay's
//! address, and nothing else of the certificate counts. It tells no date: it is valid from 1975 to 4096.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ED25519};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ResolvesServerCert, WantsServerCert};
use rustls::{ConfigBuilder, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use twiza_protocol::RelaySigningKey;
use zeroize::Zeroizing;

/// What comes before an Ed25519 seed in PKCS#8 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// TLS 1.3 only: every client is ours.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate as PEM, for this key and these host names.
pub(crate) fn self_sign(key: &RelaySigningKey, hosts: Vec<String>) -> Result<String, rcgen::Error> {
    let pkcs8 = pkcs8(key);
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()), &PKCS_ED25519)?;
    let mut parameters = CertificateParams::new(hosts)?;
    parameters.distinguished_name = DistinguishedName::new();
    Ok(parameters.self_signed(&pair)?.pem())
}

fn pkcs8(key: &RelaySigningKey) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&PKCS8_PREFIX[..], key.expose_seed().as_slice()].concat())
}

/// TLS with the relay's own key.
pub(crate) fn pinned(key: &RelaySigningKey, certificate: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let private = PrivatePkcs8KeyDer::from(pkcs8(key).to_vec());
    configure(read_certificates(certificate)?, private.into())
}

/// TLS with a certificate authority's certificate.
pub(crate) fn web_pki(certificate: &Path, private_key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let private = PrivateKeyDer::from_pem_file(private_key)
        .map_err(|source| TlsError::File { path: private_key.display().to_string(), source })?;
    configure(read_certificates(certificate)?, private)
}

/// Why TLS cannot be set up. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file that cannot be read, or is no PEM.
    #[error("cannot read {path} ({source}): it has to be a PEM file that this user may read")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: PemError,
    },
    /// Certificate and key do not fit, or are of a kind that TLS does not know.
    #[error("certificate and key cannot be used ({0}): do they belong together? `twiza-relay doctor` says what to do")]
    Unusable(#[from] rustls::Error),
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::File { path: path.display().to_string(), source })
}

/// TLS with certificates that come and go.
pub(crate) fn resolving(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let mut config = server_config()?.with_cert_resolver(resolver);
    config.alpn_protocols = alpn();
    Ok(config)
}

fn configure(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = server_config()?.with_single_cert(chain, key)?;
    config.alpn_protocols = alpn();
    Ok(Arc::new(config))
}

fn server_config() -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, rustls::Error> {
    // This provider prefers the hybrid X25519MLKEM768 (feature `prefer-post-quantum`).
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    Ok(builder.with_no_client_auth())
}

fn alpn() -> Vec<Vec<u8>> {
    ALPN.iter().map(|protocol| protocol.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_carries_the_relay_key_and_fits_it() {
        let key = RelaySigningKey::from_seed(&[7; 32]);
        let pem = self_sign(&key, vec!["localhost".to_owned()]).unwrap();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let public = *key.public().as_bytes();
        assert!(der.windows(32).any(|window| window == public));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.crt");
        std::fs::write(&path, pem).unwrap();
        pinned(&key, &path).unwrap();
        let other = RelaySigningKey::from_seed(&[8; 32]);
        assert!(matches!(pinned(&other, &path), Err(TlsError::Unusable(_))));
    }
}
