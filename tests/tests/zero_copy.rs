//! A pooled message is read where it was written: the same file in both processes, and the same physical pages.

// checks: zero-copy

use std::fs::File;
use std::os::unix::fs::FileExt;

use bowstring_tests::honest;
use bowstring_tests::puppet::Puppet;
use bowstring_transport::{HandshakeConfig, Sender, SenderConfig};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// Slots of the pool, a page each.
const SLOTS: usize = 8;
const PAGE: usize = 4096;
/// The messages that the puppet takes.
const MESSAGES: u64 = 3;

fn main() {
    let mut arguments = Arguments::from_args();
    // They look for the one pool that this process maps.
    arguments.test_threads = Some(1);
    let trials = vec![
        Trial::test("both processes map the same file, and only the sender may write it", same_file),
        Trial::ignorable_test("both mappings show the same physical pages", same_pages),
        Trial::test("every byte of a lease lies in the mapping of the pool", inside),
        Trial::test("a receiver that reads in place copies nothing", nothing_copied),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// A line of `maps`.
#[derive(Debug)]
struct Mapping {
    start: usize,
    end: usize,
    rights: String,
    /// Device and inode.
    file: (String, String),
}

fn pool_of(pid: &str) -> Result<Mapping, Failed> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut pools = maps.lines().filter(|line| line.contains("/memfd:bowstring-pool"));
    let line = pools.next().ok_or("no pool is mapped")?;
    if pools.next().is_some() {
        return Err("a pool is mapped more than once".into());
    }
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().ok_or("a short line");
    let (start, end) = word()?.split_once('-').ok_or("no range")?;
    let rights = word()?.to_owned();
    let _offset = word()?;
    let file = (word()?.to_owned(), word()?.to_owned());
    let address = |text| usize::from_str_radix(text, 16);
    Ok(Mapping { start: address(start)?, end: address(end)?, rights, file })
}

/// Returns a sender and another process that holds three of its messages.
fn held() -> Result<(Sender, Puppet), Failed> {
    let (here, there) = honest::sockets();
    let mut receiver =
        Puppet::start(env!("CARGO_BIN_EXE_puppet"), &["receive", "Pooled", "all held"], Some(there));
    let mut sender = SenderConfig::new().slots(SLOTS as u32, PAGE).build()?;
    sender.accept(here, &HandshakeConfig::new(b"").patience(honest::PATIENCE))?;
    for number in 1..=MESSAGES {
        honest::send(&mut sender, number, PAGE)?;
    }
    receiver.await_step()?;
    Ok((sender, receiver))
}

fn same_file() -> Result<(), Failed> {
    let (_sender, receiver) = held()?;
    let (ours, theirs) = (pool_of("self")?, pool_of(&receiver.pid().to_string())?);
    if ours.file != theirs.file || ours.end - ours.start != SLOTS * PAGE {
        return Err(format!("{ours:?} and {theirs:?} are not of one file").into());
    }
    if !ours.rights.starts_with("rw-s") || !theirs.rights.starts_with("r--s") {
        return Err(format!("{ours:?} and {theirs:?} have other rights than they should").into());
    }
    Ok(())
}

/// Returns the physical pages of a mapping, 0 if the kernel does not reveal them.
fn pages(pid: &str, mapping: &Mapping) -> Result<Vec<u64>, Failed> {
    let pagemap = File::open(format!("/proc/{pid}/pagemap"))?;
    let mut words = vec![0; SLOTS * 8];
    pagemap.read_exact_at(&mut words, (mapping.start / PAGE * 8) as u64)?;
    let frame = |word: &[u8]| word.try_into().map_or(0, u64::from_le_bytes) & ((1 << 55) - 1);
    Ok(words.chunks(8).map(frame).collect())
}

fn same_pages() -> Result<Completion, Failed> {
    let (_sender, receiver) = held()?;
    let child = receiver.pid().to_string();
    let (ours, theirs) = (pool_of("self")?, pool_of(&child)?);
    let (ours, theirs) = (pages("self", &ours)?, pages(&child, &theirs)?);
    if ours.iter().chain(&theirs).all(|&frame| frame == 0) {
        return Ok(Completion::ignored_with("the kernel shows page frames to CAP_SYS_ADMIN only"));
    }
    // What the receiver has not read may not be in its page table yet; what it has read is.
    let read = MESSAGES as usize;
    if ours[..read] != theirs[..read] || ours[..read].contains(&0) {
        return Err(format!("{ours:x?} here and {theirs:x?} there").into());
    }
    Ok(Completion::Completed)
}

fn inside() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().slots(SLOTS as u32, PAGE).build()?;
    let receiver = honest::join_pooled(&mut sender);
    let pool = receiver.pool_addresses();
    // More than once around, in messages of one slot and of several.
    for number in 1..=100 {
        honest::send(&mut sender, number, honest::length(number, SLOTS * PAGE))?;
        let lease = receiver.recv_with(honest::PATIENTLY)?;
        let bytes = lease.as_ptr_range();
        if (bytes.start as usize) < pool.start || bytes.end as usize > pool.end {
            return Err(format!("{bytes:?} is not within {pool:x?}").into());
        }
    }
    Ok(())
}

fn nothing_copied() -> Result<(), Failed> {
    let mut sender = SenderConfig::new().slots(SLOTS as u32, PAGE).build()?;
    let receiver = honest::join_pooled(&mut sender);
    for number in 1..=100 {
        honest::send(&mut sender, number, PAGE)?;
        honest::check(&receiver.recv_with(honest::PATIENTLY)?, number)?;
    }
    let stats = receiver.stats();
    if (stats.bytes, stats.copied) == (100 * PAGE as u64, 0) {
        Ok(())
    } else {
        Err(format!("{stats:?}").into())
    }
}
