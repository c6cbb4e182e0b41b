//! Files of every format and kind, whole and damaged: one program, since each would link the same.

#[path = "../fixtures/mod.rs"]
mod fixtures;

mod array;
mod bad_files;
mod containers;
mod cube;
mod dds_bad_files;
mod dds_kinds;
mod dds_results;
mod exr_bad_files;
mod exr_kinds;
mod glb;
mod glb_bad_files;
mod glb_maps;
mod glb_mesh;
mod glb_surface;
mod gltf;
mod hdr;
mod jpeg;
mod ktx2;
mod look;
mod notes;
mod psd_bad_files;
mod psd_kinds;
mod psd_results;
mod qoi;
mod results;
mod round_trip;
mod tga_kinds;
mod tiff_kinds;
mod tiff_pages;
