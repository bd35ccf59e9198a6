//! `/dev`: the files through which devices are reached, and the groups that may.

use mngr_contract::gpu::Node;

use super::sighting::Sighting;

/// What it is called in reports.
pub const SOURCE: &str = "dev";
/// Where they are.
pub const PLACE: &str = "/dev/nvidia*, /dev/dri, /dev/kfd";

/// Character devices of GPUs.
#[derive(Debug, Default)]
pub struct Nodes {
    all: Vec<Node>,
}

impl Nodes {
    /// Reads lines of a path and the number of a group.
    pub fn parse(text: &str) -> Self {
        let node = |line: &str| {
            let (path, group) = line.rsplit_once(' ')?;
            Some(Node {
                path: path.to_owned(),
                group: group.parse().ok()?,
            })
        };
        let mut all: Vec<_> = text.lines().filter_map(node).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Self { all }
    }

    /// The node at a path.
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.all.iter().find(|node| node.path == path)
    }

    /// NVIDIA's devices, of which the nodes tell no more than the number. What the nodes of others belong to only
    /// sysfs knows.
    pub fn sightings(&self) -> Vec<Sighting> {
        let minor = |node: &Node| node.path.strip_prefix("/dev/nvidia")?.parse().ok();
        self.all
            .iter()
            .filter_map(|node| {
                Some(Sighting {
                    minor: Some(minor(node)?),
                    nodes: vec![node.clone()],
                    ..Sighting::new(SOURCE, "nvidia")
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_nodes_are_devices_and_the_others_belong_to_the_driver() {
        let nodes = Nodes::parse(
            "/dev/nvidiactl 0\n/dev/nvidia1 44\n/dev/nvidia0 0\n/dev/nvidia-uvm 0\n/dev/kfd 109\nnonsense\n",
        );
        let minors: Vec<_> = nodes.sightings().iter().map(|each| each.minor).collect();
        assert_eq!(minors, [Some(0), Some(1)]);
        assert_eq!(nodes.at("/dev/kfd").map(|node| node.group), Some(109));
        assert_eq!(nodes.all.len(), 5);
    }
}
