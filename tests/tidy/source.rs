//! A source file as the rules see it: code without comments, literals and tests.

/// One file below `src`.
pub struct Source {
    /// Its path below `src`.
    pub path: String,
    pub text: String,
    /// The text, byte for byte as long, with comments, the inside of literals, and `#[cfg(test)]` items blank.
    pub code: String,
    /// Every string literal outside tests and where it starts.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let (mut code, mut literals) = blank_words(&text);
        let tests: Vec<(usize, usize)> = if path.ends_with("tests.rs") || path.contains("/tests/") {
            vec![(0, code.len())]
        } else {
            test_items(&code)
        };
        for (start, end) in &tests {
            code.replace_range(*start..*end, &blank(&text[*start..*end]));
        }
        literals.retain(|(at, _)| !tests.iter().any(|(start, end)| start <= at && at < end));
        Self {
            path,
            text,
            code,
            literals,
        }
    }

    /// `src/store/intents.rs` is in the room `store`.
    pub fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super` it takes from this file to the crate's root.
    pub fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        match self.path.rsplit('/').next().unwrap() {
            "main.rs" | "lib.rs" if folders == 0 => 0,
            "mod.rs" => folders,
            _ => folders + 1,
        }
    }

    /// Where in the code `name` stands as a name of its own, not as the end of a longer one.
    pub fn places<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        let begins_with_word = name.starts_with(is_word);
        let ends_with_word = name.ends_with(is_word);
        self.code.match_indices(name).filter_map(move |(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + name.len()..].chars().next();
            let longer = begins_with_word && before.is_some_and(is_word)
                || ends_with_word && after.is_some_and(is_word);
            (!longer).then_some(at)
        })
    }

    /// A finding: where, and what is wrong.
    pub fn finding(&self, at: usize, what: &str) -> String {
        let line = self.text[..at].matches('\n').count() + 1;
        format!("src/{}:{line}: {what}", self.path)
    }
}

pub fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Spaces for everything but the ends of lines, byte for byte.
fn blank(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// Blanks comments and the inside of literals, and returns the string literals.
fn blank_words(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let in_word = code.chars().next_back().is_some_and(is_word);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((prefix, inside, whole)) = string(rest, in_word) {
            literals.push((at, rest[prefix..prefix + inside].to_owned()));
            // The quotes stay, so that the shape of the code does.
            code.push_str(&rest[..prefix]);
            code.push_str(&blank(&rest[prefix..prefix + inside]));
            code.push_str(&rest[prefix + inside..whole]);
            at += whole;
            continue;
        } else if let Some(length) = character(rest) {
            length
        } else {
            let letter = rest.chars().next().unwrap();
            if letter.is_ascii() {
                code.push(letter);
            } else {
                code.push_str(&blank(&rest[..letter.len_utf8()]));
            }
            at += letter.len_utf8();
            continue;
        };
        code.push_str(&blank(&rest[..length]));
        at += length;
    }
    (code, literals)
}

/// The length of a comment that may hold others.
fn block_comment(rest: &str) -> usize {
    let (mut open, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (open, at) = (open + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (open, at) = (open - 1, at + 2);
            if open == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().unwrap().len_utf8();
        }
    }
    rest.len()
}

/// A plain, byte, C or raw string: the lengths of its beginning with the quote, of its inside, and of the whole.
fn string(rest: &str, in_word: bool) -> Option<(usize, usize, usize)> {
    let marks = rest.find(|letter| !['b', 'c', 'r'].contains(&letter))?;
    if marks > 2 || (in_word && marks > 0) {
        return None;
    }
    let after = &rest[marks..];
    if rest[..marks].ends_with('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if !after[hashes..].starts_with('"') {
            return None;
        }
        let prefix = marks + hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = rest[prefix..].find(&end).unwrap_or(rest.len() - prefix);
        return Some((
            prefix,
            inside,
            (prefix + inside + end.len()).min(rest.len()),
        ));
    }
    if !after.starts_with('"') {
        return None;
    }
    let prefix = marks + 1;
    let mut escaped = false;
    for (at, letter) in rest[prefix..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((prefix, at, prefix + at + 1)),
            _ => {}
        }
    }
    Some((prefix, rest.len() - prefix, rest.len()))
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        // The escaped letter itself may be a quote.
        let skipped = escape.chars().next()?.len_utf8();
        return escape[skipped..].find('\'').map(|at| 2 + skipped + at + 1);
    }
    let letter = inside.chars().next()?;
    inside[letter.len_utf8()..]
        .starts_with('\'')
        .then(|| letter.len_utf8() + 2)
}

/// From each `#[cfg(test)]` to the end of what it is about.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let after = start + attribute.len();
        let (mut open, mut end) = (0, code.len());
        for (at, letter) in code[after..].char_indices() {
            match letter {
                '{' => open += 1,
                '}' => open -= 1,
                ';' if open == 0 => {}
                _ => continue,
            }
            if open == 0 {
                end = after + at + 1;
                break;
            }
        }
        items.push((start, end));
    }
    items
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
// sqlx:: in a comment
/* sqlx:: /* nested */ sqlx:: */
fn a<'a>(x: &'a str) -> char { let _ = "sqlx:: \" sqlx::"; let _ = r#"sqlx:: " "#; let _ = br"x"; '"' }
fn b() { let q = '\''; let u = '\u{e4}'; sqlx::real(); }
#[cfg(test)]
mod tests { fn c() { sqlx::query("SELECT 1 FROM t"); } }
fn d() { sqlx::late() }
"##;
    let source = Source::new("worker/x.rs", text);
    assert_eq!(source.code.len(), source.text.len());
    let lines: Vec<usize> = source
        .places("sqlx::")
        .map(|at| text[..at].matches('\n').count() + 1)
        .collect();
    assert_eq!(lines, [5, 8]);
    let literals: Vec<&str> = source
        .literals
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(literals, ["sqlx:: \\\" sqlx::", "sqlx:: \" ", "x"]);
}

#[test]
fn names_are_whole_words() {
    let source = Source::new(
        "a.rs",
        "fn f() { my_rand::x(); rand::y(); HashMapLike; HashMap }",
    );
    assert_eq!(source.places("rand::").count(), 1);
    assert_eq!(source.places("HashMap").count(), 1);
}

#[test]
fn rooms_and_depths() {
    for (path, room, depth) in [
        ("main.rs", "main", 0),
        ("lib.rs", "lib", 0),
        ("clock.rs", "clock", 1),
        ("store/mod.rs", "store", 1),
        ("store/intents.rs", "store", 2),
        ("dev/postgres/server.rs", "dev", 3),
    ] {
        let source = Source::new(path, "");
        assert_eq!((source.room(), source.depth()), (room, depth), "{path}");
    }
}
