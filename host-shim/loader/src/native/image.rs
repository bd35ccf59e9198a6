//! What the file of a library must be before the dynamic linker is asked, which believes what it reads.

use abi_stable::library::ROOT_MODULE_LOADER_NAME;
use mngr_contract::Result;
use mngr_contract::error::invalid;
use object::elf::{EM_AARCH64, EM_X86_64, ET_DYN, FileHeader64};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

use super::TARGET;
use crate::COMPONENT_LIMIT;

pub(super) const NO_PLUGIN: &str = "it is a library, but no plugin: it exports no root module";
pub(super) const BUILD_A_PLUGIN: &str =
    "export a `Plugin` of the crate mngr-plugin-abi with abi_stable's #[export_root_module], or take the component";

/// Whether the bytes begin as an ELF file does.
pub fn is_library(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// What is wrong with a library's file, and what to do.
type Fault = (String, &'static str);

/// That it is whole, is for this machine, and exports a plugin.
///
/// # Errors
/// `invalid-argument` for the field `plugin`.
pub(super) fn check(origin: &str, bytes: &[u8]) -> Result<()> {
    faults(bytes).map_err(|(reason, remedy)| invalid("plugin", origin, reason, remedy))
}

fn faults(bytes: &[u8]) -> std::result::Result<(), Fault> {
    const AGAIN: &str = "get the plugin again";
    let cut = |what: &dyn std::fmt::Display| (format!("the file is cut short or damaged: {what}"), AGAIN);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > COMPONENT_LIMIT {
        return Err((
            "it is larger than a plugin may be: 64 MiB".to_owned(),
            "name a smaller one",
        ));
    }
    let other = || {
        (
            format!("it is for another kind of machine; this mngr-docker opens libraries for {TARGET}"),
            "take the library for this machine, or the component, which is for any",
        )
    };
    if bytes.get(4).is_some_and(|class| *class != object::elf::ELFCLASS64) {
        return Err(other());
    }
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(|error| cut(&error))?;
    let endian = header.endian().map_err(|error| cut(&error))?;
    let ours = match std::env::consts::ARCH {
        "x86_64" => EM_X86_64,
        "aarch64" => EM_AARCH64,
        _ => header.e_machine(endian),
    };
    if header.e_machine(endian) != ours {
        return Err(other());
    }
    if header.e_type(endian) != ET_DYN {
        return Err((
            "it is no dynamic library".to_owned(),
            "build it with crate-type = [\"cdylib\"]",
        ));
    }
    let fits = |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= length);
    // The section headers come last, so a file that was cut anywhere lacks some of them.
    let sections = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    if !fits(header.e_shoff(endian), sections) {
        return Err(cut(&"it ends before its section headers do"));
    }
    for segment in header.program_headers(endian, bytes).map_err(|error| cut(&error))? {
        if !fits(segment.p_offset(endian), segment.p_filesz(endian)) {
            return Err(cut(&"it ends before its segments do"));
        }
    }
    let file = ElfFile64::<Endianness>::parse(bytes).map_err(|error| cut(&error))?;
    let exported = file
        .dynamic_symbols()
        .any(|symbol| symbol.is_definition() && symbol.name() == Ok(ROOT_MODULE_LOADER_NAME));
    match exported {
        true => Ok(()),
        false => Err((NO_PLUGIN.to_owned(), BUILD_A_PLUGIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        faults(bytes).expect_err("it is no plugin").0
    }

    #[test]
    fn a_program_is_no_plugin_and_one_that_is_cut_is_not_whole() {
        let this = std::fs::read(std::env::current_exe().expect("this program")).expect("its bytes");
        assert!(is_library(&this));
        // Programs are linked as libraries are, so that they can be anywhere in memory.
        let whole = match this.len() as u64 > COMPONENT_LIMIT {
            true => "larger than a plugin may be",
            false => "no root module",
        };
        assert!(reason(&this).contains(whole), "{}", reason(&this));
        for length in [5, 40, 64, 4096, 1 << 20] {
            let reason = reason(&this[..length]);
            assert!(reason.contains("cut short"), "{length}: {reason}");
        }
    }

    #[test]
    fn a_library_for_another_machine_is_told_by_its_header() {
        let mut this = std::fs::read(std::env::current_exe().expect("this program")).expect("its bytes");
        this.truncate(4096);
        this[18] ^= 0x40;
        assert!(reason(&this).contains("another kind of machine"), "{}", reason(&this));
        this[18] ^= 0x40;
        this[4] = 1;
        assert!(reason(&this).contains("another kind of machine"), "{}", reason(&this));
    }
}
