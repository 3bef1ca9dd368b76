//! `libbowstring_transport.a`: the bytes layer of the C interface, for real-time and freestanding programs.
//!
//! It names no allocator and has no standard library under it. From the program it is linked with it needs the four
//! functions for moving memory that every C environment has. A panic, which only a bug can cause, ends the program.

#![no_std]

use core::panic::PanicInfo;

// Its functions are the library.
pub use bowstring_capi_bytes as bytes;

#[panic_handler]
#[allow(unsafe_code)]
fn panic(_: &PanicInfo<'_>) -> ! {
    // An undefined instruction: the one way to stop that needs nobody.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    // SAFETY: it does not return.
    unsafe {
        core::arch::asm!("ud2", options(noreturn, nomem, nostack))
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: it does not return.
    unsafe {
        core::arch::asm!("udf #0", options(noreturn, nomem, nostack))
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    loop {
        core::hint::spin_loop();
    }
}
