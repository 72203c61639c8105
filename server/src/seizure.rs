//! What somebody learns who takes this machine: from the real data folder, and in plain words.
//!
//! Whatever is there is told, known or not: a file or a table that this program does not explain is pointed out, and not
//! passed over.

use crate::admission::GrantDigest;
use crate::calendar;
use crate::grants::{self, GrantsError};
use crate::issuer::ledger::Ledger;
use crate::octets::spoken;
use crate::settings::{Settings, TransportMode};
use crate::store::upkeep::{Anatomy, Expiring};
use crate::store::{StoreError, Upkeep};
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What a table keeps, by its name and columns.
const TABLES: [(&str, &[&str], &str); 6] = [
    (
        "frame",
        &["id", "digest", "chain", "closing", "octets"],
        "each frame's place in its mailbox, its SHA-256, a running hash, whether it closes the mailbox, and its encrypted \
         octets. No sender, no time, no kind",
    ),
    (
        "known",
        &["slot", "digest_start", "sequence"],
        "for most frames the first octets of its SHA-256 and its place, to recognise it when it comes again: nothing that the \
         frames do not tell",
    ),
    (
        "mailbox",
        &["slot", "address", "last_sequence", "chain", "closed", "frame_bytes", "expires_day"],
        "each mailbox's random place, its public key, how many frames and octets it has, whether it is closed, and the day \
         after which it is deleted. No owner, no group, no time of a day",
    ),
    ("total", &["mailboxes", "frame_bytes"], "how many mailboxes and octets there are in all"),
    (
        "spent_token",
        &["mark"],
        "a random mark for each token that opened a mailbox, so that it opens no other. No mailbox, no grant, no day: not even \
         with the issuer's machine can it be told for which grant a token was given",
    ),
    (
        "issued",
        &["request", "grant_digest", "day", "tokens"],
        "for each request for tokens of the last day on which there was one: the grant's digest, the day, how many, and a digest \
         of the blinded messages. Not which tokens they became",
    ),
];

/// What is never there, so that it cannot be found.
const NOT_THERE: [&str; 4] = [
    "what people write, their names, their organisations' and alliances' names, and who writes to whom: all of it is inside \
     the frames, and the keys are with the members",
    "which mailboxes belong to one alliance: their keys have nothing in common. (Where only one alliance uses the relay, all \
     do; and what is written in one go, as the newest changes show, may belong together)",
    "who was connected, from where and with what: neither stored nor logged",
    "what has expired: it was overwritten, as far as the disk does what it is told (flash may keep old copies)",
];

/// What is never at an issuer.
const NOT_AT_ISSUER: [&str; 3] = [
    "which tokens were given for which grant: they are signed blindly, and the blinding is with the members",
    "which mailboxes were opened with them, and anything that is written: that is at the relay, encrypted",
    "who asked, and from where: neither stored nor logged",
];

/// A report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The files of the data folder.
    pub files: Vec<File>,
    /// The database's tables.
    pub tables: Vec<Table>,
    /// How many frames there are of each size.
    pub frames_by_size: Vec<crate::store::upkeep::FramesOfSize>,
    /// Mailboxes by their day of expiry.
    pub expiring: Vec<Expiring>,
    /// Labels of grants and the days on which they were made.
    pub grants: Vec<(String, String)>,
    /// At an issuer: labels of grants, the day, and how many tokens they had on it.
    pub issued: Vec<(String, String, u64)>,
    /// What else is told by the machine.
    pub beyond: Vec<&'static str>,
    /// What is not told.
    pub not_there: &'static [&'static str],
}

/// A file.
#[derive(Debug, Serialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Octets.
    pub bytes: u64,
    /// What it tells.
    pub tells: String,
}

/// A table.
#[derive(Debug, Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// What it tells; nothing where this program does not know the table.
    pub tells: Option<&'static str>,
}

/// A folder that cannot be looked through.
#[derive(Debug, Error)]
pub enum SeizureError {
    /// The folder cannot be read.
    #[error("cannot read {folder} ({source}): may this user read it?", folder = .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be read.
    #[error("the database cannot be read: {}", crate::store::chain(.0))]
    Store(#[from] StoreError),
    /// The grants cannot be read.
    #[error(transparent)]
    Grants(#[from] GrantsError),
}

/// Looks through a relay's folder.
///
/// # Errors
/// [`SeizureError`].
pub fn report(settings: &Settings, database: &dyn Upkeep) -> Result<Report, SeizureError> {
    let files = files(settings).map_err(|source| SeizureError::Folder { folder: settings.data.clone(), source })?;
    let Anatomy { tables, frames_by_size, .. } = database.anatomy()?;
    let grants = grants::read(&settings.folder().grants())?;
    Ok(Report {
        files,
        tables: tables.into_iter().map(explained).collect(),
        frames_by_size,
        expiring: database.expiring()?,
        grants: grants.into_iter().map(|grant| (grant.label, grant.made)).collect(),
        issued: Vec::new(),
        beyond: beyond(settings),
        not_there: &NOT_THERE,
    })
}

/// Looks through an issuer's folder.
///
/// # Errors
/// [`SeizureError`].
pub fn report_of_issuer(settings: &Settings) -> Result<Report, SeizureError> {
    let folder = settings.folder();
    let files = files(settings).map_err(|source| SeizureError::Folder { folder: settings.data.clone(), source })?;
    let grants = grants::read(&folder.grants())?;
    let label = |digest: &GrantDigest| {
        let known = grants.iter().find(|grant| grant.sha256 == *digest);
        known.map_or_else(
            || "that is listed by its digest, or gone".to_owned(),
            |grant| format!("called {}", grant.label),
        )
    };
    let (tables, issued) = if folder.ledger().exists() {
        let ledger = Ledger::open(&folder.ledger())?;
        (ledger.tables()?, ledger.issued()?)
    } else {
        Default::default()
    };
    let issued = issued.into_iter().map(|issued| (label(&issued.grant), calendar::written(issued.day), issued.tokens));
    Ok(Report {
        files,
        tables: tables.into_iter().map(explained).collect(),
        frames_by_size: Vec::new(),
        expiring: Vec::new(),
        issued: issued.collect(),
        grants: grants.iter().map(|grant| (grant.label.clone(), grant.made.clone())).collect(),
        beyond: beyond(settings),
        not_there: &NOT_AT_ISSUER,
    })
}

fn files(settings: &Settings) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&settings.data)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(File { bytes: entry.metadata()?.len(), tells: file_tells(&name, settings), name });
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn file_tells(name: &str, settings: &Settings) -> String {
    let host = settings.public_host.as_deref().unwrap_or("none set");
    match name {
        "relay.key" => "the relay's (or issuer's) own key: with it, one can pose as it. It opens no frame".to_owned(),
        "relay.crt" => format!("the relay's public key, and the host names it was made for ({host})"),
        "relay.toml" => format!("the settings: host name ({host}), port, limits, days of retention"),
        "grants.toml" => "labels, days and digests of grants: the labels are your words. The grants themselves are not there".to_owned(),
        "relay.sqlite3" => {
            "mailboxes and frames (below). The order of its pages tells roughly which parts were first used early and which \
             late; the file's own time tells when somebody last wrote"
                .to_owned()
        }
        "relay.sqlite3-wal" => {
            "the newest changes, up to some megabytes, in the order in which they were made: which mailboxes were written \
             to last, and in which order. It is folded into the database and begins anew all the time"
                .to_owned()
        }
        "acme.pem" => "the certificate that an authority gave for the host name, and its key: with it, one can pose as this host to \
                       browsers, and to clients until they see that receipts are by another key"
            .to_owned(),
        "acme.account" => "the key by which the authority knows this relay".to_owned(),
        "token.key" => "the key that tokens are signed with: with it, one can make tokens without a grant, and so open mailboxes at \
                        the relays that take them. It tells nothing of tokens that were given"
            .to_owned(),
        "issued.sqlite3" => {
            "how many tokens were given on the last day (below). The file's own time tells when somebody last had some".to_owned()
        }
        "issued.sqlite3-journal" => "what the file before was, before its last change".to_owned(),
        "relay.sqlite3-shm" => "an index of the file before, for the running relay".to_owned(),
        _ => "not the relay's: see for yourself what it tells, and remove it if it does not belong here".to_owned(),
    }
}

fn explained(table: crate::store::upkeep::Table) -> Table {
    let crate::store::upkeep::Table { name, columns } = table;
    let known = TABLES.iter().find(|(known, of_it, _)| *known == name && columns == *of_it);
    Table { tells: known.map(|(.., tells)| *tells), name, columns }
}

fn beyond(settings: &Settings) -> Vec<&'static str> {
    let mut beyond = vec![
        "the memory of the running relay, for who gets it: connections that are open at that moment, with their addresses, \
         and frames that just pass",
        "whatever keeps the relay's log: lines about starting, stopping and failures, with the day (and the time, where \
         journald adds it)",
        "backups, wherever they are: as much as this folder",
    ];
    if settings.metrics_listen.is_some() {
        beyond.push("whatever keeps the metrics: how much was written to the whole relay, and when");
    }
    if settings.transport == TransportMode::Plain {
        beyond.push("the proxy's log, if it keeps one: who was connected, and when");
    }
    beyond
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Whoever takes this machine finds\n\nfiles:")?;
        for File { name, bytes, tells } in &self.files {
            writeln!(f, "  {name} ({}): {tells}", spoken(*bytes))?;
        }
        writeln!(f, "\nin the database:")?;
        for Table { name, columns, tells } in &self.tables {
            let tells = tells.unwrap_or("NOT KNOWN to this program: see for yourself what it tells");
            writeln!(f, "  {name} ({}): {tells}", columns.join(", "))?;
        }
        writeln!(f, "\nwhich is now:")?;
        for Expiring { day, mailboxes, closed, frames, frame_bytes } in &self.expiring {
            let (day, size) = (calendar::written(*day), spoken(*frame_bytes));
            writeln!(
                f,
                "  to be deleted after {day}: {mailboxes} mailboxes, {closed} of them closed; {frames} frames, {size}"
            )?;
        }
        for (grant, day, tokens) in &self.issued {
            writeln!(f, "  {tokens} tokens on {day} for a grant {grant}")?;
        }
        if self.expiring.is_empty() && self.issued.is_empty() {
            writeln!(f, "  nothing: nothing was opened or given yet, or all has expired")?;
        }
        for size in &self.frames_by_size {
            writeln!(f, "  {} frames of {}", size.frames, spoken(size.bytes))?;
        }
        for (label, made) in &self.grants {
            writeln!(f, "  a grant called {label}, made on {made}")?;
        }
        writeln!(f, "\noutside the data folder, as far as it is there:")?;
        self.beyond.iter().try_for_each(|told| writeln!(f, "  {told}"))?;
        writeln!(f, "\nand does not find:")?;
        self.not_there.iter().try_for_each(|told| writeln!(f, "  {told}"))
    }
}
