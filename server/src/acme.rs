//! A certificate authority's certificate without anybody's hand: ordered, proved and renewed by ACME (RFC 8555), with the
//! TLS-ALPN-01 challenge (RFC 8737), which needs port 443 and no other.
//!
//! What it tells: the authority learns the relay's name and address, and writes the name into public logs of certificates.
//! No contact is given.

use crate::certificate::{self, TlsError};
use crate::folder::Folder;
use crate::private_file;
use crate::settings::Settings;
use async_trait::async_trait;
use futures_util::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ResolvesServerCert;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventError, EventOk};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The protocol by which an authority proves that a name is ours (RFC 8737, section 6.2).
const CHALLENGE_ALPN: &[u8] = b"acme-tls/1";

/// Certificates as they come.
pub(crate) struct Acme(AcmeState<io::Error>);

impl Acme {
    /// TLS with whatever certificate there is at that moment, and what gets them.
    ///
    /// # Errors
    /// [`TlsError`] where the file of roots cannot be used.
    pub(crate) fn prepare(settings: &Settings) -> Result<(Arc<ServerConfig>, Self), TlsError> {
        let mut config = AcmeConfig::new(&settings.public_host).directory(&settings.acme_directory);
        if let Some(roots) = &settings.acme_root_file {
            config = config.client_tls_config(trusting(roots)?);
        }
        let state = config.cache(Kept(settings.folder())).state();
        let resolver: Arc<dyn ResolvesServerCert> = state.resolver();
        let mut tls = certificate::resolving(resolver)?;
        tls.alpn_protocols.push(CHALLENGE_ALPN.to_vec());
        Ok((Arc::new(tls), Self(state)))
    }

    /// Gets certificates until the relay stops. What fails is tried again, later and later.
    pub(crate) async fn keep(mut self, stop: CancellationToken) {
        while let Some(Some(event)) = stop.run_until_cancelled(self.0.next()).await {
            match event {
                Ok(EventOk::DeployedCachedCert) => tracing::info!("serving with the certificate of before"),
                Ok(EventOk::DeployedNewCert) => tracing::info!("serving with a new certificate"),
                Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
                Err(EventError::Order(error)) => tracing::warn!(
                    %error,
                    "no certificate could be had: does the name lead here, and is port 443 open? It is tried again"
                ),
                Err(error) => tracing::error!(%error, "a certificate cannot be kept or used"),
            }
        }
    }
}

fn trusting(roots: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    let file = |source| TlsError::File { path: roots.display().to_string(), source };
    for certificate in CertificateDer::pem_file_iter(roots).map_err(file)? {
        store.add(certificate.map_err(file)?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(store).with_no_client_auth()))
}

/// The account's key and the certificate with its key, in the data folder, readable by their owner only.
struct Kept(Folder);

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

#[async_trait]
impl CertCache for Kept {
    type EC = io::Error;

    async fn load_cert(&self, _domains: &[String], _directory: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.0.acme_certificate())
    }

    async fn store_cert(&self, _domains: &[String], _directory: &str, pem: &[u8]) -> io::Result<()> {
        private_file::replace(&self.0.acme_certificate(), pem)
    }
}

#[async_trait]
impl AccountCache for Kept {
    type EA = io::Error;

    async fn load_account(&self, _contact: &[String], _directory: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.0.acme_account())
    }

    async fn store_account(&self, _contact: &[String], _directory: &str, key: &[u8]) -> io::Result<()> {
        private_file::replace(&self.0.acme_account(), key)
    }
}
