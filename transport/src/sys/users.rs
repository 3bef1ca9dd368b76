//! Users, as this process's user namespace shows them.
//!
//! The kernel reports every user that the namespace does not map as one and the same, the overflow user: this process
//! too, if it is not mapped itself. So that number names nobody, and must not count as "the same user".

use core::ffi::CStr;

use rustix::fs::{Mode, OFlags};

use super::{Sys, retrying};
use crate::error::Call;

/// The overflow user, unless the host's administrator has chosen another.
const OVERFLOW: u32 = 65534;

/// Returns the effective user of this process; the overflow user if it is not mapped.
pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns true if `uid` is one user's number, and false if it may stand for any that is not mapped here.
pub(crate) fn is_mapped(uid: u32) -> bool {
    let mut text = [0; 16];
    let overflow = read(c"/proc/sys/kernel/overflowuid", &mut text).ok().and_then(number).unwrap_or(OVERFLOW);
    // What cannot be read is taken for the worse.
    uid != overflow || read(c"/proc/self/uid_map", &mut [0; 64]).is_ok_and(is_complete)
}

/// Returns the first bytes of a file.
fn read<'t>(path: &CStr, into: &'t mut [u8]) -> Sys<&'t [u8]> {
    let file =
        retrying(Call::Open, || rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))?;
    let len = retrying(Call::Read, || rustix::io::read(&file, &mut *into))?;
    Ok(into.get(..len).unwrap_or_default())
}

/// Returns true if a namespace's map has every user, as the host's has.
fn is_complete(map: &[u8]) -> bool {
    let mut words = map.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(number);
    // First user inside, first user outside, and their count. The number 2³²-1 is nobody's.
    (words.next(), words.nth(1)) == (Some(Some(0)), Some(Some(u32::MAX)))
}

fn number(text: &[u8]) -> Option<u32> {
    core::str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_map_of_everybody_is_complete() {
        assert!(is_complete(b"         0          0 4294967295\n"));
        assert!(is_complete(b"0 0 4294967295\n"));
        for partial in
            ["", "\n", "0", "0 0", "0 1000 1\n", "0 0 4294967294\n", "1 0 4294967295\n", "0 0 42949672950\n"]
        {
            assert!(!is_complete(partial.as_bytes()), "{partial:?}");
        }
        // All but one in two ranges.
        assert!(!is_complete(b"0 0 65534\n65535 65535 4294901760\n"));
    }

    #[test]
    fn a_usual_user_is_mapped() {
        assert!(is_mapped(0) && is_mapped(1000));
        let map = std::fs::read("/proc/self/uid_map").unwrap();
        assert_eq!(is_mapped(OVERFLOW), is_complete(&map));
    }
}
