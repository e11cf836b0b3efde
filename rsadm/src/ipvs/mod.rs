//! `rsadm ipvs`.

pub mod change;
pub mod script;

mod sync;
mod values;
