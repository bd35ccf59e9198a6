//! Tools about processes, users and the machine, and the shell as a program.

use std::time::Duration;

use jiff::Timestamp;

use crate::locked;
use crate::process::signal_number;
use crate::shell::Shell;
use crate::shell::parse::{SyntaxError, parse};
use crate::shell::program::Program;
use crate::shell::run::Jump;

/// What the sandbox's machine says it runs.
pub const KERNEL: &str = "6.1.0-sandbox";

/// `sh -c SCRIPT [NAME ARGUMENT…]`, `sh FILE [ARGUMENT…]`, or commands from stdin.
pub async fn sh(shell: &mut Shell, arguments: &[String]) -> i64 {
    let mut rest = arguments;
    let mut from_argument = false;
    while let Some((first, after)) = rest
        .split_first()
        .filter(|(first, _)| first.starts_with('-') && first.len() > 1)
    {
        from_argument |= first.contains('c');
        shell.exit_on_error |= first.contains('e') && !first.starts_with("--");
        rest = after;
    }
    if from_argument {
        let Some((source, arguments)) = rest.split_first() else {
            shell.fail("sh: -c requires an argument");
            return 2;
        };
        if !arguments.is_empty() {
            shell.arguments = arguments.to_vec();
        }
        return shell.program(source).await;
    }
    if let Some(path) = rest.first() {
        shell.arguments = rest.to_vec();
        return match shell.files.read(&shell.cwd, path) {
            Ok(source) => shell.program(&String::from_utf8_lossy(&source)).await,
            Err(_) => {
                shell.fail(&format!("sh: can't open '{path}': No such file or directory"));
                2
            }
        };
    }
    interactive(shell).await
}

async fn interactive(shell: &mut Shell) -> i64 {
    let mut source = String::new();
    loop {
        if shell.terminal.is_some() {
            let prompt = if source.is_empty() {
                format!("{} # ", shell.cwd)
            } else {
                "> ".to_owned()
            };
            shell.io.stdout.write(prompt);
        }
        let Some(line) = shell.io.stdin.line().await else { break };
        if shell.terminal.is_some() {
            // A terminal echoes what is typed.
            shell.out(&line);
        }
        source.push_str(&line);
        source.push('\n');
        if parse(&source) == Err(SyntaxError::Unfinished) {
            continue;
        }
        match shell.source(&std::mem::take(&mut source)).await {
            Err(Jump::Exit(_)) if shell.terminal.is_some() && parse(&line).is_err() => shell.status = 2,
            Err(Jump::Exit(status)) => return status,
            _ => {}
        }
    }
    if source.is_empty() {
        shell.status
    } else {
        shell.program(&source).await
    }
}

/// `env`, or `env NAME=VALUE… COMMAND…`.
pub async fn env(shell: &mut Shell, arguments: &[String]) -> i64 {
    let mut rest = arguments;
    while let Some((first, after)) = rest.split_first() {
        match first.split_once('=') {
            Some((name, value)) => shell.export(name, Some(value.to_owned())),
            None if first == "-i" => shell.variables.clear(),
            None => break,
        }
        rest = after;
    }
    let Some(command) = rest.first() else {
        for (name, variable) in &shell.variables {
            shell.out(&format!("{name}={}", variable.value));
        }
        return 0;
    };
    match Program::find(shell, command) {
        Ok(program) => program.run(shell, rest).await,
        Err(error) => {
            shell.fail(&format!("env: can't execute '{command}': No such file or directory"));
            error.status()
        }
    }
}

/// The signal and the targets of a `kill`, or the complaint.
pub fn kill_target(arguments: &[String]) -> Result<(i32, &[String]), String> {
    let (signal, targets) = match arguments {
        [flag, name, targets @ ..] if flag == "-s" => (name.as_str(), targets),
        [flag, targets @ ..] if flag.starts_with('-') && flag.len() > 1 => (&flag[1..], targets),
        targets => ("TERM", targets),
    };
    if targets.is_empty() {
        return Err("kill: you need to specify whom to kill".to_owned());
    }
    match signal {
        "0" => Ok((0, targets)),
        other => {
            signal_number(other).map_or_else(|| Err(format!("kill: bad signal name '{other}'")), |n| Ok((n, targets)))
        }
    }
}

pub fn kill(shell: &Shell, arguments: &[String]) -> i64 {
    let (number, targets) = match kill_target(arguments) {
        Ok(found) => found,
        Err(complaint) => return shell.fail(&complaint),
    };
    let mut status = 0;
    for target in targets {
        let reached = target.parse().is_ok_and(|pid| shell.life.kill(pid, number));
        if !reached {
            status = shell.fail(&format!("kill: can't kill pid {target}: No such process"));
        }
    }
    status
}

pub async fn sleep(shell: &Shell, tool: &str, arguments: &[String]) -> i64 {
    let mut total = Duration::ZERO;
    if arguments.is_empty() {
        return shell.fail("sleep: missing operand");
    }
    for argument in arguments {
        if argument == "infinity" || argument == "inf" {
            std::future::pending::<()>().await;
        }
        let digits = argument.trim_end_matches(['s', 'm', 'h', 'd']);
        let unit = match &argument[digits.len()..] {
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ if tool == "usleep" => 1e-6,
            _ => 1.0,
        };
        let seconds: Option<f64> = digits.parse().ok();
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds * unit).ok()) {
            Some(duration) => total = total.saturating_add(duration),
            None => return shell.fail(&format!("sleep: invalid number '{argument}'")),
        }
    }
    tokio::time::sleep(total).await;
    shell.life.thawed().await;
    0
}

/// Tools that print one line about the process or the machine.
pub fn report(shell: &Shell, tool: &str, arguments: &[String]) -> i64 {
    let first = arguments.first().map_or("", String::as_str);
    let line = match tool {
        "whoami" => shell.user.name.clone(),
        "hostname" => shell.life.hostname.clone(),
        "pwd" => shell.cwd.clone(),
        "nproc" => crate::cpus().to_string(),
        "id" => {
            let (user, uid, gid) = (&shell.user.name, shell.user.uid, shell.user.gid);
            match first {
                "-u" => uid.to_string(),
                "-g" => gid.to_string(),
                "-un" => user.clone(),
                _ => format!("uid={uid}({user}) gid={gid}({user}) groups={gid}({user})"),
            }
        }
        "uname" => match first {
            "-r" => KERNEL.to_owned(),
            "-m" => std::env::consts::ARCH.to_owned(),
            "-n" => shell.life.hostname.clone(),
            "-a" => format!(
                "Linux {} {KERNEL} #1 SMP {} GNU/Linux",
                shell.life.hostname,
                std::env::consts::ARCH
            ),
            _ => "Linux".to_owned(),
        },
        "date" => match first.strip_prefix('+').or_else(|| arguments.get(1)?.strip_prefix('+')) {
            Some(format) => {
                match jiff::fmt::strtime::format(format, &Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC)) {
                    Ok(text) => text,
                    Err(error) => return shell.fail(&format!("date: {error}")),
                }
            }
            None => Timestamp::now().strftime("%a %b %e %H:%M:%S UTC %Y").to_string(),
        },
        "printenv" => match shell.get(first) {
            Some(value) => value.to_owned(),
            None => return 1,
        },
        "stty" => match &shell.terminal {
            Some(size) => {
                let (columns, rows) = *locked(size);
                format!("{rows} {columns}")
            }
            None => return shell.fail("stty: standard input: Not a tty"),
        },
        _ => return shell.fail(&format!("{tool}: applet not found")),
    };
    shell.out(&line);
    0
}
