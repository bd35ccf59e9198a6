//! The mounts of a container that is to be made, in the API's words.

use bollard::models::{
    Mount as ApiMount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig,
};
use mngr_contract::Result;
use mngr_contract::docker::{Mount, MountKind};

use super::convert_spec::word;
use super::convert_values::{filled, map, signed};

/// Only the older form makes a missing source before API 1.42. It cannot name a source with a colon.
pub(super) fn is_made_as_bind(mount: &Mount) -> bool {
    mount.kind == MountKind::Bind
        && mount.create_source
        && mount.bind_recursive.is_none()
        && !mount.source.contains(':')
        && !mount.target.contains(':')
}

pub(super) fn bind(mount: &Mount) -> String {
    let access = if mount.read_only { "ro" } else { "rw" };
    let propagation = mount.propagation.iter().flat_map(|propagation| [",", propagation]);
    let options: String = std::iter::once(access).chain(propagation).collect();
    format!("{}:{}:{options}", mount.source, mount.target)
}

pub(super) fn mount(mount: Mount) -> Result<ApiMount> {
    let kind = match mount.kind {
        MountKind::Bind => MountType::BIND,
        MountKind::Volume => MountType::VOLUME,
        MountKind::Tmpfs => MountType::TMPFS,
        MountKind::Npipe => MountType::NPIPE,
        MountKind::Cluster => MountType::CLUSTER,
    };
    let options = map(mount.volume_options);
    let recursive = mount.bind_recursive.as_deref();
    let driver = (mount.volume_driver.is_some() || options.is_some()).then_some(MountVolumeOptionsDriverConfig {
        name: mount.volume_driver,
        options,
    });
    Ok(ApiMount {
        target: Some(mount.target),
        source: filled(Some(mount.source)),
        typ: Some(kind),
        read_only: Some(mount.read_only),
        bind_options: match mount.kind {
            MountKind::Bind => Some(MountBindOptions {
                propagation: word("mount", mount.propagation)?,
                create_mountpoint: mount.create_source.then_some(true),
                non_recursive: (recursive == Some("disabled")).then_some(true),
                read_only_non_recursive: (recursive == Some("writable")).then_some(true),
                read_only_force_recursive: (recursive == Some("readonly")).then_some(true),
            }),
            _ => None,
        },
        volume_options: (mount.kind == MountKind::Volume).then_some(MountVolumeOptions {
            no_copy: Some(mount.no_copy),
            labels: map(mount.volume_labels),
            driver_config: driver,
            subpath: mount.volume_subpath,
        }),
        tmpfs_options: (mount.kind == MountKind::Tmpfs).then_some(MountTmpfsOptions {
            size_bytes: mount.tmpfs_bytes.map(signed),
            mode: mount.tmpfs_mode.map(i64::from),
            options: None,
        }),
        ..Default::default()
    })
}
