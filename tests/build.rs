//! Lets the tests' programs export the function that `tests/seeded` replaces.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg-tests=-Wl,--export-dynamic-symbol=getrandom");
    }
}
