//! Ending the program at once, with a status.
//!
//! The library under the encrypted store leaves work for the end of the process, and would do it while the store's thread
//! may still be ending: memory that one frees, the other uses. So the process ends without it. Everything that is to stay
//! was written and flushed before.

/// Ends the process.
pub fn exit(status: u8) -> ! {
    signal_hook::low_level::exit(i32::from(status))
}
