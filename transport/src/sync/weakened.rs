//! A test of the tests: each ordering of the hand-off, weakened by one step, must make a model fail.
//!
//! Each model that is to fail runs in a process of its own, because loom may abort where it reports.

// checks: hand-off-orderings, thread-sanitizer

use core::fmt::Write;
use std::process::Command;
use std::string::String;

use super::model::WEAKEN;
use super::order::{PLACES, Place};

/// The report about a slot that two threads use at once.
const RACE: &str = if cfg!(tsan) { "data race" } else { "Causality violation" };

/// Returns the smallest model that shows the purpose of the ordering at `place`, and its failure without.
fn witness(place: Place) -> (&'static str, &'static str) {
    const ASLEEP: &str = "deadlock";
    const FAULT: &str = "an honest sender's head is never alien";
    match place {
        Place::PublishTicket | Place::TakeTicket => ("one_slot_again_and_again", RACE),
        Place::ReleaseSlot | Place::ReclaimSlot => ("one_slot_again_and_again", RACE),
        Place::PublishHead | Place::SleepHead => ("a_message_wakes_a_sleeper", FAULT),
        Place::PublishFence | Place::SleepFence => ("a_message_wakes_a_sleeper", ASLEEP),
        Place::ReleaseFence | Place::WantFence => ("room_wakes_a_sleeper", ASLEEP),
    }
}

/// Runs one model with one place weakened; returns whether it passed, and its output.
fn run(model: &str, place: usize) -> (bool, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &std::format!("ring::models::{model}"), "--nocapture"])
        .env(WEAKEN, std::format!("{place}"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.concat())
}

#[test]
#[cfg_attr(
    not(any(loom, tsan)),
    ignore = "skipped, because only loom or the thread sanitizer can weaken an ordering: RUSTFLAGS=\"--cfg loom\""
)]
fn the_models_notice_every_weakened_ordering() {
    let mut unnoticed = String::new();
    for place in PLACES {
        let (model, how) = witness(place);
        // The sanitizer sees what actually happens: races, but no sleep that might have been too long.
        if cfg!(tsan) && how != RACE {
            continue;
        }
        let (passed, said) = run(model, place as usize);
        if passed || !said.contains(how) {
            let _ =
                writeln!(unnoticed, "{place:?}: {model} should end in \"{how}\"; passed: {passed}\n{said}");
        }
    }
    assert!(unnoticed.is_empty(), "orderings whose weakening went unnoticed:\n{unnoticed}");
    // Without a weakness the same models pass, run in the same way.
    for model in ["a_message_wakes_a_sleeper", "room_wakes_a_sleeper"] {
        let (passed, said) = run(model, 0);
        assert!(passed && said.contains("executions"), "{model} fails by itself: {said}");
    }
}
