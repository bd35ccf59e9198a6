//! The graphics processors of an engine's machine.
//!
//! Every source there is gets asked, and each with a deadline of its own, so that one that fails or hangs costs what it
//! alone knows. A file for each source turns what it printed into sightings (`sighting.rs`); `merge.rs` makes devices of
//! them, and `usable.rs` says what the engine can do with each. Only this file asks.

mod amd_smi;
mod ask;
mod cdi;
mod cgroup;
mod drm;
mod kfd;
mod lines;
mod merge;
mod nodes;
mod nvidia_csv;
mod nvidia_list;
mod nvidia_xml;
mod proc_nvidia;
mod report;
mod rocm_smi;
mod sighting;
mod usable;

use mngr_contract::Result;
use mngr_contract::gpu::{Depth, Device, Inventory};
use mngr_engine::Engine;

use ask::{Answer, TOOL, ask, read};
use merge::Merged;
use nodes::Nodes;
use report::Report;
use sighting::{Found, Sighting};
use usable::{HOOK, Means, PROGRAM_DIRECTORIES};

/// Asks every source of the engine's machine.
///
/// # Errors
/// Where the engine itself does not answer. Whatever else fails is a note.
pub async fn probe(engine: &dyn Engine, depth: Depth) -> Result<Inventory> {
    let info = engine.info().await?;
    let mut means = Means::of_engine(&info);
    let mut report = Report::default();
    let mut directories: Vec<&str> = cdi::PLACES.to_vec();
    directories.extend(info.cdi_spec_dirs.iter().map(String::as_str));
    directories.sort_unstable();
    directories.dedup();
    let specifications = [&["grep", "-rsH", ""], directories.as_slice()].concat();
    let (list, proc, files, specifications, topology, cards, hook) = futures::join!(
        ask(engine, &["nvidia-smi", "-L"], TOOL),
        read(engine, &["grep", "-arsH", "", proc_nvidia::PLACE]),
        read(engine, &NODES),
        read(engine, &specifications),
        read(engine, &TOPOLOGY),
        read(engine, &CARDS),
        hook(engine),
    );
    // A connection carries a few commands at a time, so that what hangs holds up the others: once is enough.
    let rocm = [&["rocm-smi"], rocm_smi::ARGUMENTS.as_slice()].concat();
    let (csv, xml, rocm, amd) = match depth {
        Depth::Identity => (None, None, None, None),
        Depth::Full => {
            let (nvidia, rocm, amd) = futures::join!(nvidia(engine, &list), ask(engine, &rocm, TOOL), amd(engine));
            (Some(nvidia.0), Some(nvidia.1), Some(rocm), Some(amd))
        }
    };
    let full = depth == Depth::Full;

    means.complete = files != Answer::NoWay;
    means.hook = hook;
    means.driver_fault = match &list {
        Answer::Failed(fault) => Some(fault.clone()),
        Answer::Faulty { text, fault } if !nvidia_list::has_devices(text) => Some(fault.clone()),
        Answer::Text(text) => nvidia_list::parse(text).err(),
        _ => None,
    };
    let nodes = match &files {
        Answer::Text(text) => Nodes::parse(text),
        _ => Nodes::default(),
    };
    means.kfd = nodes.at("/dev/kfd").is_some();
    let mut all = Vec::new();
    all.extend(
        report.take(nvidia_list::SOURCE, "nvidia-smi on the PATH", Some(list), |text| {
            nvidia_list::parse(text)
        }),
    );
    all.extend(report.take(nvidia_xml::SOURCE, "nvidia-smi on the PATH", xml, |text| {
        nvidia_xml::parse(text)
    }));
    all.extend(report.take(nvidia_csv::SOURCE, "nvidia-smi on the PATH", csv, |text| {
        nvidia_csv::parse(text)
    }));
    all.extend(
        report.take(proc_nvidia::SOURCE, proc_nvidia::PLACE, Some(proc), |text| {
            Ok(proc_nvidia::parse(text).into())
        }),
    );
    all.extend(report.take(nodes::SOURCE, nodes::PLACE, Some(files), |_| {
        Ok(nodes.sightings().into())
    }));
    let place = directories.join(", ");
    all.extend(report.take(cdi::SOURCE, &place, Some(specifications), |text| {
        let (found, bad) = cdi::parse(text, &nodes);
        Ok(Found {
            devices: found,
            faults: bad,
        })
    }));
    all.extend(report.take_amd(amd));
    all.extend(report.take(rocm_smi::SOURCE, "rocm-smi on the PATH", rocm, |text| {
        rocm_smi::parse(text).map(Found::from)
    }));
    all.extend(report.take(kfd::SOURCE, kfd::PLACE, Some(topology), |text| {
        Ok(kfd::parse(text, &nodes).into())
    }));
    all.extend(report.take(drm::SOURCE, drm::PLACE, Some(cards), |text| {
        Ok(drm::parse(text, &nodes).into())
    }));
    all.extend(of_engine(&mut report, &means));
    report.hook(&means);

    let (mut merged, notes) = merge::merge(all);
    report.notes.extend(notes);
    if full {
        locate(engine, &mut merged).await;
    }
    let kfd = nodes.at("/dev/kfd");
    let devices = merged
        .into_iter()
        .map(|mut each| {
            if each.device.vendor == "amd" && !each.device.nodes.is_empty() {
                each.device.nodes.extend(kfd.cloned());
            }
            finished(each, &means)
        })
        .collect();
    Ok(Inventory {
        devices,
        sources: report.sources,
        notes: report.notes,
        complete: means.complete,
    })
}

/// Character devices of GPUs with their groups.
#[rustfmt::skip]
const NODES: [&str; 22] = [
    "find", "/dev", "-maxdepth", "2", "-type", "c", "(", "-name", "nvidia*", "-o", "-path", "/dev/dri/*", "-o",
    "-name", "kfd", ")", "-exec", "stat", "-c", "%n %g", "{}", "+",
];
/// AMD's topology, less the caches of each node.
#[rustfmt::skip]
const TOPOLOGY: [&str; 15] = [
    "find", "/sys/class/kfd/kfd/topology/nodes/", "-maxdepth", "4", "-name", "properties", "-not", "-path",
    "*/caches/*", "-exec", "grep", "-sH", "", "{}", "+",
];
/// Cards and render nodes.
#[rustfmt::skip]
const CARDS: [&str; 21] = [
    "find", "-L", "/sys/class/drm", "-maxdepth", "3", "(", "-path", "*/device/uevent", "-o", "-name",
    "mem_info_vram_*", "-o", "-name", "gpu_busy_percent", ")", "-exec", "grep", "-sH", "", "{}", "+",
];

/// NVIDIA's hook, where an engine would find it.
async fn hook(engine: &dyn Engine) -> Option<String> {
    let find = [
        &["find"],
        PROGRAM_DIRECTORIES.as_slice(),
        &["-maxdepth", "1", "-name", HOOK],
    ]
    .concat();
    let (found, which) = futures::join!(read(engine, &find), read(engine, &["which", HOOK]));
    [found, which].into_iter().find_map(|answer| match answer {
        Answer::Text(text) => text.lines().next().map(str::to_owned),
        _ => None,
    })
}

/// What each command of `amd-smi` answered.
struct Amd {
    list: Answer,
    fixed: Option<Answer>,
    metric: Option<Answer>,
    process: Option<Answer>,
}

/// `nvidia-smi` in its two forms. Where its list has failed they fail alike, and are not asked.
async fn nvidia(engine: &dyn Engine, list: &Answer) -> (Answer, Answer) {
    let query = format!("--query-gpu={}", nvidia_csv::FIELDS);
    let query = ["nvidia-smi", query.as_str(), "--format=csv"];
    match list {
        Answer::Failed(_) => return (Answer::Skipped, Answer::Skipped),
        Answer::Faulty { text, .. } if !nvidia_list::has_devices(text) => return (Answer::Skipped, Answer::Skipped),
        Answer::Text(_) | Answer::Faulty { .. } => {}
        other => return (other.clone(), other.clone()),
    }
    futures::join!(
        ask(engine, &query, TOOL),
        ask(engine, &["nvidia-smi", "-q", "-x"], TOOL)
    )
}

async fn amd(engine: &dyn Engine) -> Amd {
    let list = ask(engine, &["amd-smi", "list", "--json"], TOOL).await;
    if !matches!(list, Answer::Text(_) | Answer::Faulty { .. }) {
        return Amd {
            list,
            fixed: None,
            metric: None,
            process: None,
        };
    }
    let (fixed, metric, process) = futures::join!(
        ask(engine, &["amd-smi", "static", "--json"], TOOL),
        ask(engine, &["amd-smi", "metric", "--json"], TOOL),
        ask(engine, &["amd-smi", "process", "--json"], TOOL),
    );
    Amd {
        list,
        fixed: Some(fixed),
        metric: Some(metric),
        process: Some(process),
    }
}

/// Devices that the engine has found by CDI itself.
fn of_engine(report: &mut Report, means: &Means) -> Vec<Sighting> {
    let found: Vec<_> = means.discovered.iter().filter_map(|name| cdi::named(name)).collect();
    let mut outcome = vec![match means.cdi {
        true => format!("knows CDI, tells of {} devices", found.len()),
        false => "knows no CDI".to_owned(),
    }];
    outcome.push(match means.runtime {
        true => "has the runtime `nvidia`".to_owned(),
        false => "has no runtime `nvidia`".to_owned(),
    });
    report.source("engine", "docker info", outcome.join(", "));
    found
        .into_iter()
        .map(|sighting| Sighting {
            source: "engine",
            ..sighting
        })
        .collect()
}

/// Finds the containers that the processes on devices run in.
async fn locate(engine: &dyn Engine, merged: &mut [Merged]) {
    let holders = || merged.iter().flat_map(|each| &each.device.holders);
    let paths: Vec<_> = holders().map(|holder| format!("/proc/{}/cgroup", holder.pid)).collect();
    if paths.is_empty() {
        return;
    }
    let mut argv = vec!["grep", "-sH", ""];
    argv.extend(paths.iter().map(String::as_str));
    let Answer::Text(text) = read(engine, &argv).await else {
        return;
    };
    let containers = cgroup::containers(&text);
    for holder in merged.iter_mut().flat_map(|each| &mut each.device.holders) {
        holder.container_id = containers.get(&holder.pid).cloned();
    }
}

fn finished(each: Merged, means: &Means) -> Device {
    let Merged { device, sources } = each;
    let (hand_outs, unusable_reason) = means.judge(&device);
    Device {
        vendor: device.vendor.to_owned(),
        index: device.index.unwrap_or_default(),
        uuid: device.uuid,
        pci_bus_id: device.pci,
        model: device.model,
        memory_bytes: device.memory_bytes,
        memory_used_bytes: device.memory_used_bytes,
        utilization_percent: device.utilization_percent,
        temperature_celsius: device.temperature_celsius,
        driver_version: device.driver_version,
        cuda_version: device.cuda_version,
        mig_parent: device.parent,
        mig_profile: device.profile,
        cdi_name: device.cdi_name,
        nodes: device.nodes,
        hand_outs,
        unusable_reason,
        holders: device.holders,
        sources: sources.into_iter().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests;
