//! Which container a process is in, by its control group.

use std::collections::BTreeMap;

use super::lines::files;

/// The containers of processes by `/proc/PID/cgroup`. A container's id is 64 hexadecimal digits somewhere in the path.
pub fn containers(text: &str) -> BTreeMap<u32, String> {
    let each = files(text).into_iter().filter_map(|(path, text)| {
        let pid = path.strip_prefix("/proc/")?.strip_suffix("/cgroup")?.parse().ok()?;
        let is_id = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_id)?;
        Some((pid, id.to_owned()))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_drivers_and_both_versions_of_control_groups_are_understood() {
        let id = "0f".repeat(32);
        let text = format!(
            "/proc/7/cgroup:0::/system.slice/docker-{id}.scope\n/proc/8/cgroup:12:memory:/docker/{id}\n\
             /proc/9/cgroup:0::/user.slice/user-0.slice\n"
        );
        let found = containers(&text);
        assert_eq!(found.get(&7), Some(&id));
        assert_eq!(found.get(&8), Some(&id));
        assert_eq!(found.get(&9), None);
    }
}
