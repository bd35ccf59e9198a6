//! Names of labels by which the shim knows whose a thing is. The plugin decides what else is a label.

/// The label that says which provider instance a container belongs to.
pub const PROVIDER_LABEL: &str = "com.imbue.mngr.provider";
/// The label that says that a container is an agent at all.
pub const AGENT_LABEL: &str = "com.imbue.mngr.agent-id";
/// The label by which mngr's own Docker provider knows its containers, which are agents as well.
pub const HOST_LABEL: &str = "com.imbue.mngr.host-id";
/// The label of a document that is kept beside an agent: which one it is.
pub const DOCUMENT_LABEL: &str = "com.imbue.mngr.document";

/// The label that ties a container to its other labels: what it was made of and its name then, as [`mark`] writes it.
pub const MARK_LABEL: &str = "com.imbue.mngr.made-of";

/// The value of [`MARK_LABEL`] for a container that is to be made of that image under that name.
///
/// An image hands its labels down to every container that is made of it. It cannot hand down this one so that it is true: no image
/// has its own id within itself.
pub fn mark(image_id: &str, image: &str, name: &str) -> String {
    format!("{image_id} {image} {name}")
}

/// What a [`mark`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    image_id: &'a str,
    image: &'a str,
    name: &'a str,
}

impl<'a> Mark<'a> {
    /// The one among these labels. Containers that older versions or other programs have made have none.
    pub fn of(labels: &'a [(String, String)]) -> Option<Self> {
        let (_, value) = labels.iter().find(|(key, _)| key == MARK_LABEL)?;
        let mut words = value.split(' ');
        Some(Self {
            image_id: words.next()?,
            image: words.next()?,
            name: words.next()?,
        })
    }

    /// Whether it is the mark of a container of that name and image, and not one that the image has handed down. A container that
    /// somebody has renamed is known by its image's id. One that was made while the image got another id is known by its own name
    /// and its image's.
    pub fn is_of(self, name: &str, image: &str, image_id: &str) -> bool {
        bare(self.image_id) == bare(image_id) || (self.is_of_name(name) && self.is_of_image(image))
    }

    /// Whether the container that it is the mark of was made under that name.
    pub fn is_of_name(self, name: &str) -> bool {
        self.name == name
    }

    /// Whether the container that it is the mark of was made of an image by that reference.
    pub fn is_of_image(self, image: &str) -> bool {
        self.image == image
    }
}

/// An image's id without the name of its digest, which some engines leave out.
fn bare(image_id: &str) -> &str {
    image_id.strip_prefix("sha256:").unwrap_or(image_id)
}

/// Whether a container's labels are its own, as far as that can be told: an image that was made of an agent hands the agent's labels
/// down to whatever is made of it.
pub fn are_own(labels: &[(String, String)], name: &str, image: &str, image_id: &str) -> bool {
    Mark::of(labels).is_none_or(|mark| mark.is_of(name, image, image_id))
}

/// Whether these labels are of an agent, of whatever provider.
pub fn is_agent(labels: &[(String, String)]) -> bool {
    labels.iter().any(|(key, _)| key == AGENT_LABEL || key == HOST_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(value: String) -> Vec<(String, String)> {
        vec![(MARK_LABEL.to_owned(), value)]
    }

    #[test]
    fn labels_are_a_containers_own_by_its_images_id_or_by_both_names() {
        let labels = marked(mark("sha256:ab", "debian", "mngr-docker.a"));
        assert!(are_own(&labels, "mngr-docker.a", "debian", "sha256:ab"));
        assert!(are_own(&labels, "renamed", "debian", "sha256:ab"));
        assert!(are_own(&labels, "renamed", "sha256:ab", "ab"));
        assert!(are_own(&labels, "mngr-docker.a", "debian", "sha256:cd"));
        assert!(!are_own(&labels, "mngr-docker.a", "mngr-snapshot:1", "sha256:cd"));
        assert!(!are_own(&labels, "renamed", "debian", "sha256:cd"));
        assert!(!are_own(&labels, "mngr-docker.a2", "debian", "sha256:cd"));
    }

    #[test]
    fn what_has_no_mark_is_known_by_its_labels_alone() {
        assert!(are_own(&[], "x", "debian", "sha256:ab"));
        assert!(are_own(&marked(String::new()), "x", "debian", "sha256:ab"));
    }
}
