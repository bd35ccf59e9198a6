//! Images that come from elsewhere and go there: which of them a call may take for its provider's own, and which names.

use std::sync::PoisonError;

use mngr_contract::Result;
use mngr_contract::docker::{BuildOptions, DeriveOptions, Image, ImageSummary, ImportOptions};
use mngr_contract::streams::Archive;
use mngr_engine::{ProgressSink, scratch};

use super::lookups::found;
use super::{Guard, may_have_happened};
use crate::journal::{Step, split_name, take_back};
use crate::policy::Rule;

impl Guard {
    /// Pulls with the user's own credentials, and notes what has come.
    pub async fn image_pull(&self, reference: &str, platform: Option<&str>, progress: ProgressSink) -> Result<()> {
        let may = async {
            let what = format!("a pull of {reference}");
            self.policy.may_name(Rule::Pull, &[reference], &what)
        };
        self.may_change("image-pull", Rule::Pull, reference, may).await?;
        let was_there = self.found(reference).await?.is_some();
        let credentials = self.credentials.find(reference).await;
        self.engine
            .image_pull(reference, platform, credentials.as_ref(), progress)
            .await?;
        if let Some(image) = self.found(reference).await? {
            self.arrived(image.id);
        }
        if !was_there {
            self.arrived(reference.to_owned());
        }
        Ok(())
    }

    /// Takes an archive in, and notes what has come.
    pub async fn image_load(&self, archive: Archive, progress: ProgressSink) -> Result<String> {
        let may = async { self.policy.may(Rule::Images, "to take an image in") };
        self.may_change("image-load", Rule::Images, "", may).await?;
        let id = self.engine.image_load(archive, progress).await?;
        self.arrived(id.clone());
        // What has a name was there before.
        if self.found(&id).await?.is_some_and(|image| image.tags.is_empty()) {
            self.journal.committed(&id);
        }
        Ok(id)
    }

    /// Sends an image of this provider's to a registry. It is called `name` only meanwhile.
    ///
    /// # Errors
    /// `denied` for an image that is not this provider's, and what the engine and the registry answer.
    pub async fn image_push(&self, reference: &str, name: &str, progress: ProgressSink) -> Result<String> {
        let may = async {
            self.policy
                .may_name(Rule::Push, &[name], &format!("a push to {name}"))?;
            self.sendable(reference).await
        };
        let image = self.may_change("image-push", Rule::Push, name, may).await?;
        let credentials = self.credentials.find(name).await;
        let owner = self.found(name).await?.map(|owner| owner.id);
        if owner.as_ref() == Some(&image.id) {
            return self.engine.image_push(name, credentials.as_ref(), progress).await;
        }
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let (id, lent) = (image.id.clone(), name.to_owned());
        let before = owner.clone();
        self.run_to_end(async move {
            let step = Step::Lend {
                name: lent.clone(),
                image: id.clone(),
                owner: before.clone(),
            };
            journal.about_to(step).await;
            let (repository, tag) = split_name(&lent);
            let tagged = engine.image_tag(&id, repository, tag).await;
            if tagged.as_ref().err().is_none_or(may_have_happened) {
                journal.lent(&lent, &id, before.as_deref());
            }
            tagged
        })
        .await?;
        // Takes long and may be cut short; the name is taken back then when the call is undone.
        let pushed = self.engine.image_push(name, credentials.as_ref(), progress).await;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        let lent = name.to_owned();
        let returned = self
            .run_to_end(async move {
                take_back(&*engine, &lent, &image.id, owner.as_deref()).await?;
                journal.returned(&lent);
                Ok(())
            })
            .await;
        let digest = pushed?;
        returned.map(|()| digest)
    }

    /// Makes an image of one that is this provider's or has come in this call.
    pub async fn image_derive(&self, reference: &str, options: DeriveOptions) -> Result<String> {
        let target = format!("{}:{}", options.repository, options.tag);
        let may = async {
            self.policy.name_image(&options.repository, &options.tag)?;
            let image = self.engine.image_inspect(reference).await?;
            let arrived = self.has_arrived(&image.id);
            self.policy
                .derive_image(reference, &image.labels, &options.labels, arrived)?;
            self.free_name(&target).await?;
            Ok(image)
        };
        let image = self.may_change("image-derive", Rule::Images, reference, may).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        self.run_to_end(async move {
            let step = Step::Commit {
                container: scratch::source(&options.tag),
                image: target.clone(),
                was_paused: true,
                flatten: true,
            };
            journal.about_to(step).await;
            let made = engine.image_derive(&image.id, options).await;
            if made.as_ref().err().is_none_or(may_have_happened) {
                journal.committed(&target);
            }
            made
        })
        .await
    }

    /// An image of this provider's as an archive.
    pub async fn image_save(&self, reference: &str) -> Result<Archive> {
        self.may_look("image-save", reference, self.sendable(reference)).await?;
        self.engine.image_save(reference).await
    }

    /// An image that may leave the engine.
    async fn sendable(&self, reference: &str) -> Result<Image> {
        self.policy
            .may(Rule::Images, &format!("to send the image {reference}"))?;
        let image = self.engine.image_inspect(reference).await?;
        self.policy.send_image(reference, &image.labels, &image.tags)?;
        Ok(image)
    }

    /// One image.
    pub async fn image_inspect(&self, reference: &str) -> Result<Image> {
        // Who may make a container of it may see what it is.
        let may = async {
            let base = self.policy.may(Rule::BaseImages, "");
            base.or_else(|_| self.policy.may(Rule::Images, &format!("image {reference}")))
        };
        self.may_look("image-inspect", reference, may).await?;
        let image = self.engine.image_inspect(reference).await?;
        self.see_image(reference, image.clone());
        Ok(image)
    }

    /// All images, also those of others.
    pub async fn image_list(&self, labels: Vec<String>) -> Result<Vec<ImageSummary>> {
        let may = async { self.policy.may(Rule::Images, "a list of images") };
        self.may_look("image-list", "", may).await?;
        self.engine.image_list(labels).await
    }

    /// Gives an image one more name, which is nobody else's.
    pub async fn image_tag(&self, reference: &str, repository: &str, tag: &str) -> Result<()> {
        let name = format!("{repository}:{tag}");
        let may = async {
            self.policy.name_image(repository, tag)?;
            let image = self.engine.image_inspect(reference).await?;
            if !self.has_arrived(&image.id) {
                self.policy.read_image(reference, &image.labels)?;
            }
            self.free_name(&name).await
        };
        self.may_change("image-tag", Rule::Images, &name, may).await?;
        self.engine.image_tag(reference, repository, tag).await
    }

    /// Removes an image, or a name of one.
    pub async fn image_remove(&self, reference: &str, force: bool) -> Result<Vec<String>> {
        let may = async {
            self.policy
                .may(Rule::Images, &format!("the removal of the image {reference}"))?;
            let image = self.engine.image_inspect(reference).await?;
            // By its id only what has no name: that may have been here before.
            let nameless = image.tags.is_empty() && image.digests.is_empty();
            match !self.has_arrived(reference) || (reference == image.id && !nameless) {
                true => self
                    .policy
                    .remove_image(reference, &image.labels, image.tags.is_empty()),
                false => Ok(()),
            }
        };
        self.may_change("image-remove", Rule::Images, reference, may).await?;
        self.engine.image_remove(reference, force).await
    }

    /// Makes an image of an archive.
    pub async fn image_import(&self, archive: Archive, options: ImportOptions) -> Result<String> {
        let image = format!("{}:{}", options.repository, options.tag);
        let may = async {
            self.policy.import_image(&options)?;
            self.free_name(&image).await
        };
        self.may_change("image-import", Rule::Images, &image, may).await?;
        let (engine, journal) = (self.engine.clone(), self.journal.clone());
        journal.about_to(Step::Import { image: image.clone() }).await;
        // Not to its end whatever becomes of the caller: its archive may never end. A cancelled request breaks off, and the
        // engine then makes no image.
        journal.committed(&image);
        let result = engine.image_import(archive, options).await;
        if result.as_ref().is_err_and(may_have_happened) {
            journal.unanswered();
        }
        result
    }

    /// Builds an image of a context.
    pub async fn image_build(&self, context: Archive, options: BuildOptions, progress: ProgressSink) -> Result<String> {
        let may = async {
            let needs = self.policy.build(&options)?;
            self.answer(&needs).await?;
            self.free_name(&options.tag).await
        };
        self.may_change("image-build", Rule::Build, &options.tag, may).await?;
        // Written down first: where the call is cut short its connection breaks, and the engine may be done by then.
        self.journal.committed(&options.tag);
        self.engine.image_build(context, options, progress).await
    }

    /// Whether this call has brought an image, or a name of one, to the engine.
    pub(super) fn has_arrived(&self, reference: &str) -> bool {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.contains(reference)
    }

    fn arrived(&self, reference: String) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.insert(reference);
    }

    async fn found(&self, reference: &str) -> Result<Option<Image>> {
        found(self.engine.image_inspect(reference).await)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mngr_engine::Engine;
    use mngr_sandbox::{SandboxEngine, SandboxRegistry};

    use super::*;
    use crate::policy::{AGENT_LABEL, PROVIDER_LABEL, Policy};

    fn quiet() -> ProgressSink {
        Arc::new(|_| {})
    }

    fn guard(engine: &SandboxEngine) -> Guard {
        let policy = Arc::new(Policy::standard("docker"));
        Guard::new(Arc::new(engine.clone()), policy, None)
    }

    fn labels(provider: &str) -> Vec<(String, String)> {
        let own = [(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, provider)];
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }

    fn into(tag: &str, provider: &str) -> DeriveOptions {
        DeriveOptions {
            repository: "mngr-snapshot".to_owned(),
            tag: tag.to_owned(),
            labels: labels(provider),
            without_env: Vec::new(),
        }
    }

    /// An engine with somebody's image, and a snapshot each of ours and of another provider.
    async fn engine() -> SandboxEngine {
        let engine = SandboxEngine::new().with_image("theirs:1");
        engine.use_registry(&SandboxRegistry::default());
        for provider in ["docker", "other"] {
            engine
                .image_derive("theirs:1", into(provider, provider))
                .await
                .expect("an image");
        }
        engine
    }

    #[tokio::test]
    async fn only_a_providers_own_snapshots_leave_the_engine() {
        let engine = engine().await;
        for foreign in ["theirs:1", "mngr-snapshot:other"] {
            let pushed = guard(&engine).image_push(foreign, "r.example/a:1", quiet()).await;
            assert_eq!(pushed.expect_err("not ours").kind(), "denied");
            assert_eq!(
                guard(&engine).image_save(foreign).await.expect_err("not ours").kind(),
                "denied"
            );
        }
        let pushed = guard(&engine)
            .image_push("mngr-snapshot:docker", "r.example/a:1", quiet())
            .await;
        assert!(pushed.expect("ours").starts_with("sha256:"));
        assert!(
            engine.image_inspect("r.example/a:1").await.is_err(),
            "the name was only lent"
        );
    }

    #[tokio::test]
    async fn another_s_image_becomes_ours_only_where_this_call_has_brought_it() {
        let engine = engine().await;
        engine
            .image_push("theirs:1", None, quiet())
            .await
            .expect("in the registry");
        let fresh = guard(&engine);
        let refused = fresh.image_derive("mngr-snapshot:other", into("new", "docker")).await;
        assert_eq!(refused.expect_err("another's").kind(), "denied");
        let theirs = fresh.image_derive("mngr-snapshot:docker", into("new", "other")).await;
        assert_eq!(theirs.expect_err("for another").kind(), "denied");
        fresh.image_pull("theirs:1", None, quiet()).await.expect("pulled");
        fresh
            .image_derive("theirs:1", into("new", "docker"))
            .await
            .expect("brought by this call");
    }

    #[tokio::test]
    async fn what_was_there_before_a_pull_is_not_removed_after_it() {
        let engine = engine().await;
        engine
            .image_push("theirs:1", None, quiet())
            .await
            .expect("in the registry");
        let fresh = guard(&engine);
        fresh.image_pull("theirs:1", None, quiet()).await.expect("pulled");
        let id = engine.image_inspect("theirs:1").await.expect("it").id;
        for reference in ["theirs:1", &id] {
            let refused = fresh.image_remove(reference, true).await;
            assert_eq!(refused.expect_err("it was there before").kind(), "denied");
        }
        engine.image_remove("theirs:1", true).await.expect("removed");
        let fresh = guard(&engine);
        fresh.image_pull("theirs:1", None, quiet()).await.expect("pulled");
        fresh
            .image_remove("theirs:1", true)
            .await
            .expect("this call has brought it");
    }
}
