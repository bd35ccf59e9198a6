//! What goes on inside a container, as one call of a plugin may reach it: commands, output, files.

use mngr_contract::Result;
use mngr_contract::docker::{ExecOptions, LogOptions, PathStat, StatsSample};
use mngr_contract::error::unsupported;
use mngr_contract::streams::{Archive, ExecSession, LogStream};
use mngr_engine::{exec_tar, scratch};

use super::Guard;
use super::lookups::Known;
use crate::journal::Step;
use crate::policy::Rule;

impl Guard {
    async fn may_copy(&self, id: &str) -> Result<Known> {
        self.policy.may(Rule::Archives, "to copy files")?;
        self.own(id).await
    }

    /// Starts a command in a container.
    pub async fn exec(&self, id: &str, options: ExecOptions) -> Result<ExecSession> {
        let may = async {
            self.policy.may(Rule::Exec, "a command in a container")?;
            if self.privileged_exec {
                self.policy.may(Rule::Privileged, "exec --privileged")?;
            }
            self.own(id).await
        };
        self.may_change("exec", Rule::Exec, id, may).await?;
        if !self.privileged_exec {
            return self.engine.exec(id, options).await;
        }
        let engine = self.engine.with_privileged_exec().ok_or_else(|| {
            unsupported(
                "exec --privileged",
                format!(
                    "{} gives a command no more rights than its container has",
                    self.engine.endpoint()
                ),
                "leave out --privileged",
            )
        })?;
        engine.exec(id, options).await
    }

    /// Starts a command in a container whose stdout is a tar archive.
    pub async fn exec_archive(&self, id: &str, options: ExecOptions) -> Result<Archive> {
        Ok(exec_tar::archive(self.exec(id, options).await?))
    }

    /// Runs a command in a container that unpacks what an image has.
    pub async fn exec_unpack(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        let may = async {
            self.policy.may(Rule::Exec, "a command in a container")?;
            self.own(id).await?;
            self.own_image(image).await
        };
        self.may_change("exec-unpack", Rule::Exec, id, may).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let [id, image, directory, root_name] = [id, image, directory, root_name].map(str::to_owned);
        self.run_to_end(async move {
            let container = scratch::container(&id);
            journal.about_to(Step::Scratch { container }).await;
            engine.exec_unpack(&id, options, &image, &directory, &root_name).await
        })
        .await
    }

    /// What a container has printed.
    pub async fn logs(&self, id: &str, options: LogOptions) -> Result<LogStream> {
        let may = async {
            self.policy.may(Rule::Logs, "the output of a container")?;
            self.own(id).await
        };
        self.may_look("logs", id, may).await?;
        let fractions = self.fractions.get().copied().unwrap_or_default();
        self.engine.logs(id, options, fractions).await
    }

    /// What is at a path of a container.
    pub async fn archive_stat(&self, id: &str, path: &str) -> Result<PathStat> {
        self.may_look("archive-stat", id, self.may_copy(id)).await?;
        self.engine.archive_stat(id, path).await
    }

    /// The file or directory at a path of a container.
    pub async fn archive_get(&self, id: &str, path: &str) -> Result<Archive> {
        self.may_look("archive-get", id, self.may_copy(id)).await?;
        self.engine.archive_get(id, path).await
    }

    /// Unpacks an archive in a container.
    pub async fn archive_put(
        &self,
        id: &str,
        directory: &str,
        root_name: Option<&str>,
        archive: Archive,
    ) -> Result<()> {
        self.may_change("archive-put", Rule::Archives, id, self.may_copy(id))
            .await?;
        self.engine.archive_put(id, directory, root_name, archive).await
    }

    /// What a running container uses.
    pub async fn stats(&self, id: &str) -> Result<StatsSample> {
        self.may_look("stats", id, self.own(id)).await?;
        self.engine.stats(id).await
    }
}
