//! Sliding windows with a resolution ("sawtooth windows", as feature stores such as Chronon and Tecton have them).
//!
//! A window of length w counts, at time T, the events from `floor_hop(T - w)` on: its start moves in hops, so that it is at most a sixtieth
//! too long, and so that events can be kept as counts by hop. Each hop of the ladder divides the next one.

use crate::Micros;

const SECOND: Micros = 1_000_000;

/// What windows start at multiples of, from 2000-01-01 on, in seconds.
const LADDER: [i64; 9] = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

/// The longest window: 100 years of 365 days.
pub const MAX_WINDOW: Micros = 100 * 365 * 86_400 * SECOND;

/// A sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    length: Micros,
    hop: Micros,
}

impl Window {
    /// A window of so many microseconds; `None` unless that is positive and at most [`MAX_WINDOW`].
    pub fn new(length: Micros) -> Option<Self> {
        let hop = LADDER.iter().rev().find(|hop| **hop * SECOND <= length / 60).unwrap_or(&LADDER[0]);
        (1..=MAX_WINDOW).contains(&length).then_some(Self { length, hop: hop * SECOND })
    }

    /// Its length in microseconds.
    pub fn length(&self) -> Micros {
        self.length
    }

    /// What its start is a multiple of, in microseconds.
    pub fn hop(&self) -> Micros {
        self.hop
    }

    /// Where it starts at a time.
    pub fn start(&self, at: Micros) -> Micros {
        floor(at.saturating_sub(self.length), self.hop)
    }
}

/// The last multiple of `hop` that is not after `at`.
pub fn floor(at: Micros, hop: Micros) -> Micros {
    at.div_euclid(hop).saturating_mul(hop)
}

/// In which hop an event of a time is kept by who will be asked for no time before `landmark`; `None` where it is in no window any more. What can
/// still fall into a window of `windows`, which are in ascending order, is kept in the hop of the shortest such window.
pub fn bucket(windows: &[Window], landmark: Micros, at: Micros) -> Option<Micros> {
    windows.iter().find(|window| at >= window.start(landmark)).map(|window| floor(at, window.hop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hops_are_a_sixtieth_at_most() {
        let hop = |seconds: i64| Window::new(seconds * SECOND).map(|window| window.hop / SECOND);
        assert_eq!([1, 59, 60, 300, 3600, 86_400].map(hop), [1, 1, 1, 5, 60, 900].map(Some));
        assert_eq!([7 * 86_400, 30 * 86_400, 365 * 86_400].map(hop), [3600, 14_400, 86_400].map(Some));
        assert_eq!([0, -1, MAX_WINDOW / SECOND + 1].map(hop), [None; 3]);
        assert!(LADDER.windows(2).all(|pair| pair[1] % pair[0] == 0));
    }

    proptest! {
        #[test]
        fn a_bucket_is_in_a_window_as_its_events_are(
            lengths in prop::collection::btree_set(1i64..40_000, 1..6),
            landmark in -100_000i64..100_000,
            later in 0i64..50_000,
            before in -5_000i64..60_000,
        ) {
            let windows: Vec<Window> = lengths.iter().filter_map(|length| Window::new(length * SECOND)).collect();
            let (landmark, asked) = (landmark * SECOND, (landmark + later) * SECOND);
            let at = landmark - before * SECOND / 7;
            let bucket = bucket(&windows, landmark, at);
            for window in &windows {
                prop_assert_eq!(bucket.is_some_and(|bucket| bucket >= window.start(asked)), at >= window.start(asked));
            }
        }
    }
}
