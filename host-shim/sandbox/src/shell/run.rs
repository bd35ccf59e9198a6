//! Runs a parsed script.

use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::io::{Input, Io, Sink, pipe};
use super::parse::{Action, Chain, Command, Direction, Pipeline, Redirect, Script, parse};
use super::program::Program;
use super::{Job, Shell};
use crate::filesystem::{Filesystem, FsError};
use crate::process::SIGKILL;

/// What leaves a script before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    Exit(i64),
    Break,
    Continue,
}

/// The status of what ran, or the jump it made.
pub type Flow = Result<i64, Jump>;

impl Shell {
    /// Runs source text as a shell's whole program, with the `EXIT` trap at its end.
    pub async fn program(&mut self, source: &str) -> i64 {
        let status = match self.source(source).await {
            Ok(status) | Err(Jump::Exit(status)) => status,
            Err(Jump::Break | Jump::Continue) => self.status,
        };
        match self.process.exit_trap() {
            Some(handler) if !handler.is_empty() => match self.source(&handler).await {
                Err(Jump::Exit(status)) => status,
                _ => status,
            },
            _ => status,
        }
    }

    /// Runs source text in this shell.
    pub async fn source(&mut self, source: &str) -> Flow {
        match parse(source) {
            Ok(script) => self.script(&script).await,
            Err(error) => {
                self.fail(&format!("sh: {error}"));
                Err(Jump::Exit(2))
            }
        }
    }

    /// Runs a script in this shell, which is a subshell's.
    pub async fn subshell(&mut self, script: &Script) -> i64 {
        self.jobs.clear();
        match self.script(script).await {
            Ok(status) | Err(Jump::Exit(status)) => status,
            Err(Jump::Break | Jump::Continue) => 0,
        }
    }

    pub fn script<'a>(&'a mut self, script: &'a Script) -> BoxFuture<'a, Flow> {
        Box::pin(async move {
            for chain in script {
                if chain.background {
                    self.background(chain.clone());
                    self.status = 0;
                } else {
                    self.status = self.chain(chain).await?;
                }
                self.traps().await?;
            }
            Ok(self.status)
        })
    }

    async fn traps(&mut self) -> Result<(), Jump> {
        while let Some((_, handler)) = self.process.next_trap() {
            let status = self.status;
            Box::pin(self.source(&handler)).await?;
            self.status = status;
        }
        Ok(())
    }

    async fn chain(&mut self, chain: &Chain) -> Flow {
        self.testing += u32::from(!chain.rest.is_empty());
        let mut status = self.pipeline(&chain.first).await;
        for (index, (and, pipeline)) in chain.rest.iter().enumerate() {
            let Ok(before) = status else { break };
            self.status = before;
            if *and == (before == 0) {
                self.testing -= u32::from(index + 1 == chain.rest.len());
                status = self.pipeline(pipeline).await;
                self.testing += u32::from(index + 1 == chain.rest.len());
            }
        }
        self.testing -= u32::from(!chain.rest.is_empty());
        status
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> Flow {
        self.testing += u32::from(pipeline.negated);
        let status = match pipeline.commands.as_slice() {
            [command] => self.command(command).await,
            commands => Ok(self.piped(commands).await),
        };
        self.testing -= u32::from(pipeline.negated);
        let status = status?;
        if pipeline.negated {
            return Ok(i64::from(status == 0));
        }
        if status != 0 && self.exit_on_error && self.testing == 0 {
            return Err(Jump::Exit(status));
        }
        Ok(status)
    }

    async fn piped(&mut self, commands: &[Command]) -> i64 {
        let mut running = Vec::new();
        let mut stdin = self.io.stdin.clone();
        for (index, command) in commands.iter().enumerate() {
            let mut shell = self.clone();
            shell.io.stdin = stdin;
            stdin = Input::empty();
            if index + 1 < commands.len() {
                (shell.io.stdout, stdin) = pipe();
            }
            running.push(async move {
                match shell.command(command).await {
                    Ok(status) | Err(Jump::Exit(status)) => status,
                    Err(_) => 0,
                }
            });
        }
        join_all(running).await.pop().unwrap_or_default()
    }

    /// Starts a chain with `&`: it lives until it ends, is killed, or the container ends.
    fn background(&mut self, mut chain: Chain) {
        chain.background = false;
        let pid = self.life.next_pid();
        let (report, status) = watch::channel(None);
        let stop = CancellationToken::new();
        self.jobs.push(Job {
            pid,
            status,
            stop: stop.clone(),
        });
        let mut shell = self.clone();
        shell.pid = pid;
        shell.io.stdin = Input::empty();
        let life = self.life.clone();
        tokio::spawn(async move {
            let script = vec![chain];
            let program = async {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => 128 + i64::from(SIGKILL),
                    status = shell.subshell(&script) => status,
                }
            };
            let code = life.beside(program).await;
            report.send_replace(Some(code));
        });
    }

    fn command<'a>(&'a mut self, command: &'a Command) -> BoxFuture<'a, Flow> {
        Box::pin(async move {
            if let Action::Simple { assignments, words } = &command.action {
                return self.simple(assignments, words, &command.redirects).await;
            }
            let before = self.io.clone();
            if let Err(error) = self.redirect(&command.redirects).await? {
                self.io = before;
                return Ok(self.fail(&error));
            }
            let flow = self.compound(&command.action).await;
            self.io = before;
            flow
        })
    }

    async fn compound(&mut self, action: &Action) -> Flow {
        match action {
            Action::Simple { .. } => Ok(0),
            Action::Subshell(script) => Ok(self.clone().subshell(script).await),
            Action::Group(script) => self.script(script).await,
            Action::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.condition(condition).await? == 0 {
                        return self.script(body).await;
                    }
                }
                self.status = 0;
                self.script(otherwise).await
            }
            Action::While { until, condition, body } => {
                let mut status = 0;
                while (self.condition(condition).await? == 0) != *until {
                    match self.script(body).await {
                        Ok(last) => status = last,
                        Err(Jump::Break) => break,
                        Err(Jump::Continue) => {}
                        Err(exit) => return Err(exit),
                    }
                    // A loop of builtins never waits for anything; let others run.
                    tokio::task::yield_now().await;
                }
                Ok(status)
            }
            Action::For { name, words, body } => {
                let mut status = 0;
                for value in self.expand(words).await? {
                    self.set(name, value);
                    match self.script(body).await {
                        Ok(last) => status = last,
                        Err(Jump::Break) => break,
                        Err(Jump::Continue) => {}
                        Err(exit) => return Err(exit),
                    }
                }
                Ok(status)
            }
        }
    }

    async fn condition(&mut self, script: &Script) -> Flow {
        self.testing += 1;
        let flow = self.script(script).await;
        self.testing -= 1;
        flow
    }

    async fn simple(
        &mut self,
        assignments: &[(String, super::parse::Word)],
        words: &[super::parse::Word],
        redirects: &[Redirect],
    ) -> Flow {
        self.life.thawed().await;
        self.status = if words.is_empty() { 0 } else { self.status };
        let argv = self.expand(words).await?;
        let mut values = Vec::new();
        for (name, word) in assignments {
            values.push((name, self.text(word).await?));
        }
        let before = self.io.clone();
        if let Err(error) = self.redirect(redirects).await? {
            self.io = before;
            return Ok(self.fail(&error));
        }
        self.life.commands.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let Some(name) = argv.first() else {
            for (name, value) in values {
                self.set(name, value);
            }
            self.io = before;
            return Ok(self.status);
        };
        if let Some(builtin) = super::builtins::find(name) {
            for (name, value) in values {
                self.set(name, value);
            }
            let flow = self.builtin(builtin, &argv[1..]).await;
            // `exec` with nothing but redirects changes the shell's own descriptors.
            if !(name == "exec" && argv.len() == 1) {
                self.io = before;
            }
            return flow;
        }
        let mut child = self.clone();
        for (name, value) in values {
            child.export(name, Some(value));
        }
        self.io = before;
        Ok(match Program::find(&child, name) {
            Ok(program) => program.run(&mut child, &argv).await,
            Err(error) => {
                child.fail(&format!("sh: {name}: {}", error.in_shell()));
                error.status()
            }
        })
    }

    /// Changes the descriptors as redirects say. The inner error is what a person reads.
    async fn redirect(&mut self, redirects: &[Redirect]) -> Result<Result<(), String>, Jump> {
        for redirect in redirects {
            let target = self.text(&redirect.target).await?;
            let fault = |verb, error: FsError| {
                let words = match error {
                    FsError::NotFound if verb == "create" => "nonexistent directory".to_owned(),
                    FsError::NotFound => "no such file".to_owned(),
                    other => other.to_string(),
                };
                format!("sh: can't {verb} {target}: {words}")
            };
            match redirect.direction {
                Direction::Duplicate => {
                    let from = match target.as_str() {
                        "1" => self.io.stdout.clone(),
                        "2" => self.io.stderr.clone(),
                        _ => return Ok(Err(format!("sh: {target}: bad file descriptor"))),
                    };
                    self.io.put(redirect.descriptor, from);
                }
                Direction::Read if target == "/dev/null" => self.io.stdin = Input::empty(),
                Direction::Read => match self.files.read(&self.cwd, &target) {
                    Ok(content) => self.io.stdin = Input::of(content),
                    Err(error) => return Ok(Err(fault("open", error))),
                },
                Direction::Write | Direction::Append => {
                    let append = redirect.direction == Direction::Append;
                    match file_sink(&self.files, &self.cwd, &target, append, &self.io) {
                        Ok(sink) => self.io.put(redirect.descriptor, sink),
                        Err(error) => return Ok(Err(fault("create", error))),
                    }
                }
            }
        }
        Ok(Ok(()))
    }
}

impl Io {
    fn put(&mut self, descriptor: u32, sink: Sink) {
        match descriptor {
            1 => self.stdout = sink,
            2 => self.stderr = sink,
            _ => {}
        }
    }
}

/// A sink that writes to a file, which is there from the start.
fn file_sink(files: &Filesystem, cwd: &str, path: &str, append: bool, io: &Io) -> Result<Sink, FsError> {
    match path {
        "/dev/null" => return Ok(Sink::new(|_| {})),
        "/dev/stdout" | "/proc/1/fd/1" => return Ok(io.stdout.clone()),
        "/dev/stderr" | "/proc/1/fd/2" => return Ok(io.stderr.clone()),
        _ => {}
    }
    let at = files.resolve(cwd, path, true)?;
    files.write("/", &at, b"", append)?;
    let files = files.clone();
    Ok(Sink::new(move |bytes| {
        // The file may have been removed since; its bytes then go nowhere, as on Linux.
        let _ = files.write("/", &at, &bytes, true);
    }))
}
