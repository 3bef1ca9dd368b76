//! The arithmetic of a pool's shape, compared with arithmetic that cannot overflow.

use bowstring_transport::{Geometry, GeometryError, MAX_SLOTS};
use proptest::prelude::*;

/// Numbers near the places where arithmetic goes wrong.
fn edge() -> impl Strategy<Value = u64> {
    let near = |at: u64| (0_u64..3).prop_map(move |by| at.wrapping_add(by).wrapping_sub(1));
    prop_oneof![
        any::<u64>(),
        0_u64..5000,
        (0_u32..64).prop_flat_map(move |shift| near(1 << shift)),
        (1_u64..1000).prop_map(|n| n * 64),
        near(u64::MAX),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shape_is_accepted_if_it_is_possible(slots in edge(), slot_size in edge(), most in edge()) {
        let slots = u32::try_from(slots).unwrap_or(MAX_SLOTS);
        let bytes = u128::from(slots) * u128::from(slot_size);
        let geometry = Geometry::new(slots, slot_size, most);
        let slots_fit = (1..=MAX_SLOTS).contains(&slots);
        let size_fits = slot_size != 0 && slot_size % 64 == 0;
        let pool_fits = bytes <= u128::from(most) && bytes <= isize::MAX as u128;
        prop_assert_eq!(geometry.is_ok(), slots_fit && size_fits && pool_fits);
        match geometry {
            Ok(geometry) => {
                prop_assert_eq!((geometry.slots(), geometry.slot_size() as u64), (slots, slot_size));
                prop_assert_eq!(geometry.pool_bytes() as u128, bytes);
                // A line for the head and one for each entry; a word for each slot after the ledger's head.
                prop_assert!(geometry.board_bytes() as u128 >= 256 + 64 * u128::from(slots));
                prop_assert_eq!(geometry.ledger_bytes() as u128, 256 + 8 * u128::from(slots));
            }
            Err(GeometryError::Slots(found)) => prop_assert!(!slots_fit && found == slots),
            Err(GeometryError::SlotSize(found)) => prop_assert!(!size_fits && found == slot_size),
            Err(GeometryError::TooLarge { most: limit, .. }) => prop_assert!(!pool_fits && limit <= most),
        }
    }

    #[test]
    fn a_message_takes_the_fewest_slots_that_hold_it(slots in 1_u32..100, lines in 1_u64..100, len in edge()) {
        let geometry = Geometry::new(slots, lines * 64, u64::MAX).unwrap();
        let len = len as usize;
        let fewest = (1..=slots).find(|&n| n as usize * geometry.slot_size() >= len);
        prop_assert_eq!(geometry.span(len), fewest);
    }
}
