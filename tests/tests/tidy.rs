//! The style of the tree: words that must not come back, documentation that begins with a verb, the glossary, and the
//! length of files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Phrases that are not plain English, and names that were replaced.
const PHRASES: &[&str] = &[
    "as above",
    "answers the",
    "answers whether",
    "answers how",
    "cannot be meant",
    "for want of",
    "is told",
    "are told",
    "not to be had",
    "otherwise than",
    "so many",
    "so long as",
    "to be had",
    "besides the",
    "besides its",
    "lobby",
    "parley",
    "census",
    "manners",
    "gauge",
];

/// Files with the phrases that they may have.
const ALLOWED: &[(&str, &str)] = &[
    // This list.
    ("tests/tests/tidy.rs", ""),
    // The magic bytes of the stats region.
    ("PROTOCOL.md", "gauge"),
    ("transport/src/stats.rs", "gauge"),
    // A metric type of Prometheus.
    ("store/src/server/stats.rs", "gauge"),
    ("store/program/tests/service.rs", "gauge"),
    // Quotes mutants with their verdicts.
    ("proof/SURVIVORS.md", ""),
];

/// First words of documentation that has no subject.
const SUBJECTLESS: &[&str] =
    &["How ", "What ", "When ", "Where ", "Whether ", "Which ", "Who ", "Whom ", "Why "];

/// The longest file without a reason.
const LONGEST: usize = 350;

/// Longer files, with the lines that they may have.
const LONG: &[(&str, usize)] = &[
    ("codec/src/message/fault.rs", 450),
    ("codec/tests/readers.rs", 400),
    ("codec/tests/write_oracle.rs", 400),
    ("proof/src/claims.rs", 570),
    ("python/src/room.rs", 400),
    ("python/src/writer.rs", 500),
    ("receiver/tests/exit_codes.rs", 400),
    ("source/src/csv/mod.rs", 450),
    ("source/src/input.rs", 400),
    ("source/src/options.rs", 400),
    ("store/src/client.rs", 500),
    ("store/src/server/put.rs", 450),
    ("table/src/send/receivers.rs", 400),
    ("table/src/serve.rs", 400),
    ("table/tests/channel.rs", 450),
    ("tests/tests/exhaustion.rs", 500),
    ("tests/tests/hostile_peers.rs", 500),
    ("tests/tests/meeting.rs", 550),
    ("tests/tests/nothing_lost.rs", 400),
    ("transport/src/receive/receiver.rs", 450),
    ("transport/src/region/memfd.rs", 400),
    ("transport/tests/handshake.rs", 450),
];

/// The folders that hold generated or foreign text.
const FOREIGN: &[&str] = &["target", ".git", "bench/record", "fuzz/seeds", "fuzz/corpus", "fuzz/artifacts"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns all files with one of these extensions: their paths from the root, and their text.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if FOREIGN.iter().any(|foreign| name == *foreign || name.ends_with(&format!("/{foreign}"))) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| extensions.iter().any(|wanted| end == *wanted)) {
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 10, "the tree is not where it was looked for");
    found.sort();
    found
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn is_allowed(file: &str, phrase: &str) -> bool {
    ALLOWED.iter().any(|(name, allowed)| *name == file && (allowed.is_empty() || *allowed == phrase))
}

/// True if `phrase` is in `line` as whole words.
fn has_phrase(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + phrase.len()..].chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[test]
fn phrases_do_not_come_back() {
    let mut faults = Vec::new();
    for (file, text) in files(&["rs", "md"]) {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for phrase in PHRASES.iter().filter(|phrase| has_phrase(&line, phrase)) {
                if !is_allowed(&file, phrase) {
                    faults.push(format!("{file}:{}: \"{phrase}\"", number + 1));
                }
            }
        }
    }
    report(&faults);
}

/// "Returns true if …" and "The size of …", not "Whether …" and "What …".
#[test]
fn documentation_has_a_subject_or_a_verb() {
    let mut faults = Vec::new();
    for (file, text) in files(&["rs"]) {
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let doc =
                ["/// ", "//! "].iter().find_map(|mark| line.strip_prefix(mark).map(|doc| (*mark, doc)));
            let begins = doc.is_some_and(|(mark, doc)| {
                // The first line of a paragraph.
                (!before.starts_with(mark.trim_end()) || before == mark.trim_end())
                    && SUBJECTLESS.iter().any(|word| doc.starts_with(word))
            });
            before = line;
            if begins {
                faults.push(format!("{file}:{}: {line}", number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn every_safety_comment_has_an_argument_of_its_own() {
    let mut faults = Vec::new();
    for (file, text) in files(&["rs"]) {
        for (number, line) in text.lines().enumerate() {
            let Some((_, argument)) = line.split_once("// SAFETY:") else { continue };
            let argument = argument.trim();
            if argument.is_empty() || argument.to_lowercase().starts_with("as above") {
                faults.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    faults.retain(|fault| !fault.starts_with("tests/tests/tidy.rs"));
    report(&faults);
}

/// Each word that PROTOCOL.md introduces in italics, or as the name of a region, is in ARCHITECTURE.md's glossary.
#[test]
fn the_glossary_has_the_words_of_the_protocol() {
    let protocol = fs::read_to_string(root().join("PROTOCOL.md")).unwrap();
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, glossary) = architecture.split_once("## Glossary").unwrap();
    let glossary = glossary.split_once("\n## ").unwrap().0;
    let known: BTreeSet<&str> = glossary
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" |").next())
        .flat_map(|words| words.split(", "))
        .collect();
    assert!(known.len() > 30, "a glossary of {} words", known.len());
    let mut words: BTreeSet<&str> = protocol.split('*').skip(1).step_by(2).collect();
    words.extend(["slot", "ticket", "entry", "head", "bell", "release", "tag", "number", "greeting", "hint"]);
    words.retain(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == ' '));
    let is_known = |word: &&str| {
        let single = word.strip_suffix('s').unwrap_or(word);
        known.contains(*word) || known.contains(single) || IN_ITALICS.contains(word)
    };
    let missing: Vec<String> = words
        .iter()
        .filter(|word| !is_known(word))
        .map(|word| format!("not in the glossary: {word}"))
        .collect();
    report(&missing);
}

/// Words that PROTOCOL.md emphasises, and that need no entry of their own.
const IN_ITALICS: &[&str] =
    &["acquire", "missed", "released", "schema", "sealed", "second socket", "text", "waiting", "want room"];

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for (file, text) in files(&["rs"]) {
        let lines = text.lines().count();
        match LONG.iter().find(|(name, _)| *name == file) {
            None if lines > LONGEST => faults.push(format!("{file}: {lines} lines, {LONGEST} at most")),
            Some((_, most)) if lines > *most => faults.push(format!("{file}: {lines} lines, {most} at most")),
            Some(_) if lines <= LONGEST => {
                faults.push(format!("{file}: {lines} lines: take it off the list"))
            }
            _ => {}
        }
    }
    report(&faults);
}
