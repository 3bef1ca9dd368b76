//! Looks for channels.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use bowstring_transport::names::{self, Address};

use crate::TopError;

/// Returns the addresses that were given, with directories replaced by the sockets in them; every name of this user if
/// none was given. Sorted, so that a view does not jump about.
pub(crate) fn addresses(given: &[OsString]) -> Result<Vec<Address>, TopError> {
    let mut found = Vec::new();
    if given.is_empty() {
        let names = names::names().map_err(|error| TopError::Directory(error.to_string()))?;
        found.extend(names.into_iter().map(|(name, _)| Address::Name(name)));
    }
    for text in given {
        match Path::new(text) {
            path if path.is_dir() => found.append(&mut inside(path)),
            _ => found.push(Address::parse(text).map_err(|error| TopError::Directory(error.to_string()))?),
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Says where it looked.
pub(crate) fn described(given: &[OsString]) -> String {
    match given {
        [] => match names::store_socket().parent() {
            Some(directory) => directory.display().to_string(),
            None => "the user's directory".to_owned(),
        },
        given => given.iter().map(|text| text.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}

/// Returns the sockets in a directory that end in `.sock`.
fn inside(directory: &Path) -> Vec<Address> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let sockets = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()));
    let named =
        sockets.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "sock"));
    named.map(Address::Path).collect()
}
