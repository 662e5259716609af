//! Numbers of sessions: a pause longer than the gap starts a new one.

use crate::Micros;

/// The sessions of one sequence of events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sessions {
    /// The number of the current session; 0 before the first event.
    pub number: i64,
    /// The event before.
    pub last_at: Micros,
}

impl Sessions {
    /// The number of the session that the next event belongs to, from 1. Times may rise or fall. A pause of `gap`
    /// microseconds is still within a session.
    pub fn next(&mut self, at: Micros, gap: i64) -> i64 {
        let pause = at.abs_diff(self.last_at);
        if self.number == 0 || pause > gap.max(0) as u64 {
            self.number += 1;
        }
        self.last_at = at;
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_make_sessions() {
        let numbers = |times: &[i64], gap| {
            let mut sessions = Sessions::default();
            times.iter().map(|at| sessions.next(*at, gap)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[0, 10, 20, 31, 31, 50], 10), [1, 1, 1, 2, 2, 3]);
        assert_eq!(numbers(&[50, 31, 31, 20, 10, 0], 10), [1, 2, 2, 3, 3, 3]);
        assert_eq!(numbers(&[i64::MIN, -5, 5, i64::MAX], i64::MAX), [1, 1, 1, 1]);
        assert_eq!(numbers(&[i64::MIN, i64::MIN, i64::MAX], i64::MAX), [1, 1, 2]);
        assert_eq!(numbers(&[1, 1, 2], 0), [1, 1, 2]);
    }
}
