//! Tables that are closed and wait for a first reader.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bowstring::serve::Served;
use pyo3::prelude::*;

use crate::process::Own;
use crate::wait::{self, Deadline};

struct Lingering {
    served: Own<Arc<Served>>,
    path: Option<PathBuf>,
    until: Instant,
}

static LINGERING: Mutex<Vec<Lingering>> = Mutex::new(Vec::new());

fn with<R>(f: impl FnOnce(&mut Vec<Lingering>) -> R) -> R {
    f(&mut LINGERING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ends a table: at once if somebody has it all, and otherwise in the background once a reader has come.
pub(super) fn end(served: Arc<Served>, path: Option<PathBuf>, linger: f64) {
    served.finish();
    loop {
        // The thread keeps the sender once all was handed over.
        if served.wait_finished(Duration::ZERO) {
            return;
        }
        match served.take(Duration::from_millis(1)).map(|serving| serving.waiting()) {
            Some(0) | None => std::thread::sleep(Duration::from_micros(50)),
            Some(_) => break,
        }
    }
    let linger = Duration::try_from_secs_f64(linger.max(0.0)).unwrap_or(Duration::from_secs(u32::MAX.into()));
    let until = Instant::now() + linger.min(Duration::from_secs(u32::MAX.into()));
    with(|all| {
        all.retain(|one| !one.served.is_ours() || !one.served.is_finished());
        all.push(Lingering { served: Own::new(served), path, until });
    });
}

/// Has children of multiprocessing wait for readers too, at their end.
pub(super) fn note(py: Python<'_>) -> PyResult<()> {
    if with(|all| !all.is_empty()) {
        py.import("bowstring")?.call_method0("_lingers")?;
    }
    Ok(())
}

/// Gives up what waits at `path`, so that the name is free. Returns whether something did.
pub(super) fn give_up(path: &Path) -> bool {
    let gone: Vec<Lingering> = with(|all| {
        let (gone, stay) = std::mem::take(all).into_iter().partition(|one| one.path.as_deref() == Some(path));
        *all = stay;
        gone
    });
    !gone.is_empty()
}

/// Waits for the readers of closed tables, at the program's end. Returns the paths of those that nobody came for.
#[pyfunction]
pub(crate) fn await_lingering(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let mut missed = Vec::new();
    while let Some(one) = with(Vec::pop) {
        if !one.served.is_ours() {
            continue;
        }
        let left = one.until.saturating_duration_since(Instant::now());
        let served = one.served.clone();
        let finished = wait::until(py, Deadline::after(Some(left.as_secs_f64()))?, |slice| {
            served.wait_finished(slice).then_some(())
        })?;
        if finished.is_none() {
            missed.extend(one.path.clone());
        }
        py.detach(|| drop((served, one)));
    }
    Ok(missed)
}
