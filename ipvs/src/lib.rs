//! Typed access to the Linux IP Virtual Server.
