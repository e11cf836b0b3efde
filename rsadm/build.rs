//! Links the compiler's support library into the program: one shared library less to look up and
//! map at every start.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
        println!("cargo:rustc-link-arg-bins=-static-libgcc");
    }
}
