//! Containers as they are found, described, renamed, removed and changed.

use std::time::Duration;

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{
    Container, ContainerChanges, ContainerFilter, ContainerState, ContainerStatus, ContainerSummary,
};
use mngr_contract::types::Limits;

use super::create::{check_limits, check_name, valued};
use super::process::SIGKILL;
use super::state::{ContainerRecord, State, labels_fit};
use super::{SandboxEngine, errors, locked};

impl SandboxEngine {
    /// Newest first.
    pub(super) async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let state = self.state();
        let mut containers: Vec<&ContainerRecord> = state
            .containers
            .values()
            .filter(|container| filter.all || container.is_running())
            .filter(|container| {
                labels_fit(
                    |key| container.config.labels.get(key).map(String::as_str),
                    &filter.labels,
                )
            })
            .collect();
        containers.sort_by_key(|container| std::cmp::Reverse(container.created));
        let summary = |container: &ContainerRecord| ContainerSummary {
            id: container.id.clone(),
            name: container.name.clone(),
            image: image_name(&state, container),
            image_id: container.image_id.clone(),
            created: container.created.as_second(),
            status: container.status,
            status_text: status_text(container, Timestamp::now()),
            labels: container.config.labels.clone().into_iter().collect(),
            ports: if container.is_running() {
                container.spec.ports.clone()
            } else {
                Vec::new()
            },
        };
        Ok(containers.into_iter().map(summary).collect())
    }

    pub(super) async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        let state = self.state();
        let container = state.container(id)?;
        let writable_bytes = with_size.then(|| {
            let tree = locked(&container.root);
            let image = state.images.get(&container.image_id);
            image.map_or_else(|| tree.size(), |image| tree.size_over(&image.tree))
        });
        let (spec, config) = (&container.spec, &container.config);
        Ok(Container {
            id: container.id.clone(),
            name: container.name.clone(),
            image: spec.image.clone(),
            image_id: container.image_id.clone(),
            created: container.created.to_string(),
            state: ContainerState {
                status: container.status,
                exit_code: container.exit_code,
                oom_killed: false,
                error: container.error.clone(),
                pid: if container.is_running() { 4242 } else { 0 },
                started_at: container.started.map(|time| time.to_string()),
                finished_at: container.finished.map(|time| time.to_string()),
            },
            labels: config.labels.clone().into_iter().collect(),
            command: config.command.clone(),
            entrypoint: config.entrypoint.clone(),
            working_dir: config.working_dir.clone(),
            user: config.user.clone(),
            env_names: valued(&config.env),
            mounts: container.mounts.iter().map(|mount| mount.point.clone()).collect(),
            tmpfs: spec.tmpfs.clone(),
            ports: spec.ports.clone(),
            // Nothing in the sandbox listens, and so it has no network.
            addresses: Vec::new(),
            limits: spec.limits.clone(),
            devices: spec.devices.clone(),
            network_mode: spec.network_mode.clone().unwrap_or_else(|| "default".to_owned()),
            restart_policy: restart_policy(container).to_owned(),
            init: spec.init,
            runtime: spec.runtime.clone().unwrap_or_else(|| "runc".to_owned()),
            writable_bytes,
        })
    }

    pub(super) async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        let mut state = self.state();
        let container = state.container(id)?;
        let (id, old) = (container.id.clone(), container.name.clone());
        if name.is_empty() {
            return Err(errors::bad("container", &old, "Neither old nor new names may be empty"));
        }
        if name == old {
            let reason = "Renaming a container with the same name as its current name";
            return Err(errors::bad("container", &old, reason));
        }
        check_name(name)?;
        state.name_is_free(name)?;
        name.clone_into(&mut state.container_mut(&id)?.name);
        state.record(&id, "rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }

    pub(super) async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        let (id, mut running) = {
            let mut state = self.state();
            let container = state.container_mut(id)?;
            let given = container.name.clone();
            let refuse = |what: &str, remedy: &str| {
                let reason = format!("You cannot remove a {what} container {}. {remedy}", container.id);
                Err(errors::in_the_way("container", &given, what, reason))
            };
            match container.status {
                ContainerStatus::Removing => {
                    let reason = format!("removal of container {id} is already in progress");
                    return Err(errors::in_the_way("container", id, "being removed", reason));
                }
                ContainerStatus::Paused if !force => {
                    return refuse(
                        "paused",
                        "Unpause and then stop the container before attempting removal or force remove",
                    );
                }
                ContainerStatus::Running if !force => {
                    return refuse(
                        "running",
                        "Stop the container before attempting removal or force remove",
                    );
                }
                _ => {}
            }
            container.stopped_by_hand = true;
            if let Some(life) = container.life.clone() {
                let id = container.id.clone();
                state.record(&id, "kill", &[("signal", SIGKILL.to_string())]);
                life.main.signal(SIGKILL, false);
            }
            let container = state.container_mut(id)?;
            (container.id.clone(), container.running.subscribe())
        };
        // An error means that somebody else has removed it, which the next look shows.
        let _ = running.wait_for(|running| !running).await;
        let mut state = self.state();
        state.record(&id, "destroy", &[]);
        let Some(container) = state.containers.remove(&id) else {
            return Err(errors::no_container(&id));
        };
        for name in container
            .mounts
            .iter()
            .filter_map(|mount| mount.point.name.as_ref())
            .filter(|_| volumes)
        {
            let anonymous = state.volumes.get(name).is_some_and(|volume| volume.anonymous);
            if anonymous && state.volume_users(name).is_empty() {
                state.volumes.remove(name);
            }
        }
        Ok(())
    }

    pub(super) async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        let mut state = self.state();
        let container = state.container_mut(id)?;
        check_limits(&container.name, &limits)?;
        let current = &mut container.spec.limits;
        if limits.memory_swap_bytes.is_none()
            && let (Some(memory), Some(swap)) = (limits.memory_bytes, current.memory_swap_bytes)
            && swap > 0
            && memory > swap
        {
            let reason = format!(
                "Cannot update container {}: Memory limit should be smaller than already set memoryswap limit, update \
                 the memoryswap at the same time",
                container.id
            );
            return Err(errors::in_the_way("container", &container.name, "limited", reason));
        }
        macro_rules! take {
            ($($field:ident),*) => {$(
                if limits.$field.is_some() {
                    current.$field = limits.$field;
                }
            )*};
        }
        take!(
            cpus,
            cpuset_cpus,
            cpuset_mems,
            cpu_shares,
            memory_bytes,
            memory_reservation_bytes
        );
        take!(memory_swap_bytes, pids, blkio_weight);
        let id = container.id.clone();
        state.record(&id, "update", &[]);
        Ok(Vec::new())
    }

    pub(super) async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        let state = self.state();
        let container = state.container(id)?;
        let image = state.images.get(&container.image_id);
        let image = image.ok_or_else(|| errors::no_image(&container.image_id))?;
        Ok(locked(&container.root).difference(&image.tree))
    }

    pub(super) async fn container_compare(&self, older: &str, newer: &str) -> Result<ContainerChanges> {
        let state = self.state();
        let before = locked(&state.container(older)?.root).clone();
        Ok(locked(&state.container(newer)?.root).difference(&before))
    }
}

pub fn restart_policy(container: &ContainerRecord) -> &str {
    match container.spec.restart_policy.name.as_str() {
        "" => "no",
        name => name,
    }
}

/// The reference it was made from, or the image's id where that reference means another image now.
fn image_name(state: &State, container: &ContainerRecord) -> String {
    match state.image(&container.spec.image) {
        Ok(image) if image.id == container.image_id => container.spec.image.clone(),
        _ => container.image_id.clone(),
    }
}

/// `Up 5 seconds`, `Exited (143) 5 minutes ago`, as `docker ps` has it.
fn status_text(container: &ContainerRecord, now: Timestamp) -> String {
    let since = |time: Option<Timestamp>| {
        let elapsed = time.map(|time| now.duration_since(time).unsigned_abs());
        words(elapsed.unwrap_or_default())
    };
    match container.status {
        ContainerStatus::Running => format!("Up {}", since(container.started)),
        ContainerStatus::Paused => format!("Up {} (Paused)", since(container.started)),
        ContainerStatus::Restarting => {
            format!("Restarting ({}) {} ago", container.exit_code, since(container.finished))
        }
        ContainerStatus::Exited => format!("Exited ({}) {} ago", container.exit_code, since(container.finished)),
        ContainerStatus::Created => "Created".to_owned(),
        ContainerStatus::Removing => "Removal In Progress".to_owned(),
        ContainerStatus::Dead => "Dead".to_owned(),
    }
}

/// A duration in Docker's words.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (2..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, 2..48) => format!("{hours} hours"),
        (_, _, 48..336) => format!("{} days", hours / 24),
        (_, _, 336..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, 1440..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_dockers_do() {
        let cases = [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (300, "5 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (3 * 86400, "3 days"),
            (21 * 86400, "3 weeks"),
            (90 * 86400, "3 months"),
            (3 * 365 * 86400, "3 years"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
