//! A proxy before an engine's socket that tells when a chosen request comes by, and can keep it or its answer for ever, or answer
//! without end in the engine's place.
//!
//! So a test acts in the very middle of an operation, without guessing how long one takes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Flood;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is told of once it was passed on, and nothing else.
    Tell,
    /// The engine never sees it.
    HoldRequest,
    /// The engine has done it, and the answer never arrives. It is told of when the engine answers.
    HoldReply,
    /// The engine has done it, and the connection ends in place of the answer.
    DropReply,
    /// The connection ends in the middle of the answer.
    CutReply,
    /// The answer arrives byte by byte.
    SlowReply,
    /// Another answer than the engine's arrives, one that says nothing.
    WrongReply,
    /// The answer arrives twice.
    DoubleReply,
}

/// What says nothing.
const NOTHING: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
/// Between two bytes of a slow answer.
const PAUSE: Duration = Duration::from_millis(2);

struct Rule {
    which: Which,
    fault: Fault,
    told: oneshot::Sender<()>,
}

/// Which request is meant.
enum Which {
    /// The path is without the query; `*` stands for one of its components.
    Like { method: String, path: String },
    /// One that changes something, after so many others.
    Change(u32),
}

impl Which {
    fn like(request: &str) -> Self {
        let (method, path) = request.split_once(' ').expect("METHOD /path");
        Self::Like {
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }

    /// Whether it is this one.
    fn fits(&mut self, method: &str, path: &str) -> bool {
        match self {
            Self::Like {
                method: own,
                path: like,
            } => {
                let (mut own_parts, mut given) = (like.split('/'), path.split('/'));
                let same = own_parts
                    .by_ref()
                    .all(|own| given.next().is_some_and(|given| own == "*" || own == given));
                own == method && same && given.next().is_none()
            }
            Self::Change(_) if method == "GET" || method == "HEAD" => false,
            Self::Change(0) => true,
            Self::Change(before) => {
                *before -= 1;
                false
            }
        }
    }
}

type Rules = Arc<Mutex<Vec<Rule>>>;
/// What is answered in the engine's place.
type Floods = Arc<Mutex<Vec<(Which, Flood)>>>;
/// `METHOD /path` of each request, in the order in which they came.
type Log = Arc<Mutex<Vec<String>>>;
/// What becomes of the next answer, and who is told.
type Spoil = (Fault, oneshot::Sender<()>);

/// The proxy. It goes on passing requests on until the process ends.
pub struct FaultProxy {
    socket: PathBuf,
    rules: Rules,
    floods: Floods,
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
        let (rules, floods, log) = (Rules::default(), Floods::default(), Log::default());
        std::thread::spawn({
            let (rules, floods, log) = (rules.clone(), floods.clone(), log.clone());
            move || {
                for client in listener.incoming().flatten() {
                    let (engine, rules, floods, log) = (engine.clone(), rules.clone(), floods.clone(), log.clone());
                    // A connection that breaks is what its two ends are to see.
                    std::thread::spawn(move || drop(serve(client, &engine, &rules, &floods, &log)));
                }
            }
        });
        Self {
            socket,
            rules,
            floods,
            log,
        }
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
        self.add(Which::like(request), fault)
    }

    /// From now on each request like that is answered so, and the engine never sees it.
    ///
    /// # Panics
    /// As [`FaultProxy::once`].
    pub fn flood(&self, request: &str, answer: Flood) {
        locked(&self.floods).push((Which::like(request), answer));
    }

    /// The request that changes something after `before` others has this fault. The receiver is told of it.
    pub fn change(&self, before: u32, fault: Fault) -> oneshot::Receiver<()> {
        self.add(Which::Change(before), fault)
    }

    /// No request has a fault any more.
    pub fn forget(&self) {
        locked(&self.rules).clear();
    }

    fn add(&self, which: Which, fault: Fault) -> oneshot::Receiver<()> {
        let (told, telling) = oneshot::channel();
        locked(&self.rules).push(Rule { which, fault, told });
        telling
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, request by request.
fn serve(client: UnixStream, engine: &Path, rules: &Rules, floods: &Floods, log: &Log) -> io::Result<()> {
    let mut engine = UnixStream::connect(engine)?;
    // Set while the answer to the request before it is still to be told of, and spoilt.
    let keep = Arc::new(Mutex::new(None::<Spoil>));
    let answers = (engine.try_clone()?, client.try_clone()?, keep.clone());
    std::thread::spawn(move || drop(pass_answers(answers.0, answers.1, &answers.2)));
    let mut requests = BufReader::new(client);
    while let Some(head) = head(&mut requests)? {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        locked(log).push(format!("{method} {target}"));
        let path = target.split('?').next().unwrap_or_default();
        let flood = {
            let mut floods = locked(floods);
            let found = floods
                .iter_mut()
                .find_map(|(which, flood)| which.fits(method, path).then_some(flood));
            found.cloned()
        };
        if let Some(flood) = flood {
            let poured = flood.pour(requests.get_ref());
            engine.shutdown(Shutdown::Both)?;
            return poured;
        }
        let rule = {
            let mut rules = locked(rules);
            let found = rules.iter_mut().position(|rule| rule.which.fits(method, path));
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
            Some(rule) if rule.fault == Fault::Tell => tell = Some(rule.told),
            Some(rule) => *locked(&keep) = Some((rule.fault, rule.told)),
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

fn pass_answers(mut engine: UnixStream, mut client: UnixStream, spoil: &Mutex<Option<Spoil>>) -> io::Result<()> {
    let (mut buffer, mut kept) = (vec![0; 64 << 10], false);
    loop {
        let length = match engine.read(&mut buffer) {
            Ok(0) | Err(_) if kept => return Ok(()),
            Ok(0) | Err(_) => return client.shutdown(Shutdown::Both),
            Ok(length) => length,
        };
        let answer = &buffer[..length];
        let Some((fault, told)) = locked(spoil).take() else {
            if !kept {
                client.write_all(answer)?;
            }
            continue;
        };
        match fault {
            Fault::Tell | Fault::HoldRequest => client.write_all(answer)?,
            Fault::HoldReply => kept = true,
            Fault::DropReply | Fault::CutReply | Fault::WrongReply => {
                let part = match fault {
                    Fault::DropReply => &[],
                    Fault::CutReply => &answer[..length / 2],
                    _ => NOTHING.as_bytes(),
                };
                kept = true;
                client.write_all(part)?;
                client.shutdown(Shutdown::Both)?;
            }
            Fault::SlowReply => {
                for byte in answer {
                    client.write_all(&[*byte])?;
                    std::thread::park_timeout(PAUSE);
                }
            }
            Fault::DoubleReply => {
                client.write_all(answer)?;
                client.write_all(answer)?;
            }
        }
        let _ = told.send(());
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
