//! The parts of the command `rsadm` that tests and fuzz targets call.

pub mod classic;
pub mod personality;
pub mod ipvs;
