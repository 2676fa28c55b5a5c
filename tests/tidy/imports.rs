//! `use` declarations, with their groups taken apart.

use crate::source::Source;

/// Every path that a file imports, in full, and where its declaration starts.
pub fn imported(source: &Source) -> Vec<(usize, String)> {
    source
        .places("use ")
        .flat_map(|at| {
            let tree = &source.code[at + "use ".len()..];
            expand(tree).into_iter().map(move |path| (at, path))
        })
        .collect()
}

/// The paths of the tree that `text` begins with: `a::{b, c::{d, e}};` → `a::b`, `a::c::d`, `a::c::e`. It ends where no path goes on.
pub fn expand(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    tree(text, "", &mut paths);
    paths
}

/// Reads one tree behind `prefix`, and returns how many bytes it took.
fn tree(text: &str, prefix: &str, paths: &mut Vec<String>) -> usize {
    let start = text.len() - text.trim_start().len();
    let end = text[start..]
        .find(|letter: char| !(letter.is_alphanumeric() || "_:*".contains(letter)))
        .map_or(text.len(), |at| start + at);
    let path = format!("{prefix}{}", &text[start..end]);
    if !text[end..].starts_with('{') {
        if path != prefix {
            paths.push(path);
        }
        // Past `as Other`, to what ends the tree.
        return text[end..]
            .find([',', '}', ';'])
            .map_or(text.len(), |at| end + at);
    }
    let mut at = end + 1;
    loop {
        at += tree(&text[at..], &path, paths);
        match text[at..].chars().next() {
            Some(',') => at += 1,
            Some('}') => return at + 1,
            _ => return at,
        }
    }
}

#[test]
fn groups_are_taken_apart() {
    for (text, expected) in [
        ("a::b;", vec!["a::b"]),
        ("a;", vec!["a"]),
        ("a::b as c;", vec!["a::b"]),
        (
            "{\n    a::{b, c::{d, e as f}},\n    g::*,\n};",
            vec!["a::b", "a::c::d", "a::c::e", "g::*"],
        ),
        ("a::b(c, d)", vec!["a::b"]),
    ] {
        assert_eq!(expand(text), expected, "{text}");
    }
}
