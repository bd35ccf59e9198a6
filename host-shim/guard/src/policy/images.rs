//! What may be done with images: those that a provider has made, under names that providers keep their images by.

use mngr_contract::docker::{BuildOptions, Image, ImportOptions};
use mngr_contract::error::denied;
use mngr_contract::{ProviderError, Result};

use super::container::Needs;
use super::labels::provider_of;
use super::{Policy, Rule};

/// Repositories that providers keep their images in.
const OWN_REPOSITORIES: [&str; 4] = ["mngr-snapshot", "mngr-snapshot-volume", "mngr-build", "mngr-push"];
/// The longest tag that there is.
const LONGEST_TAG: usize = 128;

impl Policy {
    /// Whether an archive may become an image with this name and these labels.
    ///
    /// # Errors
    /// `denied` for a name or labels that are not this provider's.
    pub fn import_image(&self, options: &ImportOptions) -> Result<()> {
        self.name_image(&options.repository, &options.tag)?;
        let what = format!("image {}:{}", options.repository, options.tag);
        self.own_labels(Rule::Images, &options.labels, &what)
    }

    /// Whether an image may be built like this.
    ///
    /// # Errors
    /// `denied` for a name or labels that are not this provider's, and for the machine's network.
    pub fn build(&self, options: &BuildOptions) -> Result<Needs> {
        self.may(Rule::Build, "a build")?;
        let (repository, tag) = options.tag.split_once(':').unwrap_or((&options.tag, "latest"));
        self.name_image(repository, tag)?;
        self.own_labels(Rule::Images, &options.labels, &format!("image {}", options.tag))?;
        let mut needs = Needs::default();
        if let Some(network) = options.network.as_deref().filter(|network| !network.is_empty()) {
            self.network("a build with --network", network, &mut needs)?;
        }
        Ok(needs)
    }

    /// Whether the files of an image with these labels may be read.
    ///
    /// # Errors
    /// `denied` for an image that this provider did not make.
    pub fn read_image(&self, reference: &str, labels: &[(String, String)]) -> Result<()> {
        let what = format!("image {reference}, where this provider did not make it,");
        self.may_touch(Rule::Images, reference, self.owns(labels), &what)
    }

    /// Whether a container may be made of an image.
    ///
    /// # Errors
    /// `denied` for another provider's, and for one that is not named where only some are granted.
    pub fn base_image(&self, reference: &str, image: Option<&Image>) -> Result<()> {
        let labels = image.map_or(&[][..], |image| &image.labels);
        if provider_of(labels).is_some_and(|provider| provider != self.provider) {
            let what = format!("a container of the image {reference}, which another provider made,");
            return self.may_touch(Rule::Images, reference, false, &what);
        }
        if self.owns(labels) && self.may_touch(Rule::Images, reference, true, "").is_ok() {
            return Ok(());
        }
        let tags = image.iter().flat_map(|image| image.tags.iter().map(String::as_str));
        let names: Vec<_> = std::iter::once(reference).chain(tags).collect();
        self.may_name(
            Rule::BaseImages,
            &names,
            &format!("a container of the image {reference}"),
        )
    }

    /// Whether an image with these labels may be removed under that name, or by its id where it has no name.
    ///
    /// # Errors
    /// `denied` for an image that this provider did not make.
    pub fn remove_image(&self, reference: &str, labels: &[(String, String)], nameless: bool) -> Result<()> {
        let is_own = (nameless || in_own_repository(reference)) && self.owns(labels);
        self.may_touch(
            Rule::Images,
            reference,
            is_own,
            &format!("the removal of the image {reference}"),
        )
    }

    /// Whether an image with these labels and names may leave the engine.
    ///
    /// # Errors
    /// `denied` for an image that this provider did not make.
    pub fn send_image(&self, reference: &str, labels: &[(String, String)], names: &[String]) -> Result<()> {
        let is_own = self.owns(labels) && names.iter().any(|name| in_own_repository(name));
        let what = format!("to send the image {reference}, where it is no snapshot of this provider,");
        self.may_touch(Rule::Images, reference, is_own, &what)
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
        let what = format!("to make an image of {reference}, where this provider did not make that,");
        self.may_touch(Rule::Images, reference, arrived || self.owns(labels), &what)?;
        self.own_labels(Rule::Images, &made, &format!("an image made of {reference}"))
    }

    /// Whether an image may be given that name.
    ///
    /// # Errors
    /// `denied` for a name outside the repositories that providers keep their images in.
    pub fn name_image(&self, repository: &str, tag: &str) -> Result<()> {
        let reference = format!("{repository}:{tag}");
        let is_own = OWN_REPOSITORIES.contains(&repository) && is_tag(tag);
        self.may_touch(
            Rule::Images,
            &reference,
            is_own,
            &format!("to call an image {reference}"),
        )
    }

    /// The refusal of a name that an image has which is not this provider's: it would lose it.
    pub fn name_taken(&self, reference: &str) -> ProviderError {
        denied(
            Rule::Images.name(),
            format!(
                "the name {reference} is that of an image that the provider `{}` did not make",
                self.provider
            ),
            format!("give that image another name first: docker image tag {reference} NAME"),
        )
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= LONGEST_TAG && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn in_own_repository(reference: &str) -> bool {
    reference
        .split_once(':')
        .is_some_and(|(repository, tag)| OWN_REPOSITORIES.contains(&repository) && is_tag(tag))
}
