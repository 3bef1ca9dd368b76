//! A value that one thread at a time takes, uses, and puts back.
//!
//! Unlike a mutex guard, a taken value can outlive the call that took it, and waiting for it can time out. Taking and
//! putting back make no system call while nobody waits.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A value that one thread at a time takes.
///
/// ```
/// use std::time::Duration;
/// use bowstring::turn::Turn;
/// let turn = Turn::new(7);
/// let taken = turn.take(Duration::ZERO).unwrap();
/// assert!(turn.take(Duration::ZERO).is_none());
/// drop(taken);
/// assert_eq!(turn.take(Duration::ZERO).map(|taken| *taken), Some(7));
/// ```
#[derive(Debug)]
pub struct Turn<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    place: Mutex<Place<T>>,
    back: Condvar,
}

#[derive(Debug)]
struct Place<T> {
    /// The value; `None` while it is taken.
    value: Option<Box<T>>,
    /// Threads that wait for it.
    waiting: usize,
    /// True if the holder puts it back soon, whatever anybody else does.
    briefly: bool,
}

/// A value that was taken. Dropping it puts the value back, on any thread.
#[must_use]
pub struct Taken<T> {
    value: Option<Box<T>>,
    home: Arc<Shared<T>>,
}

impl<T> Turn<T> {
    /// Creates a turn with the value in place.
    pub fn new(value: T) -> Turn<T> {
        let place = Mutex::new(Place { value: Some(Box::new(value)), waiting: 0, briefly: false });
        Turn { shared: Arc::new(Shared { place, back: Condvar::new() }) }
    }

    /// Takes the value; waits up to `patience` while another thread has it. Returns `None` if it does not come back
    /// in time. Always waits for a thread that took it [briefly](Self::take_briefly).
    pub fn take(&self, patience: Duration) -> Option<Taken<T>> {
        self.take_as(patience, false)
    }

    /// Takes the value like [`take`](Self::take), for work that waits for nobody: other threads wait for it even with
    /// a patience of zero.
    pub fn take_briefly(&self, patience: Duration) -> Option<Taken<T>> {
        self.take_as(patience, true)
    }

    fn take_as(&self, patience: Duration, briefly: bool) -> Option<Taken<T>> {
        let mut place = self.shared.lock();
        if place.value.is_none() && (place.briefly || !patience.is_zero()) {
            let until = Instant::now().checked_add(patience);
            place.waiting += 1;
            while place.value.is_none() {
                let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
                let woken = if place.briefly {
                    self.shared.back.wait(place).unwrap_or_else(PoisonError::into_inner)
                } else if left.is_zero() {
                    break;
                } else {
                    let woken = self.shared.back.wait_timeout(place, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                };
                place = woken;
            }
            place.waiting -= 1;
        }
        let value = place.value.take()?;
        place.briefly = briefly;
        Some(Taken { value: Some(value), home: Arc::clone(&self.shared) })
    }
}

impl<T> Clone for Turn<T> {
    fn clone(&self) -> Turn<T> {
        Turn { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        // The value is whole whenever it is in place, so a panic elsewhere leaves nothing half-done.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Taken<T> {
    /// Keeps the value for good. Nobody can take it any more.
    pub fn keep(mut self) -> T {
        let mut place = self.home.lock();
        place.briefly = false;
        // Threads that wait for a brief holder must see that the value does not come back.
        self.home.back.notify_all();
        drop(place);
        match self.value.take() {
            Some(value) => *value,
            None => unreachable!("a value is moved out only once, by `keep` or by the drop"),
        }
    }
}

impl<T> Deref for Taken<T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> DerefMut for Taken<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("the value is there until the drop"),
        }
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        let mut place = self.home.lock();
        place.value = Some(value);
        if place.waiting > 0 {
            self.home.back.notify_one();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Taken<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_time_waits_for_a_brief_turn_only() {
        let turn = Turn::new(0_u64);
        let taken = turn.take(Duration::ZERO).unwrap();
        assert!(turn.take(Duration::ZERO).is_none());
        drop(taken);
        for ends in [drop::<Taken<u64>> as fn(Taken<u64>), |taken| _ = taken.keep()] {
            let taken = turn.take_briefly(Duration::ZERO).unwrap();
            let waiting = std::thread::spawn({
                let turn = turn.clone();
                move || turn.take(Duration::ZERO).map(drop).is_some()
            });
            while turn.shared.lock().waiting == 0 {
                std::thread::yield_now();
            }
            ends(taken);
            let came = waiting.join().unwrap();
            assert_eq!(came, turn.take(Duration::ZERO).is_some());
        }
        assert!(turn.take(Duration::ZERO).is_none());
    }

    #[test]
    fn who_waits_gets_the_value_when_it_comes_back() {
        let turn = Turn::new(0_u64);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let turn = turn.clone();
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        *turn.take(Duration::from_secs(60)).unwrap() += 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(turn.take(Duration::ZERO).unwrap().keep(), 4000);
        assert!(turn.take(Duration::from_millis(1)).is_none());
    }
}
