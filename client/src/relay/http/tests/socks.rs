//! A SOCKS 5 proxy (RFC 1928, RFC 1929) that takes any credentials, remembers what it is asked for, and brings
//! everybody to one place on this machine.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const VERSION: u8 = 5;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const A_NAME: u8 = 3;

/// Where somebody wanted to go, and by which credentials.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) host: String,
    pub(super) port: u16,
}

pub(super) struct SocksProxy {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl SocksProxy {
    /// One that leads to this port.
    pub(super) fn start(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let notes = notes.clone();
                std::thread::spawn(move || lead(&mut stream?, to, &notes));
            }
        });
        Self { port, asked }
    }

    pub(super) fn address(&self, credentials: &str) -> String {
        format!("socks5h://{credentials}127.0.0.1:{}", self.port)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn lead(stream: &mut TcpStream, to: u16, notes: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let [version, methods] = take(stream)?;
    let offered = take_many(stream, methods)?;
    if version != VERSION || !offered.contains(&USER_AND_PASSWORD) {
        return Ok(());
    }
    stream.write_all(&[VERSION, USER_AND_PASSWORD])?;
    let [_, length] = take(stream)?;
    let user = take_many(stream, length)?;
    let [length] = take(stream)?;
    let password = take_many(stream, length)?;
    stream.write_all(&[1, 0])?;
    let [_, command, _, kind] = take(stream)?;
    // An address in place of a name: whoever looked the name up, it was not the proxy. No answer is a failed test.
    if (command, kind) != (CONNECT, A_NAME) {
        return Ok(());
    }
    let [length] = take(stream)?;
    let host = take_many(stream, length)?;
    let port = u16::from_be_bytes(take(stream)?);
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    notes.lock().unwrap().push(Asked { user: text(user), password: text(password), host: text(host), port });
    let mut goal = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    stream.write_all(&[VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut from_client, mut to_goal) = (stream.try_clone()?, goal.try_clone()?);
    std::thread::spawn(move || {
        std::io::copy(&mut from_client, &mut to_goal)?;
        to_goal.shutdown(Shutdown::Write)
    });
    std::io::copy(&mut goal, stream)?;
    Ok(())
}

fn take<const N: usize>(stream: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut octets = [0; N];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}

fn take_many(stream: &mut TcpStream, count: u8) -> std::io::Result<Vec<u8>> {
    let mut octets = vec![0; usize::from(count)];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}
