//! The user's directory of channels.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::error::{NameError, nobody_listens};
use super::{STORE, bytes, check};
use crate::{Access, HandshakeError, Observer, sys};

/// Mode bits that let anybody but the owner in.
const OTHERS: u32 = 0o077;

/// The reason why no directory can be known to be this user's.
const UNMAPPED: &str = "this user namespace does not map this user, so it cannot be told from others";

/// Returns the directory of this user's channels after checking it. If it does not exist, the error has the kind
/// [`NotFound`](io::ErrorKind::NotFound).
pub fn directory() -> Result<PathBuf, NameError> {
    let path = place_of_one()?;
    verify(&path)?;
    Ok(path)
}

/// Returns the directory of this user's channels; creates it if it is missing.
pub fn make_directory() -> Result<PathBuf, NameError> {
    let path = place_of_one()?;
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(NameError::Directory { path, error });
        }
        _ => {}
    }
    verify(&path)?;
    Ok(path)
}

/// A channel in the directory that somebody listens on.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its socket.
    pub path: PathBuf,
    /// A view of its sender's stats, or the error of attaching.
    pub observer: Result<Observer, HandshakeError>,
}

/// Lists this user's live channels, sorted by name. Attaches to each as an observer. Skips sockets that nobody
/// listens on, and removes nothing.
pub fn list() -> Result<Vec<Listed>, NameError> {
    let mut listed = Vec::new();
    for (name, path) in names()? {
        match Observer::attach(bytes(&path), Access::SameUser) {
            Err(HandshakeError::Os(error)) if nobody_listens(error) => {}
            observer => listed.push(Listed { name, path, observer }),
        }
    }
    Ok(listed)
}

/// Returns the names in the directory with their sockets, sorted, without checking for listeners.
pub fn names() -> Result<Vec<(String, PathBuf)>, NameError> {
    let directory = match directory() {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        directory => directory?,
    };
    let unreadable = |error| NameError::Directory { path: directory.clone(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let file = entry.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".sock"));
        if let Some(name) = name.filter(|name| check(name).is_ok())
            && entry.file_type().is_ok_and(|kind| kind.is_socket())
        {
            names.push((name.to_owned(), entry.path()));
        }
    }
    names.sort();
    Ok(names)
}

/// Returns the path of the store's socket. Creates nothing and does not check the directory.
#[must_use]
pub fn store_socket() -> PathBuf {
    place().join(file_name(STORE))
}

/// Returns the directory's path, if this user can be told from others.
fn place_of_one() -> Result<PathBuf, NameError> {
    let path = place();
    match sys::is_mapped(sys::own_uid()) {
        true => Ok(path),
        false => Err(NameError::Unsafe { path, why: UNMAPPED }),
    }
}

/// Returns the directory's path; it may not exist.
pub(super) fn place() -> PathBuf {
    choose(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), sys::own_uid(), |path| {
        // `sudo -E` passes on the variable of another user.
        fs::metadata(path).is_ok_and(|at| at.is_dir() && at.uid() == sys::own_uid())
    })
}

fn choose(stated: Option<PathBuf>, uid: u32, is_ours: impl Fn(&Path) -> bool) -> PathBuf {
    let stated = stated.filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    match stated.into_iter().chain([usual]).find(|path| is_ours(path)) {
        Some(runtime) => runtime.join("bowstring"),
        None => PathBuf::from(format!("/tmp/bowstring-{uid}")),
    }
}

/// Checks, as tmux does, that nobody but this user can have put anything into the directory.
fn verify(path: &Path) -> Result<(), NameError> {
    // Does not follow a link.
    let at = fs::symlink_metadata(path);
    let at = at.map_err(|error| NameError::Directory { path: path.to_owned(), error })?;
    let why = match at {
        at if !at.is_dir() => "it is not a directory",
        at if at.uid() != sys::own_uid() => "it belongs to another user",
        at if at.mode() & OTHERS != 0 => "other users can enter it: chmod 700",
        _ => return Ok(()),
    };
    Err(NameError::Unsafe { path: path.to_owned(), why })
}

pub(super) fn file_name(name: &str) -> String {
    format!("{name}.sock")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_directory_is_the_first_that_is_ours() {
        let xdg = || Some(PathBuf::from("/xdg"));
        assert_eq!(choose(xdg(), 7, |_| true), Path::new("/xdg/bowstring"));
        assert_eq!(choose(xdg(), 7, |path| path != "/xdg"), Path::new("/run/user/7/bowstring"));
        assert_eq!(choose(Some("here".into()), 7, |_| true), Path::new("/run/user/7/bowstring"));
        assert_eq!(choose(None, 7, |_| false), Path::new("/tmp/bowstring-7"));
    }

    #[test]
    fn a_directory_that_others_could_have_written_is_refused() {
        let room = std::env::temp_dir().join(format!("bowstring-names-{}", std::process::id()));
        let (ours, link, file) = (room.join("ours"), room.join("link"), room.join("file"));
        fs::create_dir_all(&ours).unwrap();
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&ours, &link).unwrap();
        fs::write(&file, "").unwrap();
        let why = |path: &Path| match verify(path) {
            Err(NameError::Unsafe { why, .. }) => why,
            Err(error) => panic!("{error}"),
            Ok(()) => "",
        };
        assert_eq!(why(&ours), "");
        assert_eq!(why(&link), "it is not a directory");
        assert_eq!(why(&file), "it is not a directory");
        for open in [0o710, 0o701, 0o720, 0o777] {
            fs::set_permissions(&ours, fs::Permissions::from_mode(open)).unwrap();
            assert!(why(&ours).starts_with("other users can enter it"), "{open:o}");
        }
        assert!(verify(&room.join("none")).unwrap_err().is_not_found());
        // Of root, unless root runs this.
        if sys::own_uid() != 0 {
            assert_eq!(why(Path::new("/")), "it belongs to another user");
        }
        fs::remove_dir_all(&room).unwrap();
    }
}
