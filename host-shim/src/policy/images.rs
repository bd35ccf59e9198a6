//! What may be done with images: those that a provider has made, under names that providers keep their images by.

use super::Policy;
use crate::contract::docker::ImportOptions;
use crate::contract::{ProviderError, Result};
use crate::error::denied;

/// Repositories that providers keep their images in.
const OWN_REPOSITORIES: [&str; 4] = ["mngr-snapshot:", "mngr-snapshot-volume:", "mngr-build:", "mngr-push:"];

impl Policy {
    /// Whether an archive may become an image with this name and these labels.
    ///
    /// # Errors
    /// `denied` for a name or labels that are not this provider's.
    pub fn import_image(&self, options: &ImportOptions) -> Result<()> {
        self.name_image(&options.repository, &options.tag)?;
        match self.owns(&options.labels) {
            true => Ok(()),
            false => Err(self.unlabelled(&format!("image {}:{}", options.repository, options.tag))),
        }
    }

    /// The refusal of an image whose files are not this provider's to read.
    pub fn foreign_image(&self, reference: &str) -> ProviderError {
        denied(
            "docker.images",
            format!("image {reference} was not made by the provider `{}`", self.provider),
            "name an image of this provider",
        )
    }

    /// Whether an image with these labels may be removed under that name, or by its id where it has no name.
    ///
    /// # Errors
    /// `denied` for an image that this provider did not make.
    pub fn remove_image(&self, reference: &str, labels: &[(String, String)], nameless: bool) -> Result<()> {
        if (nameless || in_own_repository(reference)) && self.owns(labels) {
            return Ok(());
        }
        Err(denied(
            "docker.images",
            format!("image {reference} was not made by the provider `{}`", self.provider),
            format!("remove it yourself: docker image rm {reference}"),
        ))
    }

    /// Whether an image with these labels and names may leave the engine.
    ///
    /// # Errors
    /// `denied` for an image that this provider did not make.
    pub fn send_image(&self, reference: &str, labels: &[(String, String)], names: &[String]) -> Result<()> {
        if self.owns(labels) && names.iter().any(|name| in_own_repository(name)) {
            return Ok(());
        }
        Err(denied(
            "docker.images",
            format!("image {reference} is no snapshot of the provider `{}`", self.provider),
            format!("push it yourself: docker image push {reference}"),
        ))
    }

    /// Whether an image may be made of another that has these labels, with `given` over them. `arrived`: it has come from
    /// elsewhere in this very call, so that it is nobody's yet.
    ///
    /// # Errors
    /// `denied` for another's image, and for one that would not be this provider's.
    pub fn derive_image(
        &self,
        reference: &str,
        labels: &[(String, String)],
        given: &[(String, String)],
        arrived: bool,
    ) -> Result<()> {
        let theirs = labels
            .iter()
            .filter(|(key, _)| !given.iter().any(|(own, _)| own == key));
        let made: Vec<_> = given.iter().chain(theirs).cloned().collect();
        if (arrived || self.owns(labels)) && self.owns(&made) {
            return Ok(());
        }
        Err(denied(
            "docker.images",
            format!(
                "image {reference} is not the provider `{}`'s to make another of",
                self.provider
            ),
            "name a snapshot of this provider, as `mngr-docker snapshot list` shows them",
        ))
    }

    /// Whether an image may be given that name, which takes the name away from an image that has it.
    ///
    /// # Errors
    /// `denied` for a name outside the repositories that providers keep their images in.
    pub fn name_image(&self, repository: &str, tag: &str) -> Result<()> {
        let reference = format!("{repository}:{tag}");
        if in_own_repository(&reference) {
            return Ok(());
        }
        Err(denied(
            "docker.images",
            format!(
                "an image of the provider `{}` may not be called {reference}",
                self.provider
            ),
            format!("tag it yourself: docker image tag IMAGE {reference}"),
        ))
    }
}

fn in_own_repository(reference: &str) -> bool {
    OWN_REPOSITORIES.iter().any(|own| reference.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{AGENT_LABEL, PROVIDER_LABEL};

    #[test]
    fn an_image_goes_only_where_it_is_ours_and_bears_one_of_our_names_or_none() {
        let policy = Policy::new("docker", &[]).expect("a policy");
        let own = [(AGENT_LABEL, "agent-1"), (PROVIDER_LABEL, "docker")];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(policy.remove_image("mngr-snapshot:a", &own, false).is_ok());
        assert!(policy.remove_image("sha256:1", &own, true).is_ok());
        assert!(policy.remove_image("sha256:1", &own, false).is_err());
        assert!(policy.remove_image("sha256:1", &[], true).is_err());
    }
}
