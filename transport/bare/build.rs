//! No libc, no start-up files, nothing to load at run time: an undefined symbol is an error of the linker.

fn main() {
    for argument in ["-nostdlib", "-nostartfiles", "-static", "-no-pie", "-Wl,--gc-sections"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
