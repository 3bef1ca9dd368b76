//! A claim is marked where it is upheld, `claim: ID`, and where it is checked, `checks: ID`. Every claim has both,
//! and every mark names an existing claim.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory of the project").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "corpus", "artifacts"].contains(&&*name) {
                files(&path, found);
            }
        } else if [".rs", ".pml", ".py"].iter().any(|end| name.ends_with(end)) || is_script(&path) {
            found.push(path);
        }
    }
}

/// Returns true if a file without an extension begins like a script.
fn is_script(path: &Path) -> bool {
    let begins = |mut file: std::fs::File| {
        let mut first = [0; 2];
        file.read_exact(&mut first).is_ok() && &first == b"#!"
    };
    path.extension().is_none() && std::fs::File::open(path).is_ok_and(begins)
}

/// Returns the ids after a mark at the start of a comment: `// claim: a, b`.
fn marked(text: &str, mark: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let comment = line.trim_start().strip_prefix(['/', '*', '#'])?;
            comment.trim_start_matches(['/', '*', '#', '!']).trim_start().strip_prefix(mark)
        })
        .flat_map(|ids| ids.split(','))
        .map(|id| id.trim().trim_end_matches("*/").trim().to_owned())
        .collect()
}

/// Returns the claims' ids from their source.
fn claimed(root: &Path) -> BTreeSet<String> {
    let source = std::fs::read_to_string(root.join("proof/src/claims.rs")).expect("the claims");
    let ids = source.lines().filter_map(|line| line.trim().strip_prefix("id: \"")?.strip_suffix("\","));
    ids.map(str::to_owned).collect()
}

#[test]
fn every_mark_has_its_pair_and_its_claim() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let claimed = claimed(&root);
    assert!(claimed.len() > 10, "the claims are not where they should be");
    let mut all = Vec::new();
    files(&root, &mut all);
    let (mut upheld, mut checked) = (BTreeSet::new(), BTreeSet::new());
    for path in all.iter().filter(|path| !path.ends_with("proof/tests/marks.rs")) {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for (mark, seen) in [("claim: ", &mut upheld), ("checks: ", &mut checked)] {
            for id in marked(&text, mark) {
                assert!(claimed.contains(&id), "{}: there is no claim {id:?}", path.display());
                seen.insert(id);
            }
        }
    }
    for (what, seen) in [("upheld", &upheld), ("checked", &checked)] {
        let unmarked: Vec<_> = claimed.difference(seen).collect();
        assert!(unmarked.is_empty(), "nothing says where these are {what}: {unmarked:?}");
    }
}

#[test]
fn marks_are_read() {
    assert_eq!(marked("    // claim: a, b\n/* checks: c */\nlet claim: d", "claim: "), ["a", "b"]);
    assert_eq!(marked("/* checks: c */", "checks: "), ["c"]);
    assert!(marked("    claim: Claim<'a>,", "claim: ").is_empty());
}
