//! How PostgreSQL's programs are found and started. They refuse to run as root: then another user runs them.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a cluster and starts it, says so, and ends it once standard input does.
const KEEP: &str = r#"
set -e
programs=$1 folder=$2 port=$3
umask 077
# What ends the test ends its standard input, and that is enough: there is something to clear away.
trap '' HUP INT TERM
"$programs/initdb" --auth=trust --username=twiza --encoding=UTF8 --no-locale --no-sync --pgdata="$folder/data" >/dev/null
cat >> "$folder/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
port = $port
shared_buffers = '64MB'
max_connections = 200
END
if [ -n "$TLS_CERTIFICATE" ]; then
    printf '%s' "$TLS_CERTIFICATE" > "$folder/data/server.crt"
    printf '%s' "$TLS_KEY" > "$folder/data/server.key"
    printf "listen_addresses = '127.0.0.1'\nssl = on\n" >> "$folder/data/postgresql.conf"
fi
end() { "$programs/pg_ctl" --silent --mode=immediate --wait --pgdata="$folder/data" stop || true; rm -rf "$folder"; }
trap end EXIT
"$programs/pg_ctl" --silent --wait --pgdata="$folder/data" --log="$folder/log" start </dev/null >/dev/null
echo ready
exec >/dev/null
cat
"#;

/// The folder of the newest server's programs: on the search path, or where Debian puts them.
pub(crate) fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    let number = |name: &OsStr| name.to_str().and_then(|name| name.parse::<u32>().ok());
    versions.sort_by_key(|version| std::cmp::Reverse(number(&version.file_name())));
    let debian = versions.into_iter().map(|version| version.path().join("bin"));
    let mut found =
        std::env::split_paths(&path).chain(debian).filter_map(|folder| folder.join("initdb").canonicalize().ok());
    // A link on the search path leads to where the others are.
    found.find_map(|initdb| initdb.parent().map(Path::to_owned))
}

/// Root gives the folder to the user whom Debian's package makes, who is to run the server.
pub(crate) fn other_user(folder: &Path) -> Option<&'static str> {
    const USER: &str = "postgres";
    if folder.metadata().unwrap().uid() != 0 {
        return None;
    }
    let id = |kind: &str| {
        let output = Command::new("id").args([kind, USER]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().ok()
    };
    let (user, group) = (id("-u"), id("-g"));
    assert!(user.is_some(), "root cannot run PostgreSQL, and there is no user {USER:?} to do it");
    chown(folder, user, group).unwrap();
    Some(USER)
}

/// The shell that keeps a cluster.
pub(crate) fn keep(programs: &Path, user: Option<&str>, folder: &Path, port: u16, tls: Option<[&str; 2]>) -> Command {
    let mut shell = command(user, Path::new("sh"));
    shell.args(["-c", KEEP, "sh"]).args([programs, folder]).arg(port.to_string());
    let [certificate, key] = tls.unwrap_or_default();
    shell.env("TLS_CERTIFICATE", certificate).env("TLS_KEY", key);
    shell
}

/// A program, run as this user.
pub(crate) fn command(user: Option<&str>, program: &Path) -> Command {
    let mut command = match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
            command
        }
    };
    command.current_dir("/").env_remove("PGHOST").env_remove("PGUSER").env_remove("PGDATABASE");
    command
}

/// The cluster's own folder.
pub(crate) fn data(folder: &Path) -> String {
    format!("{}/data", folder.display())
}

/// What the server says.
pub(crate) fn log(folder: &Path) -> String {
    format!("{}/log", folder.display())
}
