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

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// A PostgreSQL server of this process.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    /// Who it runs as, where that is not this process's own user.
    user: Option<&'static str>,
    folder: TempDir,
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
        let Some(programs) = script::programs() else {
            let missing = "PostgreSQL's server is not installed (apt-get install postgresql)";
            assert!(std::env::var_os("CI").is_none(), "{missing}, and nothing may be skipped where CI is set");
            // Past the test runner, which shows nothing of a test that passes.
            writeln!(std::io::stderr(), "SKIPPED: {missing}").unwrap();
            return None;
        };
        Some(Self::start(programs))
    }

    fn start(programs: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("twiza-pg-").tempdir().unwrap();
        let user = script::other_user(folder.path());
        let mut shell = script::keep(&programs, user, folder.path());
        let mut keeper = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "ready", "PostgreSQL does not start: see above");
        Self { programs, user, folder, databases: AtomicU32::new(0), keeper }
    }

    /// Makes a new database, and gives its URL.
    ///
    /// # Panics
    /// Where PostgreSQL refuses.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("twiza_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &["--host", self.socket(), "--username", "twiza", &name]);
        let folder = self.socket().replace('/', "%2F");
        format!("postgres://twiza@{folder}/{name}")
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
