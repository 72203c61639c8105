//! Confinement from inside: what this process may still touch once it serves.
//!
//! A relay takes octets from anybody. Should a fault in it ever let somebody run code of their own, that code finds the data
//! folder and nothing else of the machine: no other file, no other port, no connection to anywhere, no rights to be had
//! from programs. Landlock does that without root; a kernel that has none of it, or less, enforces less, and the log tells.
//!
//! ```text
//! settings read, ports bound ─▶ enter ─▶ threads, key, database, requests
//! ```
//!
//! It comes before the first thread, because Landlock binds the thread that calls it and those it starts.

use std::path::PathBuf;

/// What a relay needs.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Folders in which it may do everything.
    pub folders: Vec<PathBuf>,
    /// Files that it may read.
    pub reads: Vec<PathBuf>,
    /// TCP ports that it may still bind.
    pub binds: Vec<u16>,
    /// Whether it may open connections, to a database server say.
    pub connects: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Whether the kernel enforces all of it, a part, or nothing.
    pub landlock: Enforced,
    /// Whether this process can get no more rights by running a program.
    pub no_new_privileges: bool,
}

/// How much of what was asked for the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforced {
    /// All of it.
    Fully,
    /// What an older kernel knows of it: files, but not ports and signals.
    Partially,
    /// Nothing.
    Not,
}

/// Confines this thread, and every thread that it starts from now on, for good. Best effort; the log tells what came of it.
pub fn enter(reach: &Reach) -> Confinement {
    let confinement = confine(reach);
    let Confinement { landlock, no_new_privileges } = confinement;
    match landlock {
        Enforced::Fully => tracing::info!(no_new_privileges, "confined to the data folder"),
        Enforced::Partially => tracing::info!(
            no_new_privileges,
            "confined to the data folder, as far as this kernel can: a newer one would also keep ports and signals"
        ),
        Enforced::Not => tracing::warn!(
            no_new_privileges,
            "not confined from inside: this kernel has no Landlock (Linux 5.13 has), or what started the relay forbids it"
        ),
    }
    confinement
}

#[cfg(target_os = "linux")]
fn confine(reach: &Reach) -> Confinement {
    use landlock::RulesetStatus;
    match restrict(reach) {
        Ok(status) => {
            let landlock = match status.ruleset {
                RulesetStatus::FullyEnforced => Enforced::Fully,
                RulesetStatus::PartiallyEnforced => Enforced::Partially,
                RulesetStatus::NotEnforced => Enforced::Not,
            };
            Confinement { landlock, no_new_privileges: status.no_new_privs }
        }
        Err(error) => {
            tracing::warn!(%error, "Landlock failed");
            Confinement { landlock: Enforced::Not, no_new_privileges: false }
        }
    }
}

#[cfg(target_os = "linux")]
fn restrict(reach: &Reach) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules,
    };
    const KNOWN: ABI = ABI::V6;
    let mut net = AccessNet::from_all(KNOWN);
    if reach.connects {
        net.remove(AccessNet::ConnectTcp);
    }
    let ports = reach.binds.iter().map(|port| Ok::<_, landlock::RulesetError>(NetPort::new(*port, AccessNet::BindTcp)));
    Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(net)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(&reach.folders, AccessFs::from_all(KNOWN)))?
        .add_rules(path_beneath_rules(&reach.reads, AccessFs::from_read(KNOWN)))?
        .add_rules(ports)?
        .restrict_self()
}

#[cfg(not(target_os = "linux"))]
fn confine(_reach: &Reach) -> Confinement {
    Confinement { landlock: Enforced::Not, no_new_privileges: false }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{ErrorKind, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_confined_thread_has_its_folder_and_nothing_else() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let readable = outside.path().join("readable");
        fs::write(&readable, "readable").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reach =
            Reach { folders: vec![inside.path().to_owned()], reads: vec![readable.clone()], ..Reach::default() };
        let own = inside.path().join("own");
        std::thread::spawn(move || {
            let confinement = enter(&reach);
            if confinement.landlock == Enforced::Not {
                writeln!(std::io::stderr(), "SKIPPED: this kernel has no Landlock; it takes Linux 5.13").unwrap();
                return;
            }
            assert!(confinement.no_new_privileges);
            fs::write(&own, "own").unwrap();
            assert_eq!(fs::read_to_string(&own).unwrap(), "own");
            fs::remove_file(&own).unwrap();
            assert_eq!(fs::read_to_string(&readable).unwrap(), "readable");
            let refused = |error: std::io::Error| error.kind() == ErrorKind::PermissionDenied;
            assert!(fs::read(&secret).is_err_and(refused));
            assert!(fs::write(&readable, "").is_err_and(refused));
            assert!(fs::read("/etc/passwd").is_err_and(refused));
            assert!(std::process::Command::new("/bin/true").status().is_err_and(refused));
            if confinement.landlock == Enforced::Fully {
                assert!(TcpStream::connect(address).is_err_and(refused));
                assert!(TcpListener::bind("127.0.0.1:0").is_err_and(refused));
            }
            drop(listener);
        })
        .join()
        .unwrap();
    }
}
