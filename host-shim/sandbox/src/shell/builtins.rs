//! What a shell does itself, because it changes the shell.

use std::future::pending;

use super::Shell;
use super::program::Program;
use super::run::{Flow, Jump};
use crate::commands::system::kill_target;
use crate::process::signal_number;

const BUILTINS: [&str; 16] = [
    ":", "break", "cd", "continue", "eval", "exec", "exit", "export", "kill", "read", "set", "shift", "trap", "unset",
    "wait", ".",
];

pub fn find(name: &str) -> Option<&'static str> {
    BUILTINS.into_iter().find(|builtin| *builtin == name)
}

impl Shell {
    pub async fn builtin(&mut self, name: &str, arguments: &[String]) -> Flow {
        let first = arguments.first().map(String::as_str);
        match name {
            "break" => Err(Jump::Break),
            "continue" => Err(Jump::Continue),
            "exit" => {
                let code = first.and_then(|code| code.parse::<i64>().ok()).unwrap_or(self.status);
                Err(Jump::Exit(code & 0xff))
            }
            "cd" => Ok(self.change_directory(first)),
            "eval" => Box::pin(self.source(&arguments.join(" "))).await,
            "." => self.include(first.unwrap_or_default()).await,
            "exec" => self.replace(arguments).await,
            "export" => {
                for argument in arguments {
                    match argument.split_once('=') {
                        Some((name, value)) => self.export(name, Some(value.to_owned())),
                        None => self.export(argument, None),
                    }
                }
                Ok(0)
            }
            "unset" => {
                for argument in arguments {
                    self.variables.remove(argument);
                }
                Ok(0)
            }
            "set" => {
                match first {
                    Some("-e") => self.exit_on_error = true,
                    Some("+e") => self.exit_on_error = false,
                    Some("--") => {
                        self.arguments.truncate(1);
                        self.arguments.extend_from_slice(&arguments[1..]);
                    }
                    _ => {}
                }
                Ok(0)
            }
            "shift" => {
                if self.arguments.len() < 2 {
                    return Ok(1);
                }
                self.arguments.remove(1);
                Ok(0)
            }
            "read" => Ok(self.read_line(arguments).await),
            "trap" => Ok(self.set_trap(arguments)),
            "wait" => Ok(self.wait(first).await),
            "kill" => Ok(self.kill(arguments)),
            _ => Ok(0),
        }
    }

    fn change_directory(&mut self, to: Option<&str>) -> i64 {
        let home = self.get("HOME").unwrap_or("/").to_owned();
        let to = to.unwrap_or(&home);
        let at = self.files.resolve(&self.cwd, to, true);
        match at {
            Ok(at) if self.files.is_directory("/", &at) => {
                self.cwd.clone_from(&at);
                self.set("PWD", at);
                0
            }
            Ok(at) if self.files.stat("/", &at, true).is_ok() => {
                self.fail(&format!("sh: cd: line 0: can't cd to {to}: Not a directory"))
            }
            Ok(_) => self.fail(&format!("sh: cd: line 0: can't cd to {to}: No such file or directory")),
            Err(error) => self.fail(&format!("sh: cd: line 0: can't cd to {to}: {error}")),
        }
    }

    async fn include(&mut self, path: &str) -> Flow {
        match self.files.read(&self.cwd, path) {
            Ok(source) => Box::pin(self.source(&String::from_utf8_lossy(&source))).await,
            Err(error) => Ok(self.fail(&format!("sh: .: can't open '{path}': {error}"))),
        }
    }

    async fn replace(&mut self, argv: &[String]) -> Flow {
        let Some(name) = argv.first() else { return Ok(0) };
        match Program::find(self, name) {
            Ok(program) => {
                self.process.replace();
                Err(Jump::Exit(program.run(self, argv).await))
            }
            Err(error) => {
                self.fail(&format!("sh: exec: line 0: {name}: {}", error.in_shell()));
                Err(Jump::Exit(error.status()))
            }
        }
    }

    async fn read_line(&mut self, names: &[String]) -> i64 {
        let names: Vec<&String> = names.iter().filter(|name| !name.starts_with('-')).collect();
        let Some(line) = self.io.stdin.line().await else {
            return 1;
        };
        let mut rest = line.trim();
        for (index, name) in names.iter().enumerate() {
            let (value, after) = match rest.split_once(char::is_whitespace) {
                Some(split) if index + 1 < names.len() => split,
                _ => (rest, ""),
            };
            self.set(name, value);
            rest = after.trim_start();
        }
        0
    }

    fn set_trap(&mut self, arguments: &[String]) -> i64 {
        let (handler, signals) = match arguments {
            [] => return 0,
            [only] => (None, std::slice::from_ref(only)),
            [handler, signals @ ..] => (Some(handler.clone()).filter(|handler| handler != "-"), signals),
        };
        for signal in signals {
            let number = match signal.as_str() {
                "EXIT" | "0" => Some(0),
                other => signal_number(other),
            };
            match number {
                Some(number) => self.process.trap(number, handler.clone()),
                None => return self.fail(&format!("sh: trap: line 0: {signal}: invalid signal specification")),
            }
        }
        0
    }

    /// Waits for one job or for all; a trapped signal ends the wait early.
    async fn wait(&mut self, pid: Option<&str>) -> i64 {
        let wanted: Option<i64> = pid.and_then(|pid| pid.parse().ok());
        let mut jobs: Vec<_> = self
            .jobs
            .iter()
            .filter(|job| wanted.is_none_or(|pid| pid == job.pid))
            .map(|job| job.status.clone())
            .collect();
        if wanted.is_some() && jobs.is_empty() {
            return 127;
        }
        let all = async {
            let mut last = 0;
            for job in &mut jobs {
                let status = job.wait_for(Option::is_some).await.ok().and_then(|status| *status);
                // Only the end of the container drops a job without a status, and that ends this shell too.
                last = match status {
                    Some(status) => status,
                    None => pending().await,
                };
            }
            if wanted.is_some() { last } else { 0 }
        };
        let process = self.process.clone();
        tokio::select! {
            biased;
            status = all => status,
            () = process.trapped() => 143,
        }
    }

    fn kill(&self, arguments: &[String]) -> i64 {
        let (number, targets) = match kill_target(arguments) {
            Ok(found) => found,
            Err(complaint) => return self.fail(&format!("sh: {complaint}")),
        };
        let mut status = 0;
        for target in targets {
            let pid: Option<i64> = target.parse().ok();
            if let Some(job) = self.jobs.iter().find(|job| Some(job.pid) == pid) {
                job.stop.cancel();
            } else if pid == Some(self.pid) && pid != Some(1) {
                self.process.signal(number, true);
            } else if !pid.is_some_and(|pid| self.life.kill(pid, number)) {
                status = self.fail(&format!("sh: can't kill pid {target}: No such process"));
            }
        }
        status
    }
}
