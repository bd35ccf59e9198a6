//! Containers as one call of a plugin may make and change them.

use mngr_contract::docker::{
    CommitOptions, Container, ContainerChanges, ContainerFilter, ContainerSpec, ContainerStatus, ContainerSummary,
    CreatedContainer, Event,
};
use mngr_contract::labels::{MARK_LABEL, Mark, are_own, mark};
use mngr_contract::log;
use mngr_contract::types::Limits;
use mngr_contract::{ProviderError, Result};
use mngr_engine::Engine;

use super::lookups::{Known, found};
use super::{Guard, may_have_happened};
use crate::journal::Step;
use crate::policy::{self, AGENT_LABEL, NamedVolume, Rule};

/// Whether an engine that failed to freeze or thaw a container may have done half of it.
fn leaves_it_open(error: &ProviderError) -> bool {
    !matches!(error, ProviderError::NotFound(_) | ProviderError::Conflict(_))
}

async fn is_frozen(engine: &dyn Engine, id: &str) -> bool {
    let container = engine.container_inspect(id, false).await;
    container.is_ok_and(|container| container.state.status == ContainerStatus::Paused)
}

impl Guard {
    /// The agents of all providers: who takes a GPU must know who has it. What they are is told, and nothing more. A container that
    /// somebody has made of an agent's image is none.
    pub async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        let may = async { self.policy.may(Rule::Containers, "a list of containers") };
        self.may_look("container-list", "", may).await?;
        let mut containers = self.engine.container_list(filter).await?;
        containers.retain(|container| {
            policy::is_agent(&container.labels)
                && are_own(
                    &container.labels,
                    &container.name,
                    &container.image,
                    &container.image_id,
                )
        });
        for container in &containers {
            let is_own = self.policy.owns(&container.labels);
            if self
                .policy
                .may_touch(Rule::Containers, &container.name, is_own, "")
                .is_err()
            {
                continue;
            }
            self.learn(&container.id, Known::new(&container.name, &container.labels, None));
        }
        Ok(containers)
    }

    /// One container.
    pub async fn container_inspect(&self, id: &str, with_size: bool) -> Result<Container> {
        let look = self.look_at(id, with_size);
        self.may_look("container-inspect", id, look)
            .await
            .map(|(container, _)| container)
    }

    /// How a container's files differ from its image.
    pub async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        self.may_look("container-diff", id, self.own(id)).await?;
        self.engine.container_diff(id).await
    }

    /// Makes a container, and the volumes that it names and that are not there.
    pub async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        let may = async {
            let needs = self.policy.create(&spec)?;
            let absent = self.answer(&needs).await?;
            Ok((needs, absent))
        };
        let (needs, absent) = self
            .may_change("container-create", Rule::Containers, &spec.name, may)
            .await?;
        let spec = self.marked(spec).await?;
        let binds = needs.places.into_iter().filter(|wanted| wanted.rule == Rule::Binds);
        let binds = binds.collect();
        let known = Known::new(&spec.name, &spec.labels, Some(binds));
        let mut made = Vec::with_capacity(absent.len());
        let outcome = async {
            self.make_absent(absent, &mut made).await?;
            self.create_now(spec).await
        };
        match outcome.await {
            Ok(created) => {
                self.learn(&created.id, known);
                Ok(created)
            }
            Err(error) => {
                // Where the container is there after all it holds them.
                for volume in made {
                    let (engine, journal) = (self.engine.clone(), self.journal.clone());
                    let removed = self.run_to_end(async move {
                        engine.volume_remove(&volume, false).await?;
                        journal.volume_gone(&volume);
                        Ok(())
                    });
                    if let Err(error) = removed.await {
                        log!(DEBUG, "a volume of a container that was not made stays", error = error);
                    }
                }
                Err(error)
            }
        }
    }

    /// Adds the label that no image can hand down: it tells this container from one that somebody makes of its image. Without an image
    /// the engine makes no container.
    async fn marked(&self, mut spec: ContainerSpec) -> Result<ContainerSpec> {
        spec.labels.retain(|(key, _)| key != MARK_LABEL);
        if let Some(image) = self.image(&spec.image).await? {
            let mark = mark(&image.id, &spec.image, &spec.name);
            spec.labels.push((MARK_LABEL.to_owned(), mark));
        }
        Ok(spec)
    }

    /// Makes the volumes that a container names and that are not there, and adds the names of those that it has begun to make.
    async fn make_absent(&self, absent: Vec<NamedVolume>, made: &mut Vec<String>) -> Result<()> {
        for volume in absent {
            let labels = self.policy.label_volume(volume.labels);
            made.push(volume.name.clone());
            self.make_volume_now(volume.name, volume.driver, volume.options, labels)
                .await?;
        }
        Ok(())
    }

    async fn create_now(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        self.run_to_end(async move {
            let agent_id = spec
                .labels
                .iter()
                .find(|(key, _)| key == AGENT_LABEL)
                .map(|(_, id)| id.clone());
            let (name, agent_id) = (spec.name.clone(), agent_id.unwrap_or_default());
            let step = Step::Create {
                name: name.clone(),
                agent_id: agent_id.clone(),
            };
            journal.about_to(step).await;
            let result = engine.container_create(spec).await;
            match &result {
                Ok(created) => journal.created(&created.id),
                Err(error) if may_have_happened(error) => journal.maybe_created(&name, &agent_id),
                Err(_) => {}
            }
            result
        })
        .await
    }

    /// An engine follows the links in a bind's source anew at every start, so where they lead is looked at anew.
    pub async fn container_start(&self, id: &str) -> Result<()> {
        let may = async {
            let mut known = self.own(id).await?;
            if known.binds.is_none() && !self.policy.is_any_place(Rule::Binds) {
                known = self.look_at(id, false).await?.1;
            }
            self.places(&known.binds.unwrap_or_default()).await?;
            Ok(known.name)
        };
        self.may_change("container-start", Rule::Containers, id, may).await?;
        self.engine.container_start(id).await
    }

    /// Stops a container.
    pub async fn container_stop(&self, id: &str, timeout_seconds: Option<u32>) -> Result<()> {
        self.may_change_container("container-stop", id).await?;
        self.engine.container_stop(id, timeout_seconds).await
    }

    /// Sends a signal to a container's first process.
    pub async fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        self.may_change_container("container-kill", id).await?;
        self.engine.container_kill(id, signal).await
    }

    /// Changes a container's limits.
    pub async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        let may = async {
            self.policy.limits(&limits)?;
            self.own(id).await
        };
        self.may_change("container-update", Rule::Containers, id, may).await?;
        self.engine.container_update(id, limits).await
    }

    /// Freezes a container, which nobody else then takes files of.
    pub async fn container_pause(&self, id: &str) -> Result<()> {
        self.may_change_container("container-pause", id).await?;
        let alone = self.journal.lock(id).await;
        let (engine, journal, task_id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.run_to_end(async move {
            let container = task_id.clone();
            journal.about_to(Step::Pause { container }).await;
            let paused = engine.container_pause(&task_id).await;
            match &paused {
                Ok(()) => journal.paused(&task_id),
                Err(error) if leaves_it_open(error) => journal.left_frozen(),
                Err(_) => {}
            }
            paused
        })
        .await?;
        self.frozen().insert(id.to_owned(), alone);
        Ok(())
    }

    /// Thaws a container.
    pub async fn container_unpause(&self, id: &str) -> Result<()> {
        self.may_change_container("container-unpause", id).await?;
        let (engine, journal, task_id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.run_to_end(async move {
            let thawed = engine.container_unpause(&task_id).await;
            match &thawed {
                Ok(()) => journal.unpaused(&task_id),
                Err(error) if leaves_it_open(error) => journal.left_frozen(),
                Err(_) => {}
            }
            thawed
        })
        .await?;
        self.frozen().remove(id);
        Ok(())
    }

    /// Gives a container another name.
    pub async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        let known = self.may_change_container("container-rename", id).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (task_id, from, to) = (id.to_owned(), known.name.clone(), name.to_owned());
        self.run_to_end(async move {
            let step = Step::Rename {
                container: task_id.clone(),
                from: from.clone(),
                to: to.clone(),
            };
            journal.about_to(step).await;
            engine.container_rename(&task_id, &to).await?;
            journal.renamed(&task_id, &from, &to);
            Ok(())
        })
        .await?;
        let name = name.to_owned();
        self.learn(id, Known { name, ..known });
        Ok(())
    }

    /// Removes a container.
    pub async fn container_remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        self.may_change_container("container-remove", id).await?;
        // Waited for by the caller, who may be cancelled; held until the engine is done.
        let alone = self.alone_with(id).await;
        let (engine, journal, id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.run_to_end(async move {
            let _alone = alone;
            let removed = engine.container_remove(&id, force, volumes).await;
            match &removed {
                Ok(()) => journal.removed(&id),
                Err(error) if may_have_happened(error) => journal.maybe_removed(&id),
                Err(_) => {}
            }
            removed
        })
        .await
    }

    /// Makes an image of a container. Nobody else works on its files meanwhile.
    pub async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        let reference = format!("{}:{}", options.repository, options.tag);
        let may = async {
            let what = format!("an image of the container {id}");
            self.policy.may(Rule::Commit, &what)?;
            self.policy.name_image(&options.repository, &options.tag)?;
            let known = self.own(id).await?;
            self.policy.keeps_identity(&options.labels, &known.identity, &what)?;
            self.free_name(&reference).await
        };
        self.may_change("container-commit", Rule::Commit, id, may).await?;
        let alone = self.alone_with(id).await;
        let (engine, journal, id) = (self.engine.clone(), self.journal.clone(), id.to_owned());
        self.run_to_end(async move {
            let _alone = alone;
            // Who froze it is only known now that no other snapshot is being taken of it.
            let was_paused = engine.container_inspect(&id, false).await?.state.status == ContainerStatus::Paused;
            let step = Step::Commit {
                container: id.clone(),
                image: reference.clone(),
                was_paused,
                flatten: options.flatten,
            };
            journal.about_to(step).await;
            let result = engine.container_commit(&id, options).await;
            match &result {
                Ok(_) => journal.committed(&reference),
                Err(error) if may_have_happened(error) => journal.maybe_committed(&id, &reference, was_paused),
                // It froze the container for the commit, and without room on its disk it may not have thawed it.
                Err(_) if !was_paused && is_frozen(&*engine, &id).await => journal.left_frozen(),
                Err(_) => {}
            }
            result
        })
        .await
    }

    /// What happened to containers that may be worked with.
    pub async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        let may = async { self.policy.may(Rule::Containers, "events of containers") };
        self.may_look("events", "", may).await?;
        let events = self.engine.events(labels, since, wait_ms).await?;
        let mut allowed = Vec::with_capacity(events.len());
        for event in events {
            let name = attribute(&event, "name").unwrap_or(&event.container_id);
            let is_own = self.policy.owns(&event.attributes) && self.is_of_its_container(&event).await?;
            if self.policy.may_touch(Rule::Containers, name, is_own, "").is_ok() {
                allowed.push(event);
            }
        }
        Ok(allowed)
    }

    /// Whether the labels that an event tells are its container's own. Of the image it tells the name, and not the id.
    async fn is_of_its_container(&self, event: &Event) -> Result<bool> {
        let Some(mark) = Mark::of(&event.attributes) else {
            return Ok(true);
        };
        if !attribute(event, "image").is_none_or(|image| mark.is_of_image(image)) {
            return Ok(false);
        }
        if attribute(event, "name").is_some_and(|name| mark.is_of_name(name)) {
            return Ok(true);
        }
        let container = found(self.engine.container_inspect(&event.container_id, false).await)?;
        Ok(container.is_none_or(|container| self.policy.owns_container(&container)))
    }
}

fn attribute<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    let found = event.attributes.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.as_str())
}
