//! A library that is no plugin.
#![allow(missing_docs, unsafe_code)]

/// Something that it exports all the same.
#[unsafe(no_mangle)]
pub extern "C" fn mngr_no_plugin() -> u32 {
    7
}
