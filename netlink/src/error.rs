//! What can go wrong between this process and the kernel.

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table changed while it was being dumped.
    #[error("the table changed while it was being read")]
    Interrupted,
}
