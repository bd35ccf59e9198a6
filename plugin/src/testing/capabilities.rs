//! The engine in memory as a plugin is handed it.

use super::*;
use crate::labels;

impl Capabilities for &Fake {
    type ExecSession = ExecOptions;
    type LogStream = LogOptions;
    type Archive = String;

    fn place(&self) -> EnginePlace {
        match self.is_elsewhere.get() {
            true => EnginePlace::OtherMachine,
            false => EnginePlace::ThisMachine,
        }
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.call("info", "", || Ok(fixtures::machine()))
    }

    async fn container_list(&self, filter: ContainerFilter) -> Result<Vec<ContainerSummary>> {
        self.call("list", "", || {
            let containers = self.containers.borrow();
            let ours = containers
                .iter()
                .filter(|(container, _)| passes(&container.labels, &filter.labels));
            Ok(ours
                .map(|(container, _)| ContainerSummary {
                    id: container.id.clone(),
                    name: container.name.clone(),
                    image: container.image.clone(),
                    image_id: container.image_id.clone(),
                    created: 0,
                    status: container.state.status,
                    status_text: format!("Exited ({}) 5 minutes ago", container.state.exit_code),
                    labels: container.labels.clone(),
                    ports: Vec::new(),
                })
                .collect())
        })
    }

    async fn container_inspect(&self, id: &str) -> Result<Container> {
        self.call("inspect", id, || self.change(id, |container| Ok(container.clone())))
    }

    async fn container_inspect_with_size(&self, id: &str) -> Result<Container> {
        self.container_inspect(id).await
    }

    async fn container_diff(&self, id: &str) -> Result<ContainerChanges> {
        self.call("diff", id, || {
            Ok(ContainerChanges {
                added: vec!["/new".to_owned()],
                modified: Vec::new(),
                deleted: Vec::new(),
            })
        })
    }

    async fn filesystem_diff(&self, older: Filesystem, newer: Filesystem) -> Result<ContainerChanges> {
        self.call("compare", &format!("{older:?} {newer:?}"), || {
            Ok(ContainerChanges {
                added: vec!["/new".to_owned()],
                modified: Vec::new(),
                deleted: Vec::new(),
            })
        })
    }

    async fn container_create(&self, spec: ContainerSpec) -> Result<CreatedContainer> {
        let name = spec.name.clone();
        self.call("create", &name, || {
            let base = self.image(&spec.image)?;
            if self.names().contains(&spec.name) {
                return Err(error::conflict(&spec.name, "in use", "the name is in use", "rename"));
            }
            let id = format!("{:064x}", self.next());
            let container = made(id.clone(), &base, &spec);
            let has_gpus = labels::value(&spec.labels, labels::GPUS).is_some();
            self.containers.borrow_mut().push((container, spec));
            if has_gpus && let Some(then) = self.meanwhile.take() {
                then(self);
            }
            Ok(CreatedContainer {
                id,
                warnings: Vec::new(),
            })
        })
    }

    async fn container_start(&self, id: &str) -> Result<()> {
        self.call("start", id, || self.set(id, run))
    }

    async fn container_stop(&self, id: &str, _: Option<u32>) -> Result<()> {
        self.call("stop", id, || {
            self.change(id, |container| {
                container.state.status = ContainerStatus::Exited;
                container.state.exit_code = 143;
                container.state.pid = 0;
                Ok(())
            })
        })
    }

    async fn container_pause(&self, id: &str) -> Result<()> {
        self.call("pause", id, || {
            self.set(id, |container| container.state.status = ContainerStatus::Paused)
        })
    }

    async fn container_unpause(&self, id: &str) -> Result<()> {
        self.call("unpause", id, || self.set(id, run))
    }

    async fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        self.call("rename", name, || {
            if self.names().iter().any(|taken| taken == name) {
                return Err(error::conflict(name, "in use", "the name is in use", "rename"));
            }
            self.set(id, |container| name.clone_into(&mut container.name))
        })
    }

    async fn container_remove(&self, id: &str) -> Result<()> {
        self.call("remove", id, || {
            self.change(id, |_| Ok(()))?;
            self.containers.borrow_mut().retain(|(container, _)| container.id != id);
            Ok(())
        })
    }

    async fn container_update(&self, id: &str, limits: Limits) -> Result<Vec<String>> {
        self.call("update", id, || {
            self.set(id, |container| {
                let current = &mut container.limits;
                current.cpus = limits.cpus.or(current.cpus);
                current.memory_bytes = limits.memory_bytes.or(current.memory_bytes);
                current.memory_swap_bytes = limits.memory_swap_bytes.or(current.memory_swap_bytes);
            })?;
            Ok(Vec::new())
        })
    }

    async fn container_commit(&self, id: &str, options: CommitOptions) -> Result<String> {
        self.call("commit", if options.pause { "paused" } else { "unpaused" }, || {
            let labels = self.change(id, |container| Ok(container.labels.clone()))?;
            let image_id = format!("sha256:{:064x}", self.next());
            let tag = format!("{}:{}", options.repository, options.tag);
            self.images
                .borrow_mut()
                .push(image(&image_id, &tag, merged(&labels, options.labels)));
            self.flattened.set(options.flatten);
            Ok(image_id)
        })
    }

    async fn image_inspect(&self, reference: &str) -> Result<Image> {
        self.call("image-inspect", reference, || self.image(reference))
    }

    async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        self.call("image-list", "", || {
            let images = self.images.borrow();
            let fits = images.iter().filter(|image| passes(&image.labels, &labels));
            Ok(fits
                .map(|image| ImageSummary {
                    id: image.id.clone(),
                    parent_id: String::new(),
                    tags: image.tags.clone(),
                    created: 0,
                    size_bytes: image.size_bytes,
                    labels: image.labels.clone(),
                })
                .collect())
        })
    }

    async fn image_remove(&self, reference: &str) -> Result<Vec<String>> {
        self.call("image-remove", reference, || {
            self.images.borrow_mut().retain(|image| !names(image, reference));
            Ok(vec![reference.to_owned()])
        })
    }

    async fn image_import(&self, archive: String, options: ImportOptions) -> Result<String> {
        let tag = format!("{}:{}", options.repository, options.tag);
        self.call("image-import", &format!("{archive} less {:?}", options.exclude), || {
            let id = format!("sha256:{:064x}", self.next());
            self.images.borrow_mut().push(image(&id, &tag, options.labels));
            Ok(id)
        })
    }

    async fn image_pull(&self, reference: &str, _: Option<String>) -> Result<()> {
        self.call("image-pull", reference, || Err(missing(reference)))
    }

    async fn image_push(&self, image: &str, name: &str) -> Result<String> {
        self.call("image-push", &format!("{image} as {name}"), || {
            self.image(image)?;
            Ok("sha256:d1".to_owned())
        })
    }

    async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        self.call("image-derive", reference, || {
            let parent = self.image(reference)?;
            let id = format!("sha256:{:064x}", self.next());
            let tag = format!("{}:{}", options.repository, options.tag);
            let mut made = image(&id, &tag, merged(&parent.labels, options.labels));
            made.env_names = parent.env_names;
            made.env_names.retain(|name| !options.without_env.contains(name));
            made.parent_id = parent.id;
            self.images.borrow_mut().push(made);
            Ok(id)
        })
    }

    async fn image_save(&self, reference: &str) -> Result<String> {
        self.call("image-save", reference, || Ok(self.image(reference)?.id))
    }

    async fn image_load(&self, archive: String) -> Result<String> {
        self.call("image-load", &archive, || Ok(self.image(&archive)?.id))
    }

    async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        self.call("volume-list", "", || {
            let volumes = self.volumes.borrow();
            Ok(volumes
                .iter()
                .map(|(volume, _)| volume)
                .filter(|volume| passes(&volume.labels, &labels))
                .cloned()
                .collect())
        })
    }

    async fn volume_create(&self, name: &str, options: Vec<Pair>, labels: Vec<Pair>) -> Result<Volume> {
        self.call("volume-create", name, || {
            let volume = Volume {
                options,
                labels,
                ..fixtures::volume(name)
            };
            let mut volumes = self.volumes.borrow_mut();
            if let Some((there, _)) = volumes.iter().find(|(there, _)| there.name == name) {
                return Ok(there.clone());
            }
            volumes.push((volume.clone(), Vec::new()));
            Ok(volume)
        })
    }

    async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        self.call("volume-fill", &format!("{name} from {image} {directory}"), || Ok(()))
    }

    async fn volume_import(
        &self,
        _: &str,
        path: &str,
        subpath: Option<String>,
        options: ImportOptions,
    ) -> Result<String> {
        let tag = format!("{}:{}", options.repository, options.tag);
        self.call("volume-import", &format!("{path} {subpath:?}"), || {
            let id = format!("sha256:{:064x}", self.next());
            self.images.borrow_mut().push(image(&id, &tag, options.labels));
            Ok(id)
        })
    }

    async fn volume_remove(&self, name: &str) -> Result<()> {
        self.call("volume-remove", name, || {
            self.volumes.borrow_mut().retain(|(volume, _)| volume.name != name);
            Ok(())
        })
    }

    async fn stats(&self, id: &str) -> Result<StatsSample> {
        self.call("stats", id, || Err(missing(id)))
    }

    async fn events(&self, _: Vec<String>, since: u64, _: u64) -> Result<Vec<Event>> {
        self.call("events", &since.to_string(), || {
            let mut happening = self.happening.borrow_mut();
            if !happening.is_empty() {
                return Ok(happening.remove(0));
            }
            let events = self.events.borrow();
            Ok(events.iter().filter(|event| event.time > since).cloned().collect())
        })
    }

    async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        let volumes = self.volumes.borrow();
        let found = volumes.iter().find(|(volume, _)| volume.name == name);
        found.map(|(volume, _)| volume.clone()).ok_or_else(|| missing(name))
    }

    async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        let volumes = self.volumes.borrow();
        let found = volumes.iter().find(|(volume, _)| volume.name == name);
        Ok(found.map(|(_, users)| users.clone()).unwrap_or_default())
    }

    async fn image_build(&self, _: String, options: BuildOptions) -> Result<String> {
        self.call("image-build", &options.tag.clone(), || Ok(options.tag))
    }

    async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecOptions> {
        self.call("exec", id, || Ok(options))
    }

    async fn exec_archive(&self, id: &str, options: ExecOptions) -> Result<String> {
        self.call("exec-archive", id, || Ok(options.argv.join(" ")))
    }

    async fn exec_unpack(&self, _: &str, options: ExecOptions, image: &str, _: &str, root_name: &str) -> Result<()> {
        let about = format!("{} as {root_name} from {image}", options.argv.join(" "));
        self.call("exec-unpack", &about, || Ok(()))
    }

    async fn logs(&self, id: &str, options: LogOptions) -> Result<LogOptions> {
        self.call("logs", id, || Ok(options))
    }

    async fn archive_stat(&self, _: &str, path: &str) -> Result<PathStat> {
        self.call("stat", path, || {
            let paths = self.paths.borrow();
            let found = paths
                .iter()
                .find(|(known, _, _)| known == path.trim_end_matches('/') || known == path);
            let (name, is_directory, link) = found.ok_or_else(|| missing(path))?;
            Ok(PathStat {
                name: name.clone(),
                size_bytes: 0,
                mode: 0o644,
                is_directory: *is_directory,
                link_target: link.clone(),
            })
        })
    }

    async fn archive_get(&self, _: &str, path: &str) -> Result<String> {
        self.call("get", path, || Ok(path.to_owned()))
    }

    async fn archive_put(&self, _: &str, directory: &str, root_name: Option<String>, _: String) -> Result<()> {
        self.call("put", &format!("{directory} as {root_name:?}"), || Ok(()))
    }

    async fn machine_run(&self, command: Command) -> Result<CommandOutput> {
        let programs = self.programs.borrow();
        let found = programs.iter().find(|(program, _)| *program == command.argv[0]);
        let (_, stdout) =
            found.ok_or_else(|| error::unsupported_because("ssh.run", "there is no way", "use another engine"))?;
        Ok(CommandOutput {
            exit_status: 0,
            stdout: stdout.as_bytes().to_vec(),
            stderr: Vec::new(),
            truncated: false,
        })
    }

    async fn gpu_probe(&self, _: Depth) -> Result<Inventory> {
        self.call("gpu-probe", "", || {
            Ok(Inventory {
                devices: self.gpus.borrow().clone(),
                sources: Vec::new(),
                notes: Vec::new(),
                complete: true,
            })
        })
    }

    fn log(&self, _: LogLevel, message: &str) {
        self.logged.borrow_mut().push(message.to_owned());
    }

    fn report(&self, _: Progress) {}

    fn now(&self) -> String {
        format!("2026-01-31T09:30:{:02}.123Z", self.next() % 60)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.calls.borrow_mut().push(("sleep", milliseconds.to_string()));
    }

    fn random_id(&self) -> String {
        // Different from the first digit on, as random ones are.
        format!(
            "{:032x}",
            u128::from(self.next()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        )
    }
}
