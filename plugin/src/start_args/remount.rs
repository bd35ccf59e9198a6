//! Mounts in their one spelling: where they lead, and the same with another volume.

use mngr_docker_grammar::values::{comma_separated, quoted};

/// What is mounted.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A volume, by its name.
    Volume(String),
    /// A volume without a name.
    Anonymous,
    /// A tmpfs.
    Memory,
    /// A directory of the engine's machine.
    Bind,
}

/// Keys of a mount that speak of the volume and not of how it is mounted.
const OF_THE_VOLUME: [&str; 8] = [
    "source",
    "src",
    "volume-driver",
    "volume-opt",
    "volume-label",
    "volume-nocopy",
    "volume-subpath",
    "type",
];

fn flag_and_value(argument: &str) -> Option<(&str, &str)> {
    argument.strip_prefix("--")?.split_once('=')
}

/// The fields of `--mount`, keys in lower case.
fn fields(value: &str) -> Vec<(String, String)> {
    let pair = |field: String| match field.split_once('=') {
        Some((key, value)) => (key.to_lowercase(), value.to_owned()),
        None => (field.to_lowercase(), String::new()),
    };
    comma_separated(value)
        .unwrap_or_default()
        .into_iter()
        .map(pair)
        .collect()
}

fn field<'a>(fields: &'a [(String, String)], keys: &[&str]) -> Option<&'a str> {
    let found = fields.iter().rev().find(|(key, _)| keys.contains(&key.as_str()));
    found.map(|(_, value)| value.as_str())
}

/// The path in the container that an argument mounts something at, without a slash at its end.
pub fn target(argument: &str) -> Option<String> {
    let (flag, value) = flag_and_value(argument)?;
    let path = match flag {
        "volume" => value.split(':').take(2).last()?.to_owned(),
        "tmpfs" => value.split(':').next()?.to_owned(),
        "mount" => field(&fields(value), &["target", "destination", "dst"])?.to_owned(),
        _ => return None,
    };
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Some(format!("/{}", parts.join("/")))
}

/// What an argument mounts.
pub fn source(argument: &str) -> Source {
    let Some((flag, value)) = flag_and_value(argument) else {
        return Source::Bind;
    };
    let fields = fields(value);
    let name = match flag {
        "tmpfs" => return Source::Memory,
        "mount" => match field(&fields, &["type"]).unwrap_or("volume") {
            "tmpfs" => return Source::Memory,
            "volume" => field(&fields, &["source", "src"]).unwrap_or_default(),
            _ => return Source::Bind,
        },
        _ => value.split_once(':').map_or("", |(source, _)| source),
    };
    match name {
        "" => Source::Anonymous,
        path if path.starts_with('/') => Source::Bind,
        name => Source::Volume(name.to_owned()),
    }
}

/// The directory of a volume that is mounted, where that is not its root.
pub fn subpath(argument: &str) -> Option<String> {
    let (_, value) = flag_and_value(argument).filter(|(flag, _)| *flag == "mount")?;
    field(&fields(value), &["volume-subpath"]).map(str::to_owned)
}

/// The argument that mounts a volume without a name, or a tmpfs.
pub fn plain(path: &str, memory: bool, read_only: bool) -> String {
    let kind = if memory { "tmpfs" } else { "volume" };
    let read_only = if read_only { ",readonly" } else { "" };
    format!("--mount=type={kind},{}{read_only}", quoted(&format!("target={path}")))
}

/// The same mount of another volume, which holds already what it is to hold.
pub fn of_volume(argument: &str, volume: &str) -> String {
    let Some((flag, value)) = flag_and_value(argument) else {
        return argument.to_owned();
    };
    if flag == "volume" {
        let parts: Vec<_> = value.split(':').collect();
        let (path, options) = match parts[..] {
            [path] | [_, path] => (path, ""),
            [_, path, options, ..] => (path, options),
            [] => return argument.to_owned(),
        };
        let mut options: Vec<_> = options
            .split(',')
            .filter(|option| !matches!(*option, "" | "nocopy"))
            .collect();
        options.push("nocopy");
        return format!("--volume={volume}:{path}:{}", options.join(","));
    }
    let kept = fields(value)
        .into_iter()
        .filter(|(key, _)| !OF_THE_VOLUME.contains(&key.as_str()));
    let kept = kept.map(|(key, value)| match value.as_str() {
        "" => key,
        value => quoted(&format!("{key}={value}")),
    });
    let mut fields = vec!["type=volume".to_owned(), format!("source={volume}")];
    fields.extend(kept);
    fields.push("volume-nocopy".to_owned());
    format!("--mount={}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_says_where_it_leads_and_what_it_mounts() {
        let volume = |name: &str| Source::Volume(name.to_owned());
        for (argument, path, expected) in [
            ("--volume=/data/", "/data", Source::Anonymous),
            ("--volume=cache:/data", "/data", volume("cache")),
            ("--volume=/srv:/data:ro", "/data", Source::Bind),
            ("--tmpfs=/run:size=1m", "/run", Source::Memory),
            ("--mount=type=tmpfs,dst=/run", "/run", Source::Memory),
            ("--mount=src=cache,target=/a//b", "/a/b", volume("cache")),
            ("--mount=type=volume,\"target=/a,b\"", "/a,b", Source::Anonymous),
            ("--mount=type=bind,source=/srv,destination=/d", "/d", Source::Bind),
        ] {
            assert_eq!(target(argument).as_deref(), Some(path), "{argument}");
            assert_eq!(source(argument), expected, "{argument}");
        }
        assert_eq!(target("--memory=1g"), None);
        let part = "--mount=type=volume,src=old,target=/data,volume-subpath=a/b";
        assert_eq!(subpath(part).as_deref(), Some("a/b"));
        assert_eq!(subpath("--volume=cache:/data"), None);
    }

    #[test]
    fn another_volume_is_mounted_with_the_same_options() {
        for (before, after) in [
            ("--volume=/data", "--volume=new:/data:nocopy"),
            ("--volume=old:/data:ro,nocopy", "--volume=new:/data:ro,nocopy"),
            (
                "--mount=type=volume,src=old,target=/data,readonly,volume-opt=o=size=1m,volume-subpath=x",
                "--mount=type=volume,source=new,target=/data,readonly,volume-nocopy",
            ),
        ] {
            assert_eq!(of_volume(before, "new"), after);
            assert_eq!(target(after), target(before));
            assert_eq!(source(after), Source::Volume("new".to_owned()));
        }
        let odd = plain("/a,b", false, true);
        assert_eq!(target(&of_volume(&odd, "new")).as_deref(), Some("/a,b"));
        assert!(of_volume(&odd, "new").contains(",readonly"));
    }
}
