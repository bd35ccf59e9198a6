//! Start, stop, kill, pause: the state machine of a container.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, poll};
use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::ContainerStatus;
use mngr_contract::streams::Channel;
use tokio::sync::oneshot;

use super::create::set_variables;
use super::process::{Life, SIGKILL, SIGTERM, signal_number};
use super::shell::io::{Input, Io, Sink};
use super::shell::program::Program;
use super::shell::{Shell, User};
use super::state::{ContainerRecord, State};
use super::{SandboxEngine, containers, errors};

/// As Docker's, where neither the call nor the container says.
const STOP_SECONDS: i64 = 10;

/// Before a restart policy's first restart.
const RESTART_DELAY: Duration = Duration::from_millis(100);

impl SandboxEngine {
    /// Returns when the main command has started and waits for something, or has ended already.
    pub(super) async fn container_start(&self, id: &str) -> Result<()> {
        let settled = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            match container.status {
                ContainerStatus::Running => return Ok(()),
                ContainerStatus::Paused => {
                    let reason = "cannot start a paused container, try unpause instead";
                    return Err(errors::in_the_way("container", id, "paused", reason));
                }
                _ => {}
            }
            container.stopped_by_hand = false;
            container.restarts = 0;
            let id = container.id.clone();
            self.launch(&mut state, &id)?
        };
        // The sender is dropped where the runtime shuts down; there is nothing to wait for then.
        let _ = settled.await;
        Ok(())
    }

    fn launch(&self, state: &mut State, id: &str) -> Result<oneshot::Receiver<()>> {
        let container = state.container_mut(id)?;
        if let Some(request) = container.spec.limits.gpus.first().filter(|_| !self.accepts_gpus()) {
            let wanted: Vec<String> = request
                .capabilities
                .iter()
                .map(|all| format!("[{}]", all.join(" ")))
                .collect();
            let reason = format!(
                "could not select device driver \"{}\" with capabilities: [{}]",
                request.driver,
                wanted.join(" ")
            );
            return Err(errors::failed("container", &container.name, reason));
        }
        container.clear_tmpfs();
        let life = Arc::new(Life::new(container.spec.init, container.files(), container.hostname()));
        let (user, environment, cwd) = surroundings(container, None)?;
        // As Docker does, a missing working directory is made; a failure shows when the command looks for it.
        let _ = life.files.make_directories("/", &cwd);
        let io = logging(container);
        let pid = life.main_pid();
        let mut shell = Shell::new(life.clone(), life.main.clone(), pid, &environment, cwd, user, io);
        let argv = container.argv();
        let command = argv.first().cloned().unwrap_or_default();
        let program = match Program::find(&shell, &command) {
            // An init runs, whatever becomes of its child.
            Err(error) if !life.init => {
                container.exit_code = error.status();
                container.error = format!(
                    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start \
                     container process: exec: \"{command}\": {}: unknown",
                    error.in_engine()
                );
                return Err(errors::bad("container", &container.name, container.error.clone()));
            }
            found => found,
        };
        container.status = ContainerStatus::Running;
        container.error.clear();
        container.exit_code = 0;
        container.started = Some(Timestamp::now());
        container.life = Some(life.clone());
        container.log.open();
        container.running.send_replace(true);
        let id = container.id.clone();
        state.record(&id, "start", &[]);

        let (report, settled) = oneshot::channel();
        let engine = self.downgrade();
        tokio::spawn(async move {
            let run = async {
                let mut running = match &program {
                    Ok(program) => program.run(&mut shell, &argv),
                    Err(error) => {
                        shell.fail(&format!("[FATAL tini (7)] exec {command} failed: {}", error.in_init()));
                        futures::future::ready(error.status()).boxed()
                    }
                };
                let first = poll!(&mut running);
                // Nobody may be waiting any more.
                let _ = report.send(());
                match first {
                    std::task::Poll::Ready(code) => code,
                    std::task::Poll::Pending => running.await,
                }
            };
            let code = life.main.run(run).await;
            if let Some(engine) = engine.upgrade() {
                engine.finished(&id, &life, code);
            }
        });
        Ok(settled)
    }

    fn finished(&self, id: &str, life: &Arc<Life>, code: i64) {
        life.ended.cancel();
        let mut state = self.state();
        let Ok(container) = state.container_mut(id) else { return };
        if !container
            .life
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, life))
        {
            return;
        }
        container.life = None;
        container.status = ContainerStatus::Exited;
        container.exit_code = code;
        container.finished = Some(Timestamp::now());
        container.log.close();
        let most = container.spec.restart_policy.max_retries.filter(|most| *most > 0);
        let again = !container.stopped_by_hand
            && match containers::restart_policy(container) {
                "always" | "unless-stopped" => true,
                "on-failure" => code != 0 && most.is_none_or(|most| container.restarts < most),
                _ => false,
            };
        if again {
            container.status = ContainerStatus::Restarting;
            container.restarts += 1;
        }
        container.running.send_replace(false);
        state.record(id, "die", &[("exitCode", code.to_string())]);
        drop(state);
        if again {
            self.restart_later(id.to_owned());
        }
    }

    fn restart_later(&self, id: String) {
        let engine = self.downgrade();
        tokio::spawn(async move {
            tokio::time::sleep(RESTART_DELAY).await;
            let Some(engine) = engine.upgrade() else { return };
            let mut state = engine.state();
            if state
                .container(&id)
                .is_ok_and(|container| container.status == ContainerStatus::Restarting)
            {
                // A failure is in the container's own error.
                let _ = engine.launch(&mut state, &id);
            }
        });
    }

    pub(super) async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        let (id, life, mut running, seconds) = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            container.stopped_by_hand = true;
            if container.status == ContainerStatus::Restarting {
                container.status = ContainerStatus::Exited;
            }
            let Some(life) = container.life.clone() else {
                return Ok(());
            };
            let signal = stop_signal(container);
            thaw(container, &life);
            let own = container.spec.stop_timeout_seconds.unwrap_or(STOP_SECONDS);
            let running = container.running.subscribe();
            let id = container.id.clone();
            state.record(&id, "kill", &[("signal", signal.to_string())]);
            life.main.signal(signal, false);
            (id, life, running, timeout_seconds.map_or(own, i64::from))
        };
        let limit = u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs);
        let late = tokio::time::timeout(limit, running.wait_for(|running| !running))
            .await
            .is_err();
        if late {
            self.state().record(&id, "kill", &[("signal", SIGKILL.to_string())]);
            life.main.signal(SIGKILL, false);
        }
        // The sender goes only with the container, which has ended then.
        let _ = running.wait_for(|running| !running).await;
        self.state().record(&id, "stop", &[]);
        Ok(())
    }

    pub(super) async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        let signal = if signal.is_empty() { "KILL" } else { signal };
        let number = signal_number(signal);
        let number = number.ok_or_else(|| errors::bad("container", id, format!("Invalid signal: {signal}")))?;
        let mut running = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            let Some(life) = container.life.clone() else {
                let reason = format!("Cannot kill container: {id}: Container {} is not running", container.id);
                return Err(errors::in_the_way("container", id, "not running", reason));
            };
            if number == SIGKILL || number == stop_signal(container) {
                container.stopped_by_hand = true;
                thaw(container, &life);
            }
            let running = container.running.subscribe();
            let id = container.id.clone();
            state.record(&id, "kill", &[("signal", number.to_string())]);
            life.main.signal(number, false);
            running
        };
        if number == SIGKILL {
            let _ = running.wait_for(|running| !running).await;
        }
        Ok(())
    }

    pub(super) async fn container_pause(&self, id: &str) -> Result<()> {
        let mut state = self.state();
        let container = state.container_mut(id)?;
        let full = container.id.clone();
        let refuse = |what: &str, state: &str| {
            let reason = format!("Container {full} is {what}");
            Err(errors::in_the_way("container", id, state, reason))
        };
        match (&container.life, container.status) {
            (None, _) => return refuse("not running", "not running"),
            (Some(_), ContainerStatus::Paused) => return refuse("already paused", "paused"),
            (Some(life), _) => life.frozen.send_replace(true),
        };
        container.status = ContainerStatus::Paused;
        state.record(&full, "pause", &[]);
        Ok(())
    }

    pub(super) async fn container_unpause(&self, id: &str) -> Result<()> {
        let mut state = self.state();
        let container = state.container_mut(id)?;
        let full = container.id.clone();
        match container
            .life
            .clone()
            .filter(|_| container.status == ContainerStatus::Paused)
        {
            Some(life) => thaw(container, &life),
            None => {
                return Err(errors::failed(
                    "container",
                    id,
                    format!("Container {full} is not paused"),
                ));
            }
        }
        state.record(&full, "unpause", &[]);
        Ok(())
    }
}

fn thaw(container: &mut ContainerRecord, life: &Life) {
    container.status = ContainerStatus::Running;
    life.frozen.send_replace(false);
}

fn stop_signal(container: &ContainerRecord) -> i32 {
    let own = container.config.stop_signal.as_deref();
    own.and_then(signal_number).unwrap_or(SIGTERM)
}

/// Who a process in a container runs as, its environment and its directory; `user` over the container's own.
pub fn surroundings(container: &ContainerRecord, user: Option<&str>) -> Result<(User, Vec<String>, String)> {
    let wanted = user.unwrap_or(&container.config.user);
    let user = User::find(&container.files(), wanted).ok_or_else(|| {
        let reason = format!("unable to find user {wanted}: no matching entries in passwd file");
        errors::failed("container", &container.name, reason)
    })?;
    let mut environment = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        format!("HOSTNAME={}", container.hostname()),
        format!("HOME={}", user.home),
    ];
    if container.spec.tty {
        environment.push("TERM=xterm".to_owned());
    }
    set_variables(&mut environment, &container.config.env);
    let cwd = match container.config.working_dir.as_str() {
        "" => "/".to_owned(),
        directory => directory.to_owned(),
    };
    Ok((user, environment, cwd))
}

/// The descriptors of a main command: its output goes to the log.
fn logging(container: &ContainerRecord) -> Io {
    let sink = |channel| {
        let log = container.log.clone();
        Sink::new(move |bytes| log.write(channel, &bytes))
    };
    let stdout = sink(Channel::Stdout);
    let stderr = if container.spec.tty {
        stdout.clone()
    } else {
        sink(Channel::Stderr)
    };
    let stdin = if container.spec.open_stdin || container.spec.tty {
        Input::silent()
    } else {
        Input::empty()
    };
    Io { stdin, stdout, stderr }
}
