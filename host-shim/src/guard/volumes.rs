//! Volumes as one call of a plugin may make, fill, read and remove them.

use super::{Guard, may_have_happened};
use crate::contract::Result;
use crate::contract::docker::{ExecOptions, ImportOptions, Volume};
use crate::engine::scratch;
use crate::journal::Step;
use crate::policy::DOCUMENT_LABEL;

impl Guard {
    pub(super) async fn make_volume(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        self.policy.create_volume(name, &options, &labels)?;
        // A document is all there from the moment it is made, and takes the place of an older one: it is never rolled back.
        if labels.iter().any(|(key, _)| key == DOCUMENT_LABEL) {
            return self.engine.volume_create(name, driver, options, labels).await;
        }
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (name, driver) = (name.to_owned(), driver.to_owned());
        self.settle(async move {
            journal.about_to(Step::Volume { name: name.clone() }).await;
            let result = engine.volume_create(&name, &driver, options, labels).await;
            if result.as_ref().map_or_else(may_have_happened, |_| true) {
                journal.volume_made(&name);
            }
            result
        })
        .await
    }

    pub(super) async fn fill_volume(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        self.own_volume(name).await?;
        self.own_image(image).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (name, image, directory) = (name.to_owned(), image.to_owned(), directory.to_owned());
        self.settle(async move {
            let container = scratch::container(&name);
            journal.about_to(Step::Scratch { container }).await;
            engine.volume_fill(&name, &image, &directory).await
        })
        .await
    }

    pub(super) async fn read_volume(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        self.policy.import_image(&options)?;
        self.own(container).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (container, path) = (container.to_owned(), path.to_owned());
        let subpath = subpath.map(str::to_owned);
        self.settle(async move {
            let image = format!("{}:{}", options.repository, options.tag);
            let scratch = scratch::container(&options.tag);
            journal.about_to(Step::Import { image: image.clone() }).await;
            journal.about_to(Step::Scratch { container: scratch }).await;
            let result = engine
                .volume_import(&container, &path, subpath.as_deref(), options)
                .await;
            if result.as_ref().map_or_else(may_have_happened, |_| true) {
                journal.committed(&image);
            }
            result
        })
        .await
    }

    pub(super) async fn unpack_by_exec(
        &self,
        id: &str,
        options: ExecOptions,
        image: &str,
        directory: &str,
        root_name: &str,
    ) -> Result<()> {
        self.own(id).await?;
        self.own_image(image).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let [id, image, directory, root_name] = [id, image, directory, root_name].map(str::to_owned);
        self.settle(async move {
            let container = scratch::container(&id);
            journal.about_to(Step::Scratch { container }).await;
            engine.exec_unpack(&id, options, &image, &directory, &root_name).await
        })
        .await
    }
}
