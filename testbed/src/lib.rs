//! Kernels to boot, the lab cluster, namespace guards.
