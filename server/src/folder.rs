//! The data folder: what a relay keeps, and where.
//!
//! ```text
//! relay.toml      settings
//! relay.key       the relay's Ed25519 seed, as base64url: keep a copy in a safe place
//! relay.crt       the self-signed certificate, public
//! grants.toml     labels and digests of grants, where there are any
//! relay.sqlite3   mailboxes and frames
//! acme.pem        with ACME: the certificate and its key
//! acme.account    with ACME: the key by which the authority knows this relay
//!
//! token.key       an issuer's RSA key, as PEM: where it is, the folder is an issuer's and has no mailboxes
//! issued.sqlite3  how many tokens each grant has had today
//! ```

use crate::{certificate, private_file};
use data_encoding::BASE64URL_NOPAD;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use twiza_protocol::{RelaySigningKey, TokenSigningKey};
use zeroize::Zeroizing;

/// A relay's data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

/// A data folder that cannot be used. The operator's fault, and the text says what to do.
#[derive(Debug, Error)]
pub enum FolderError {
    /// There is a relay already.
    #[error(
        "{folder} already has a relay: start it with `serve`, or choose another folder. To begin anew, move the folder \
         away first: with its key, the relay's address would be lost", folder = .0.display()
    )]
    Occupied(PathBuf),
    /// There is no relay yet.
    #[error("{folder} has no relay yet: make one with `twiza-relay init --data {folder}`", folder = .0.display())]
    Empty(PathBuf),
    /// There is a relay, but its key is gone.
    #[error(
        "{file} is missing: put your copy of it back. Without it this relay cannot prove who it is; if there is no copy, \
         move {folder} away and make a new relay, which has another address",
        file = .0.join("relay.key").display(), folder = .0.display()
    )]
    KeyMissing(PathBuf),
    /// Another process serves it.
    #[error(
        "a relay or an issuer serves {folder} already, and two at once would contradict each other: stop that one first, or \
         choose another folder", folder = .0.display()
    )]
    Served(PathBuf),
    /// Others can read the key.
    #[error("other users can read {file}: close it with `chmod 600 {file}`", file = .0.display())]
    Exposed(PathBuf),
    /// The key file does not hold a key.
    #[error("{file} does not hold a relay key: restore it from your copy", file = .0.display())]
    DamagedKey(PathBuf),
    /// This was an issuer, and its token key is gone.
    #[error(
        "{file} is missing: put your copy of it back. Without it no tokens can be made for the grants that name it; if there is \
         no copy, make a new issuer in another folder, and new grants", file = .0.display()
    )]
    TokenKeyMissing(PathBuf),
    /// An issuer's token key cannot be read from its file.
    #[error("{file} does not hold a token key: restore it from your copy", file = .0.display())]
    DamagedTokenKey(PathBuf),
    /// The operating system refused.
    #[error("cannot use {path} ({source}): does it exist, and may this user read and write it?", path = .path.display())]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl Folder {
    /// The folder at this path. Nothing is read yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes a new relay: key, certificate for these hosts, and settings file; an issuer, with a token key.
    ///
    /// # Errors
    /// [`FolderError`]; an existing relay is never touched.
    pub fn create(
        &self,
        hosts: Vec<String>,
        settings: &str,
        token_key: Option<&TokenSigningKey>,
    ) -> Result<RelaySigningKey, FolderError> {
        self.refuse_occupied()?;
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(FolderError::Randomness)?;
        let key = RelaySigningKey::from_seed(&seed);
        let certificate =
            certificate::self_sign(&key, hosts).map_err(|error| FolderError::Certificate(error.to_string()))?;
        let seed_text = Zeroizing::new(format!("{}\n", BASE64URL_NOPAD.encode(seed.as_slice())));

        private_file::create_folder(&self.0).map_err(|source| self.io(self.0.clone(), source))?;
        let made = self.fill(settings, &certificate, &seed_text, token_key);
        if made.is_err() {
            // Half of a relay would be in the way of a whole one.
            self.all_files().for_each(|path| drop(std::fs::remove_file(path)));
        }
        made.map(|()| key)
    }

    fn fill(
        &self,
        settings: &str,
        certificate: &str,
        seed: &str,
        token_key: Option<&TokenSigningKey>,
    ) -> Result<(), FolderError> {
        // First: what breaks off here is an issuer without a key, and no relay.
        if let Some(token_key) = token_key {
            let pem = token_key.expose_pem().map_err(|_| FolderError::DamagedTokenKey(self.token_key()))?;
            self.write(self.token_key(), pem.as_bytes())?;
            self.prepare_ledger()?;
        }
        self.write(self.settings(), settings.as_bytes())?;
        self.write(self.certificate(), certificate.as_bytes())?;
        self.write(self.key(), seed.as_bytes())
    }

    /// Keeps other processes from serving this folder for as long as what is given lives.
    ///
    /// # Errors
    /// [`FolderError::Served`] where one does already.
    pub(crate) fn claim(&self) -> Result<File, FolderError> {
        let locked = private_file::try_lock(&self.key()).map_err(|source| self.io(self.key(), source))?;
        locked.ok_or_else(|| FolderError::Served(self.0.clone()))
    }

    /// The path at which what serves this folder tells who it is.
    #[must_use]
    pub(crate) fn introduction(&self) -> &'static str {
        if self.is_issuer() { "/v1/issuer" } else { "/v1/relay" }
    }

    /// Whether this is an issuer's folder, and not a relay's.
    #[must_use]
    pub fn is_issuer(&self) -> bool {
        // Either: an issuer that has lost its key is no relay.
        self.token_key().exists() || self.ledger().exists()
    }

    /// Reads an issuer's token key.
    ///
    /// # Errors
    /// [`FolderError`] where there is none, or others can read it.
    pub fn read_token_key(&self) -> Result<TokenSigningKey, FolderError> {
        let path = self.token_key();
        let pem = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => FolderError::TokenKeyMissing(path.clone()),
            _ => self.io(path.clone(), source),
        })?;
        if private_file::is_exposed(&path).map_err(|source| self.io(path.clone(), source))? {
            return Err(FolderError::Exposed(path));
        }
        TokenSigningKey::from_pem(&Zeroizing::new(pem)).map_err(|_| FolderError::DamagedTokenKey(path))
    }

    /// Refuses a folder that has a relay, or a part of one.
    ///
    /// # Errors
    /// [`FolderError::Occupied`].
    pub fn refuse_occupied(&self) -> Result<(), FolderError> {
        if self.all_files().any(|path| path.exists()) { Err(FolderError::Occupied(self.0.clone())) } else { Ok(()) }
    }

    fn all_files(&self) -> impl Iterator<Item = PathBuf> {
        self.files_beside_database().into_iter().chain([self.database(), self.token_key(), self.ledger()])
    }

    /// The files that make a relay, beside its database: settings, certificate and key; and grants, if there are any.
    #[must_use]
    pub fn files_beside_database(&self) -> [PathBuf; 4] {
        [self.settings(), self.certificate(), self.key(), self.grants()]
    }

    /// Reads the relay's key.
    ///
    /// # Errors
    /// [`FolderError`] where there is none, or others can read it.
    pub fn read_key(&self) -> Result<RelaySigningKey, FolderError> {
        let path = self.key();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let rest = self.settings().exists() || self.database().exists();
                let missing = if rest { FolderError::KeyMissing } else { FolderError::Empty };
                return Err(missing(self.0.clone()));
            }
            Err(source) => return Err(self.io(path, source)),
        };
        if private_file::is_exposed(&path).map_err(|source| self.io(path.clone(), source))? {
            return Err(FolderError::Exposed(path));
        }
        let seed = BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok().map(Zeroizing::new);
        let seed = seed.and_then(|seed| <[u8; 32]>::try_from(seed.as_slice()).ok()).map(Zeroizing::new);
        seed.map(|seed| RelaySigningKey::from_seed(&seed)).ok_or(FolderError::DamagedKey(path))
    }

    /// Makes sure that the database file is there, readable by its owner only.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn prepare_database(&self) -> Result<PathBuf, FolderError> {
        let path = self.database();
        private_file::create_if_missing(&path).map_err(|source| self.io(path.clone(), source))?;
        Ok(path)
    }

    /// Makes sure that an issuer's ledger is there, readable by its owner only.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn prepare_ledger(&self) -> Result<PathBuf, FolderError> {
        let path = self.ledger();
        private_file::create_if_missing(&path).map_err(|source| self.io(path.clone(), source))?;
        Ok(path)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The settings file.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.0.join("relay.toml")
    }

    /// The self-signed certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.join("relay.crt")
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("relay.sqlite3")
    }

    /// Labels and digests of grants.
    #[must_use]
    pub fn grants(&self) -> PathBuf {
        self.0.join("grants.toml")
    }

    /// The relay's key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.0.join("relay.key")
    }

    /// The certificate that ACME got, with its key.
    #[must_use]
    pub fn acme_certificate(&self) -> PathBuf {
        self.0.join("acme.pem")
    }

    /// The key of the account at the authority.
    #[must_use]
    pub fn acme_account(&self) -> PathBuf {
        self.0.join("acme.account")
    }

    /// An issuer's token key.
    #[must_use]
    pub fn token_key(&self) -> PathBuf {
        self.0.join("token.key")
    }

    /// How many tokens an issuer has given.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.0.join("issued.sqlite3")
    }

    fn write(&self, path: PathBuf, content: &[u8]) -> Result<(), FolderError> {
        private_file::create(&path, content).map_err(|source| self.io(path, source))
    }

    fn io(&self, path: PathBuf, source: io::Error) -> FolderError {
        FolderError::Io { path, source }
    }
}
