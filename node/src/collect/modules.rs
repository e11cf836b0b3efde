//! What the kernel has already, so that asking makes it load nothing.

use std::fs;

/// Modules by `/proc/modules` and `modules.builtin`; `None` in a kernel that cannot load any. They are
/// read for each snapshot: another program may load one at any moment.
pub(super) struct Modules(Option<Vec<String>>);

impl Modules {
    /// Those that there are now.
    pub(super) fn read() -> Self {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let builtin = || fs::read_to_string(format!("/lib/modules/{release}/modules.builtin"));
        let loaded = fs::read_to_string("/proc/modules").ok();
        Self(loaded.map(|loaded| names(&loaded, &builtin().unwrap_or_default())))
    }

    /// Whether a question for what this module does loads nothing: it is there, or cannot be loaded.
    pub(super) fn can_ask(&self, module: &str) -> bool {
        self.0.as_ref().is_none_or(|modules| modules.iter().any(|name| name == module))
    }
}

fn names(loaded: &str, builtin: &str) -> Vec<String> {
    let loaded = loaded.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
    let builtin = builtin.lines().filter_map(|path| {
        let name = path.rsplit('/').next()?;
        Some(name.split_once('.').map_or(name, |(name, _)| name).replace('-', "_"))
    });
    loaded.chain(builtin).collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn modules_are_named_as_the_kernel_names_them() {
        let loaded = "nf_tables 372736 12 nft_ct,nft_nat, Live 0x0\nip_set 65536 0 - Live 0x0\n";
        let builtin = "kernel/net/netfilter/nf_conntrack.ko\nkernel/net/x/some-module.ko.xz\n";
        let expected = ["nf_tables", "ip_set", "nf_conntrack", "some_module"];
        assert_eq!(names(loaded, builtin), expected);
    }
}
