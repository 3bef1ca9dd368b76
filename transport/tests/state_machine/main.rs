//! A sender and its receivers, compared with a plain model of them in random orders of operations.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p bowstring-transport --test state_machine` is the deep run.

// checks: oracle
#![allow(unsafe_code)]

mod machine;
mod oracle;

use bowstring_transport::{Delivery, OnSlow};
use proptest::prelude::*;

use machine::{Machine, Op, Start};
use oracle::SLOT;

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![4 => Just(Delivery::Pooled), 2 => Just(Delivery::Copied), 1 => Just(Delivery::Sealed)]
}

fn policy() -> impl Strategy<Value = OnSlow> {
    prop_oneof![
        3 => Just(OnSlow::Block),
        1 => (0_u32..6).prop_map(|quota| OnSlow::Skip { quota }),
        1 => (0_u32..6).prop_map(|quota| OnSlow::CutOff { quota }),
    ]
}

/// Lengths around multiples of a slot, up to one more than the largest pool.
fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => Just(0_usize),
        4 => 1..=SLOT,
        6 => (1_usize..=7, -1_isize..=1).prop_map(|(slots, off)| (slots * SLOT).saturating_add_signed(off)),
        1 => 0..=7 * SLOT + 1,
    ]
}

fn join() -> impl Strategy<Value = Op> {
    (delivery(), policy()).prop_map(|(delivery, policy)| Op::Join { delivery, policy })
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        1 => join(),
        12 => (len(), 0_usize..=70, any::<u32>(), prop::option::weighted(0.15, which()))
            .prop_map(|(len, unused, tag, to)| Op::Send { len, unused, tag, to }),
        1 => len().prop_map(|len| Op::Abandon { len }),
        10 => (which(), any::<bool>()).prop_map(|(receiver, keep)| Op::Receive { receiver, keep }),
        5 => which().prop_map(|lease| Op::Release { lease }),
        1 => which().prop_map(|receiver| Op::Leave { receiver }),
        1 => (which(), policy()).prop_map(|(receiver, policy)| Op::SetPolicy { receiver, policy }),
        1 => Just(Op::Reap),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    // The head word counts in 31 bits and others may count in 32: begin shortly before either wraps.
    let first = prop_oneof![
        Just(1_u64),
        (0_u64..6).prop_map(|before| (1 << 31) - before),
        (0_u64..6).prop_map(|before| u64::from(u32::MAX) - before),
    ];
    (1_u32..=6, first).prop_map(|(slots, first_ticket)| Start { slots, first_ticket })
}

proptest! {
    // A failing case is small after shrinking and goes into a test of its own; no files are kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sender_and_receivers_do_what_the_model_says(
        start in start(),
        joins in prop::collection::vec(join(), 1..4),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut machine = Machine::new(start);
        for op in joins.into_iter().chain(ops) {
            machine.step(op);
        }
        machine.finish();
    }
}
