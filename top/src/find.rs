//! Looking for sockets.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use bowstring_transport::session;

/// The sockets among `places` and in the directories among them; in the usual directory if there are none. In order,
/// so that a view does not jump about.
pub(crate) fn sockets(places: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    match places {
        [] => usual_directory().iter().for_each(|directory| found.append(&mut inside(directory))),
        places => {
            for place in places {
                if place.is_dir() { found.append(&mut inside(place)) } else { found.push(place.clone()) }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Where it was looked, in words.
pub(crate) fn described(places: &[PathBuf]) -> String {
    match places {
        [] => {
            usual_directory().map_or_else(|| "no runtime directory".to_owned(), |d| d.display().to_string())
        }
        places => places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}

fn usual_directory() -> Option<PathBuf> {
    session::default_socket().and_then(|socket| socket.parent().map(Path::to_owned))
}

/// The sockets in a directory that have the name of one: others would be knocked at in vain.
fn inside(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let sockets = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()));
    sockets.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "sock")).collect()
}
