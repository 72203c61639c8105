//! A bare TLS server beside a relay: what the network alone allows.

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;
use twiza_protocol::RelayKey;

/// TLS as a relay has it, with a new key.
pub(crate) fn config() -> (RelayKey, Arc<ServerConfig>) {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let key = RelayKey::from_bytes(pair.public_key_raw().try_into().unwrap());
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let private = PrivatePkcs8KeyDer::from(pair.serialize_der());
    let mut tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private.into())
        .unwrap();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    (key, Arc::new(tls))
}
