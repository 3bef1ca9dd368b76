//! The kernel's behaviour of seals: the facts that the design rests on, each of which would break it if it changed.

// checks: kernel-seals
#![allow(clippy::unwrap_used)]

use std::os::fd::AsFd;

use bowstring_tests::raw::memory::{FROZEN, Make, PUBLISHED, View, map_writable};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate};
use rustix::io::Errno;
use std::sync::atomic::Ordering;

const LEN: usize = 8192;

#[test]
fn the_owner_goes_on_writing_what_is_sealed_against_future_writers() {
    let region = Make::published(LEN).region().unwrap();
    let view = View::of(region.as_fd(), LEN).unwrap();
    region.u64_at(8).store(42, Ordering::Relaxed);
    assert_eq!(view.u64_at(8).load(Ordering::Relaxed), 42);
}

#[test]
fn nobody_maps_it_writable_any_more_not_even_its_owner() {
    let region = Make::published(LEN).region().unwrap();
    assert_eq!(map_writable(region.as_fd(), LEN), Err(Errno::PERM));
    assert_eq!(View::of(region.as_fd(), LEN).unwrap().upgrade(), Err(Errno::ACCESS));
    assert_eq!(rustix::io::pwrite(region.as_fd(), b"x", 0), Err(Errno::PERM));
}

#[test]
fn a_file_that_is_mapped_writable_cannot_be_frozen() {
    let region = Make::published(LEN).sealed_by(SealFlags::empty()).region().unwrap();
    assert_eq!(fcntl_add_seals(region.as_fd(), SealFlags::WRITE), Err(Errno::BUSY));
}

#[test]
fn seals_never_come_off_and_the_seal_of_seals_lets_none_be_added() {
    let file = Make::published(LEN).sealed_by(SealFlags::SHRINK).descriptor().unwrap();
    fcntl_add_seals(&file, SealFlags::GROW).unwrap();
    assert!(fcntl_get_seals(&file).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW));
    fcntl_add_seals(&file, SealFlags::SEAL).unwrap();
    assert_eq!(fcntl_add_seals(&file, SealFlags::WRITE), Err(Errno::PERM));
}

#[test]
fn a_frozen_file_is_out_of_everybodys_reach() {
    let file = Make::frozen(LEN).descriptor().unwrap();
    assert_eq!(rustix::io::pwrite(&file, b"x", 0), Err(Errno::PERM));
    assert_eq!(map_writable(file.as_fd(), LEN), Err(Errno::PERM));
    assert_eq!(ftruncate(&file, 0), Err(Errno::PERM));
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert_eq!(rustix::fs::fallocate(&file, punch, 0, 4096), Err(Errno::PERM));
}

/// Shows that the seal against writing, or against future writing, is needed beside the others.
#[test]
fn without_a_write_seal_anybody_punches_holes() {
    let file = Make::published(LEN).without(SealFlags::FUTURE_WRITE).descriptor().unwrap();
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert_eq!(rustix::fs::fallocate(&file, punch, 0, 4096), Ok(()));
}

/// Shows that each seal must be checked by its own bit.
#[test]
fn a_file_made_without_sealing_says_that_it_is_sealed_against_seals() {
    let file = rustix::fs::memfd_create(c"plain", MemfdFlags::CLOEXEC).unwrap();
    assert_eq!(fcntl_get_seals(&file).unwrap(), SealFlags::SEAL);
}

#[test]
fn what_is_sealed_keeps_its_length() {
    for seals in [PUBLISHED, FROZEN] {
        let file = Make::published(LEN).sealed_by(seals).descriptor().unwrap();
        assert_eq!(ftruncate(&file, 4096), Err(Errno::PERM));
        assert_eq!(ftruncate(&file, 2 * LEN as u64), Err(Errno::PERM));
    }
}

/// Shows that allocation must be checked, not only length: a hole takes memory from its reader.
#[test]
fn a_sealed_file_may_still_have_holes_and_its_blocks_tell() {
    let whole = Make::frozen(LEN).descriptor().unwrap();
    let holed = Make::frozen(LEN).hole_up_to(4096).descriptor().unwrap();
    let blocks = |file: &std::os::fd::OwnedFd| rustix::fs::fstat(file).unwrap().st_blocks;
    assert!(blocks(&holed) < blocks(&whole));
}

/// Both sides sleep on words that only the other may write.
#[test]
fn a_futex_wait_on_a_read_only_mapping_is_woken_by_the_owner() {
    use rustix::thread::futex;
    let region = Make::published(LEN).region().unwrap();
    let view = View::of(region.as_fd(), LEN).unwrap();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            // Woken, or too late to sleep: both are right; a wake-up that does not reach it would be an error.
            match futex::wait(view.u32_at(0), futex::Flags::empty(), 0, None) {
                Ok(()) | Err(Errno::AGAIN) => view.u32_at(0).load(Ordering::Acquire),
                Err(e) => panic!("futex: {e}"),
            }
        });
        region.u32_at(0).store(1, Ordering::Release);
        while !sleeper.is_finished() {
            futex::wake(region.u32_at(0), futex::Flags::empty(), 1).unwrap();
            std::thread::yield_now();
        }
        assert_eq!(sleeper.join().unwrap(), 1);
    });
}
