//! Lets the operating system's random octets come from a seed, for one thread of a test.
//!
//! Our own code takes its randomness as a parameter; HPKE under OpenMLS, and the standard library's hash maps, ask the
//! operating system. A simulated life replays exactly only where they too get the same octets again.
//!
//! ```text
//! getrandom (crate), std ─▶ dlsym("getrandom") ─▶ this one ─┬─ thread with a seed ─▶ the seed's octets
//!                                                           └─ any other ─▶ the kernel's
//! ```
//!
//! A program that wants this must export the function: `tests/build.rs` says so to the linker. Elsewhere than on Linux
//! nothing is replaced, and a replay may differ in what depends on the octets of a ciphertext.

use std::cell::RefCell;

thread_local! {
    static SEEDED: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// Runs this in a thread of its own, which gets the operating system's random octets from this seed, and does itself
/// what OpenMLS would spread over threads (rayon). For tests alone: whoever knows the seed knows every key.
///
/// # Panics
/// Where `work` panics, or there is no thread.
pub fn run_seeded<T: Send>(seed: u64, work: impl FnOnce() -> T + Send) -> T {
    let work = || {
        SEEDED.set(Some(fastrand::Rng::with_seed(seed)));
        let _alone = rayon_core::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        work()
    };
    let result = std::thread::scope(|scope| scope.spawn(work).join());
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Fills the buffer where this thread has a seed.
#[cfg(target_os = "linux")]
fn fill(buffer: &mut [u8]) -> bool {
    SEEDED
        .try_with(|seeded| seeded.try_borrow_mut().ok()?.as_mut().map(|rng| rng.fill(buffer)))
        .is_ok_and(|filled| filled.is_some())
}

/// The C library's function of this name (getrandom(2)): random octets, and how many they are.
///
/// # Safety
/// The buffer can be written over its whole length, or has none.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut libc::c_void, length: usize, flags: libc::c_uint) -> libc::ssize_t {
    if length > 0 {
        // SAFETY: the caller's promise; octets of a buffer that was never written are written, and not read.
        let octets = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
        if fill(octets) {
            return length.cast_signed();
        }
    }
    // SAFETY: the caller's promise is the one that the kernel asks for.
    unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as libc::ssize_t }
}
