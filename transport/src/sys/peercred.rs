//! Asks the kernel directly for the peer of a socket.
//!
//! The kernel returns process 0 if the peer is in a PID namespace that this process cannot see. `rustix` 1 reads the
//! result into a type without a 0, which is undefined behaviour; so this one call is made here, for the machines
//! whose calling convention is written down below.
//!
//! # Safety
//!
//! `getsockopt` writes at most as many bytes as its length argument says, which is the size of the `Ucred` that it is
//! given.
#![allow(unsafe_code)]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Returns the process and the user at the other end.
#[cfg(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64"))]
pub(super) fn read(fd: BorrowedFd<'_>) -> Result<(i32, u32), Errno> {
    use rustix::fd::AsRawFd;

    /// `struct ucred`.
    #[repr(C)]
    #[derive(Default)]
    struct Ucred {
        pid: i32,
        uid: u32,
        gid: u32,
    }
    const SOL_SOCKET: usize = 1;
    const SO_PEERCRED: usize = 17;

    let mut credentials = Ucred::default();
    let mut len = size_of::<Ucred>() as u32;
    let outcome: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `getsockopt` writes no more than `len` bytes to `credentials`, and to `len` itself, both of which live
    // and are borrowed for this alone; apart from its result the kernel changes the two registers that are named.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") 55_isize => outcome,
            in("rdi") fd.as_raw_fd() as isize,
            in("rsi") SOL_SOCKET,
            in("rdx") SO_PEERCRED,
            in("r10") &raw mut credentials,
            in("r8") &raw mut len,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags)
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: `getsockopt` writes no more than `len` bytes to `credentials`, and to `len` itself, both of which live
    // and are borrowed for this alone; the kernel changes no register but that of its result.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") 209_isize,
            inlateout("x0") fd.as_raw_fd() as isize => outcome,
            in("x1") SOL_SOCKET,
            in("x2") SO_PEERCRED,
            in("x3") &raw mut credentials,
            in("x4") &raw mut len,
            options(nostack, preserves_flags)
        );
    }
    match i32::try_from(outcome) {
        Ok(0) if len as usize == size_of::<Ucred>() => Ok((credentials.pid, credentials.uid)),
        Ok(errno @ ..0) => Err(Errno::from_raw_os_error(-errno)),
        _ => Err(Errno::INVAL),
    }
}

/// Returns the process and the user at the other end.
#[cfg(not(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64")))]
pub(super) fn read(fd: BorrowedFd<'_>) -> Result<(i32, u32), Errno> {
    let credentials = rustix::net::sockopt::socket_peercred(fd)?;
    Ok((credentials.pid.as_raw_nonzero().get(), credentials.uid.as_raw()))
}
