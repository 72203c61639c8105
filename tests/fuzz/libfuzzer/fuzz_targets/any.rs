//! libFuzzer on the target that `TWIZA_TARGET` names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static TARGET: OnceLock<fn(&[u8]) -> bool> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let run = TARGET.get_or_init(|| {
        let name = std::env::var("TWIZA_TARGET").expect("set TWIZA_TARGET to a target of twiza_fuzz::TARGETS");
        twiza_fuzz::target_named(&name).expect("TWIZA_TARGET names no target of twiza_fuzz::TARGETS").run
    });
    run(data);
});
