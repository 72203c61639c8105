//! A throwaway PostgreSQL for tests and benchmarks: found where Debian installs it, started on a socket in a temporary
//! folder, and gone with its files when it is dropped, or when this process ends in whatever way.
//!
//! ```text
//! Cluster::shared() ─▶ one server for all tests of this process ─▶ database() ─▶ a database of each test's own
//! Cluster::own()    ─▶ one to restart and to end
//! ```
//!
//! Where no PostgreSQL is installed, a test says that it is skipped; where `CI` is set, it fails.

mod script;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

/// A socket in a folder of its own meets no other.
const PORT: u16 = 5432;

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// A PostgreSQL server of this process.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    /// Who it runs as, where that is not this process's own user.
    user: Option<&'static str>,
    folder: TempDir,
    port: u16,
    databases: AtomicU32,
    /// A shell that ends the server when its standard input does.
    keeper: Child,
}

impl Cluster {
    /// The server that the tests of this process share; `None`, and said aloud, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// Where it does not start; where it is not installed although `CI` is set.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::own()?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// A server that no other test uses.
    ///
    /// # Panics
    /// As [`Cluster::shared`].
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::installed(PORT, None)
    }

    /// A server of one's own that can be reached over TLS as well, at a port of this machine, with this certificate
    /// and its private key, PEM.
    ///
    /// # Panics
    /// As [`Cluster::shared`].
    #[must_use]
    pub fn over_tls(certificate: &str, key: &str) -> Option<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::installed(free, Some([certificate, key]))
    }

    fn installed(port: u16, tls: Option<[&str; 2]>) -> Option<Self> {
        let Some(programs) = script::programs() else {
            let missing = "PostgreSQL's server is not installed (apt-get install postgresql)";
            assert!(std::env::var_os("CI").is_none(), "{missing}, and nothing may be skipped where CI is set");
            // Past the test runner, which shows nothing of a test that passes.
            drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
            return None;
        };
        Some(Self::start(programs, port, tls))
    }

    fn start(programs: PathBuf, port: u16, tls: Option<[&str; 2]>) -> Self {
        let folder = tempfile::Builder::new().prefix("twiza-pg-").tempdir().unwrap();
        let user = script::other_user(folder.path());
        let mut shell = script::keep(&programs, user, folder.path(), port, tls);
        let mut keeper = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "ready", "PostgreSQL does not start: see above");
        Self { programs, user, folder, port, databases: AtomicU32::new(0), keeper }
    }

    /// Makes a new database, and gives its URL.
    ///
    /// # Panics
    /// Where PostgreSQL refuses.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("twiza_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        self.run("createdb", &["--host", self.socket(), "--port", &port, "--username", "twiza", &name]);
        let folder = self.socket().replace('/', "%2F");
        format!("postgres://twiza@{folder}:{port}/{name}")
    }

    /// The port that it listens at, where that is over TLS.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL as a superuser in a database of [`Cluster::database`], beside whoever else uses it.
    ///
    /// # Panics
    /// Where PostgreSQL refuses.
    pub fn execute(&self, url: &str, sql: &str) -> String {
        self.run("psql", &["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql, url])
    }

    /// Ends the server and starts it again, as an administrator does: connections are told.
    ///
    /// # Panics
    /// Where it does not come back.
    pub fn restart(&self) {
        self.control(&["--mode", "fast", "restart"]);
    }

    /// Ends the server without ceremony; what it had not written out is recovered from its log.
    ///
    /// # Panics
    /// Where that fails.
    pub fn crash(&self) {
        self.control(&["--mode", "immediate", "stop"]);
    }

    /// Starts a server that was ended.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_again(&self) {
        self.control(&["start"]);
    }

    fn control(&self, arguments: &[&str]) {
        let (data, log) = (script::data(self.folder.path()), script::log(self.folder.path()));
        let fixed = ["--silent", "--wait", "--pgdata", &data, "--log", &log];
        self.run("pg_ctl", &[&fixed[..], arguments].concat());
    }

    fn socket(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = script::command(self.user, &self.programs.join(program));
        // Inherited, its output would stay open as long as a server that it starts.
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Where waiting fails, there is nobody left to wait for.
        drop(self.keeper.wait());
    }
}
