//! What `docker inspect` says of two containers, and where it differs.

use std::collections::BTreeMap;
use std::fmt;

use mngr_docker_tests::DockerCli;
use serde_json::{Map, Value, json};

/// A container, as the engine has it.
#[derive(Debug)]
pub struct Inspected(Value);

/// A field that the two containers do not have alike.
#[derive(Debug)]
pub struct Difference {
    /// Such as `HostConfig.Memory`.
    pub path: String,
    /// What Docker's has; nothing for one that is empty.
    pub docker: Option<Value>,
    /// What ours has.
    pub ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(
            f,
            "{}: Docker {}, ours {}",
            self.path,
            shown(&self.docker),
            shown(&self.ours)
        )
    }
}

impl Inspected {
    /// All of these, by one request.
    ///
    /// # Panics
    /// Where one of them is not there.
    pub fn all(docker: &DockerCli, containers: &[String]) -> Vec<Self> {
        if containers.is_empty() {
            return Vec::new();
        }
        let names = containers.iter().map(String::as_str);
        let text = docker.read(&["inspect"].into_iter().chain(names).collect::<Vec<_>>());
        let all: Vec<Value> = serde_json::from_str(&text.expect("containers")).expect("JSON");
        all.into_iter().map(Self).collect()
    }

    /// Whether that is its name or its id.
    pub fn is(&self, name: &str) -> bool {
        self.0["Id"] == name || self.0["Name"].as_str().is_some_and(|own| own[1..] == *name)
    }

    /// Where another one differs, less names that are not the same by their nature.
    pub fn differences(&self, other: &Self, volume: &str) -> Vec<Difference> {
        let (mut docker, mut ours) = (self.fields(volume), other.fields(volume));
        let paths: std::collections::BTreeSet<_> = docker.keys().chain(ours.keys()).cloned().collect();
        let both = paths.into_iter().map(|path| Difference {
            docker: docker.remove(&path),
            ours: ours.remove(&path),
            path,
        });
        both.filter(|found| found.docker != found.ours).collect()
    }

    /// What it is, by the path of each field. Nothing, an empty list and an empty object say the same.
    fn fields(&self, volume: &str) -> BTreeMap<String, Value> {
        let container = &self.0;
        let mut text = json!({
            "Config": container["Config"],
            "HostConfig": container["HostConfig"],
            "Mounts": container["Mounts"],
            "Networks": container["NetworkSettings"]["Networks"],
        })
        .to_string();
        let name = container["Name"].as_str().expect("a name");
        let id = &container["Id"].as_str().expect("an id")[..12];
        for (own, common) in [(name, "/NAME"), (id, "ID")] {
            text = text.replace(own, common);
        }
        for side in ["docker", "ours"] {
            text = text.replace(&format!("{volume}{side}"), volume);
        }
        let volumes = container["Mounts"].as_array().into_iter().flatten();
        for anonymous in volumes
            .filter_map(|mount| mount["Name"].as_str())
            .filter(|name| name.len() == 64)
        {
            text = text.replace(anonymous, "ANONYMOUS");
        }
        // An engine picks a port for 0 and for nothing.
        text = text.replace(r#""HostPort":"0""#, r#""HostPort":"""#);
        let mut whole: Value = serde_json::from_str(&text).expect("JSON");
        sort(&mut whole["Config"]["Env"], Value::to_string);
        sort(&mut whole["Mounts"], |mount| mount["Destination"].to_string());
        sort(&mut whole["HostConfig"]["Links"], Value::to_string);
        let mut fields = BTreeMap::new();
        flatten("", whole, &mut fields);
        // An engine takes no word for `no`.
        let restart = fields.get_mut("HostConfig.RestartPolicy.Name");
        if let Some(word) = restart.filter(|word| **word == "") {
            *word = json!("no");
        }
        fields
    }
}

fn sort(list: &mut Value, key: fn(&Value) -> String) {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_key(key);
    }
}

fn flatten(path: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    let within = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                flatten(&within(&key), value, fields);
            }
        }
        value => {
            if let Some(value) = filled(value) {
                fields.insert(path.to_owned(), value);
            }
        }
    }
}

/// The value less what is empty in it; nothing where that is all of it.
fn filled(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) => {
            let list: Vec<_> = list.into_iter().filter_map(filled).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::Object(object) => {
            let object: Map<_, _> = object
                .into_iter()
                .filter_map(|(key, value)| Some((key, filled(value)?)))
                .collect();
            (!object.is_empty()).then_some(Value::Object(object))
        }
        other => Some(other),
    }
}
