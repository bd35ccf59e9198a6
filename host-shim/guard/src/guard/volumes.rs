//! Volumes as one call of a plugin may find, make, fill, read and remove them; and networks, which it may only find.

use mngr_contract::Result;
use mngr_contract::docker::{ImportOptions, Network, Volume};
use mngr_engine::scratch;

use super::lookups::found;
use super::{Guard, may_have_happened};
use crate::journal::Step;
use crate::policy::{DOCUMENT_LABEL, Policy, Rule};

impl Guard {
    /// All volumes: of those that the provider may not use only where their data is.
    pub async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        self.may_look("volume-list", "", self.may_see_volumes()).await?;
        let mut volumes = self.engine.volume_list(labels).await?;
        for volume in &mut volumes {
            self.withhold_options(volume).await?;
        }
        Ok(volumes)
    }

    /// One volume, as the list has it.
    pub async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        self.may_look("volume-inspect", name, self.may_see_volumes()).await?;
        let mut volume = self.engine.volume_inspect(name).await?;
        self.withhold_options(&mut volume).await?;
        Ok(volume)
    }

    /// Names of the containers that use a volume.
    pub async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        self.may_look("volume-users", name, self.may_see_volumes()).await?;
        let mut users = self.engine.volume_users(name).await?;
        // What fills it is no user, and is the host's own business.
        users.retain(|user| *user != scratch::container(name));
        Ok(users)
    }

    async fn may_see_volumes(&self) -> Result<()> {
        self.policy.may(Rule::Volumes, "to look at volumes")
    }

    /// One network.
    pub async fn network_inspect(&self, name: &str) -> Result<Network> {
        self.may_look("network-inspect", name, self.may_ask()).await?;
        self.engine.network_inspect(name).await
    }

    /// Makes a volume, or finds one that the provider may use.
    pub async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        let may = async {
            if !name.is_empty() {
                Policy::volume_name(name)?;
            }
            let places = self.policy.create_volume(name, driver, &options, &labels)?;
            self.places(&places).await?;
            // One that is there is returned as it is.
            match found(self.engine.volume_inspect(name).await)? {
                Some(there) => self.policy.use_volume(name, self.policy.made(&there.labels)),
                None => Ok(()),
            }
        };
        self.may_change("volume-create", Rule::Volumes, name, may).await?;
        // A document is all there from the moment it is made, and takes the place of an older one: it is never rolled back.
        if labels.iter().any(|(key, _)| key == DOCUMENT_LABEL) {
            return self.engine.volume_create(name, driver, options, labels).await;
        }
        self.make_volume_now(name.to_owned(), driver.to_owned(), options, labels)
            .await
    }

    pub(super) async fn make_volume_now(
        &self,
        name: String,
        driver: String,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        self.run_to_end(async move {
            journal.about_to(Step::Volume { name: name.clone() }).await;
            let result = engine.volume_create(&name, &driver, options, labels).await;
            if result.as_ref().map_or_else(may_have_happened, |_| true) {
                journal.volume_made(&name);
            }
            result
        })
        .await
    }

    /// Removes a volume.
    pub async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        let may = self.own_volume(name);
        self.may_change("volume-remove", Rule::Volumes, name, may).await?;
        scratch::remove(&*self.engine, &scratch::container(name)).await?;
        self.engine.volume_remove(name, force).await?;
        self.journal.volume_gone(name);
        Ok(())
    }

    /// Fills an empty volume with what an image has.
    pub async fn volume_fill(&self, name: &str, image: &str, directory: &str) -> Result<()> {
        let may = async {
            self.own_volume(name).await?;
            self.own_image(image).await
        };
        self.may_change("volume-fill", Rule::Volumes, name, may).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (name, image, directory) = (name.to_owned(), image.to_owned(), directory.to_owned());
        self.run_to_end(async move {
            let container = scratch::container(&name);
            journal.about_to(Step::Scratch { container }).await;
            engine.volume_fill(&name, &image, &directory).await
        })
        .await
    }

    /// Makes an image of what is in a volume.
    pub async fn volume_import(
        &self,
        container: &str,
        path: &str,
        subpath: Option<&str>,
        options: ImportOptions,
    ) -> Result<String> {
        let may = async {
            self.policy.import_image(&options)?;
            self.own(container).await?;
            self.free_name(&format!("{}:{}", options.repository, options.tag)).await
        };
        self.may_change("volume-import", Rule::Images, container, may).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (container, path) = (container.to_owned(), path.to_owned());
        let subpath = subpath.map(str::to_owned);
        self.run_to_end(async move {
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
}
