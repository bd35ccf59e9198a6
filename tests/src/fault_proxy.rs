//! A proxy before an engine's socket that tells when a chosen request comes by, and can keep it or its answer for ever.
//!
//! So a test acts in the very middle of an operation, without guessing how long one takes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is told of once it was passed on, and nothing else.
    Tell,
    /// The engine never sees it.
    HoldRequest,
    /// The engine has done it, and the answer never arrives. It is told of when the engine answers.
    HoldReply,
}

struct Rule {
    method: String,
    path: String,
    fault: Fault,
    told: oneshot::Sender<()>,
}

impl Rule {
    /// `path` is without the query; `*` stands for one of its components.
    fn fits(&self, method: &str, path: &str) -> bool {
        let (mut own, mut given) = (self.path.split('/'), path.split('/'));
        let same = own
            .by_ref()
            .all(|own| given.next().is_some_and(|given| own == "*" || own == given));
        self.method == method && same && given.next().is_none()
    }
}

type Rules = Arc<Mutex<Vec<Rule>>>;
/// `METHOD /path` of each request, in the order in which they came.
type Log = Arc<Mutex<Vec<String>>>;

/// The proxy. It goes on passing requests on until the process ends.
pub struct FaultProxy {
    socket: PathBuf,
    rules: Rules,
    log: Log,
}

impl FaultProxy {
    /// Listens at `socket` for the engine at `engine`, which need not be there yet and may go away and come back.
    ///
    /// # Panics
    /// Where there is something at `socket` already.
    pub fn new(socket: impl Into<PathBuf>, engine: impl Into<PathBuf>) -> Self {
        let (socket, engine) = (socket.into(), engine.into());
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (rules, log) = (Rules::default(), Log::default());
        std::thread::spawn({
            let (rules, log) = (rules.clone(), log.clone());
            move || {
                for client in listener.incoming().flatten() {
                    let (engine, rules, log) = (engine.clone(), rules.clone(), log.clone());
                    // A connection that breaks is what its two ends are to see.
                    std::thread::spawn(move || drop(serve(client, &engine, &rules, &log)));
                }
            }
        });
        Self { socket, rules, log }
    }

    /// Before the engine that the Docker CLI would use.
    ///
    /// # Panics
    /// As [`FaultProxy::new`], and where that engine has no socket.
    pub fn before_the_engine(socket: impl Into<PathBuf>) -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        Self::new(socket, host.strip_prefix("unix://").expect("a local engine"))
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Every request that has come by: `METHOD /path?query`. What is not here has sent no byte.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.log).clone()
    }

    /// The next request like `METHOD /path`, with `*` for any one component, has this fault. The receiver is told of it.
    ///
    /// # Panics
    /// Where the request is not written so.
    pub fn once(&self, request: &str, fault: Fault) -> oneshot::Receiver<()> {
        let (method, path) = request.split_once(' ').expect("METHOD /path");
        let (told, telling) = oneshot::channel();
        let rule = Rule {
            method: method.to_owned(),
            path: path.to_owned(),
            fault,
            told,
        };
        locked(&self.rules).push(rule);
        telling
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, request by request.
fn serve(client: UnixStream, engine: &Path, rules: &Rules, log: &Log) -> io::Result<()> {
    let mut engine = UnixStream::connect(engine)?;
    // Set while the answer to the request before it is still to be told of, and kept.
    let keep = Arc::new(Mutex::new(None::<oneshot::Sender<()>>));
    let answers = (engine.try_clone()?, client.try_clone()?, keep.clone());
    std::thread::spawn(move || drop(pass_answers(answers.0, answers.1, &answers.2)));
    let mut requests = BufReader::new(client);
    while let Some(head) = head(&mut requests)? {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        locked(log).push(format!("{method} {target}"));
        let path = target.split('?').next().unwrap_or_default();
        let rule = {
            let mut rules = locked(rules);
            let found = rules.iter().position(|rule| rule.fits(method, path));
            found.map(|position| rules.remove(position))
        };
        let mut tell = None;
        match rule {
            Some(rule) if rule.fault == Fault::HoldRequest => {
                let _ = rule.told.send(());
                // Until the client gives up.
                io::copy(&mut requests, &mut io::sink())?;
                break;
            }
            Some(rule) if rule.fault == Fault::HoldReply => *locked(&keep) = Some(rule.told),
            Some(rule) => tell = Some(rule.told),
            None => {}
        }
        engine.write_all(head.as_bytes())?;
        pass_body(&head, &mut requests, &mut engine)?;
        if let Some(told) = tell {
            let _ = told.send(());
        }
    }
    engine.shutdown(Shutdown::Write)
}

fn pass_answers(
    mut engine: UnixStream,
    mut client: UnixStream,
    keep: &Mutex<Option<oneshot::Sender<()>>>,
) -> io::Result<()> {
    let (mut buffer, mut kept) = (vec![0; 64 << 10], false);
    loop {
        let length = match engine.read(&mut buffer) {
            Ok(0) | Err(_) if kept => return Ok(()),
            Ok(0) | Err(_) => return client.shutdown(Shutdown::Both),
            Ok(length) => length,
        };
        if let Some(told) = locked(keep).take() {
            kept = true;
            let _ = told.send(());
        }
        if !kept {
            client.write_all(&buffer[..length])?;
        }
    }
}

/// A request's head with the empty line after it; none where the client is gone.
fn head(requests: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if requests.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

fn pass_body(head: &str, requests: &mut impl BufRead, engine: &mut UnixStream) -> io::Result<()> {
    let head = head.to_ascii_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    if let Some(length) = header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        io::copy(&mut requests.take(length), engine)?;
    }
    if header("transfer-encoding") == Some("chunked") {
        let mut more = true;
        while more {
            let mut line = String::new();
            requests.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            engine.write_all(line.as_bytes())?;
            // With the line's end that follows it.
            io::copy(&mut requests.take(length + 2), engine)?;
            more = length > 0;
        }
    }
    if header("upgrade").is_some() {
        // From here on these are no requests any more.
        io::copy(requests, engine)?;
    }
    Ok(())
}
