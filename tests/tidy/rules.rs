//! The rules, each with a breach that it must catch and a neighbour that it must not.

use crate::imports::imported;
use crate::source::{Source, is_word};

/// Letters of the shortest sentence that can be a reason.
const REASON_LETTERS: usize = 10;

/// Whether `path` is one of the places; a folder ends with a slash.
fn stands_in(path: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| *place == path || (place.ends_with('/') && path.starts_with(place)))
}

pub fn only_in(source: &Source, rules: &[(&str, &str, &[&str])]) -> Vec<String> {
    rules
        .iter()
        .filter(|(_, _, places)| !stands_in(&source.path, places))
        .flat_map(|(name, why, _)| named(source, name, why))
        .collect()
}

pub fn not_in(room: &str, source: &Source, names: &[(&str, &str)]) -> Vec<String> {
    if source.room() != room {
        return Vec::new();
    }
    nowhere(source, names)
}

pub fn nowhere(source: &Source, names: &[(&str, &str)]) -> Vec<String> {
    names
        .iter()
        .flat_map(|(name, why)| named(source, name, why))
        .collect()
}

/// Where the code or a `use` names it. A name of a crate (`sqlx::`) is not the module of that name in another path.
fn named(source: &Source, name: &str, why: &str) -> Vec<String> {
    let path = name.strip_suffix("::").unwrap_or(name);
    let is_crate = path != name;
    let mut places: Vec<usize> = source
        .places(name)
        .filter(|at| !is_crate || !source.code[..*at].ends_with("::"))
        .collect();
    for (at, imported) in imported(source) {
        let below = imported.strip_prefix(path);
        if path.contains("::") || is_crate {
            let names_it = below.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            places.extend(names_it.then_some(at));
        }
    }
    // One finding a line.
    let mut findings: Vec<String> = places
        .into_iter()
        .map(|at| source.finding(at, &format!("`{name}`: {why}")))
        .collect();
    findings.sort();
    findings.dedup();
    findings
}

/// `expect("…")` whose text gives no reason, or that is given something else than a text.
pub fn expect_without_reason(source: &Source) -> Vec<String> {
    let call = ".expect(";
    source
        .places(call)
        .filter(|at| {
            let argument = at + call.len();
            let spaces = source.code[argument..]
                .find(|letter: char| !letter.is_whitespace())
                .unwrap_or(0);
            let reason = source
                .literals
                .iter()
                .find(|(start, _)| *start == argument + spaces)
                .map_or("", |(_, text)| text.as_str());
            reason.len() < REASON_LETTERS || !reason.contains(' ')
        })
        .map(|at| source.finding(at, "`expect` must say why it cannot fail"))
        .collect()
}

pub fn sql_outside(room: &str, source: &Source, statements: &[(&str, &[&str])]) -> Vec<String> {
    if source.room() == room {
        return Vec::new();
    }
    let is_sql = |text: &str| {
        // One space between words, so that a statement over several lines reads like one.
        let words: Vec<&str> = text.split_whitespace().collect();
        let flat = words.join(" ").to_lowercase();
        statements.iter().any(|(beginning, proofs)| {
            flat.strip_prefix(beginning).is_some_and(|rest| {
                proofs.is_empty() || proofs.iter().any(|proof| rest.contains(proof))
            })
        })
    };
    source
        .literals
        .iter()
        .filter(|(_, text)| is_sql(text))
        .map(|(at, text)| source.finding(*at, &format!("SQL outside the store: {text:?}")))
        .collect()
}

pub fn too_long(source: &Source, limit: usize, longer: &[(&str, &str)]) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= limit || longer.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    vec![source.finding(0, &format!("{lines} lines, more than {limit}"))]
}

/// Files and types whose name has a vague word in it.
pub fn vague(source: &Source, words: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for part in source.path.trim_end_matches(".rs").split(['/', '_']) {
        if words.contains(&part) {
            findings.push(source.finding(0, &format!("a file named `{part}`")));
        }
    }
    for keyword in ["struct ", "enum ", "trait ", "mod "] {
        for at in source.places(keyword) {
            let name: String = source.code[at + keyword.len()..]
                .chars()
                .take_while(|letter| is_word(*letter))
                .collect();
            if humps(&name)
                .iter()
                .any(|hump| words.contains(&hump.as_str()))
            {
                findings.push(source.finding(at, &format!("`{name}` is a vague name")));
            }
        }
    }
    findings
}

/// `PoolManager` and `pool_manager` → `pool`, `manager`.
fn humps(name: &str) -> Vec<String> {
    let mut humps = vec![String::new()];
    for letter in name.chars() {
        if letter.is_uppercase() || letter == '_' {
            humps.push(String::new());
        }
        if letter != '_' {
            humps.last_mut().unwrap().extend(letter.to_lowercase());
        }
    }
    humps
}

pub fn machine(path: &str, text: &str, words: &[&str]) -> Vec<String> {
    text.lines()
        .enumerate()
        .flat_map(|(number, line)| {
            words
                .iter()
                .filter(move |word| line.contains(**word))
                .map(move |word| format!("{path}:{}: `{word}`", number + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MACHINES, NOT_IN_DOMAIN, NOWHERE, ONLY_IN, SQL, VAGUE};

    fn count(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&Source::new(path, text)).len()
    }

    #[test]
    fn names_outside_their_place_are_caught() {
        let rule = |source: &Source| only_in(source, ONLY_IN);
        for (name, _, places) in ONLY_IN {
            let text = format!("fn f() {{ let x = {name}(); }}");
            assert_eq!(count(rule, "worker/submit.rs", &text), 1, "{name}");
            for place in *places {
                let path = if place.ends_with('/') {
                    format!("{place}x.rs")
                } else {
                    (*place).to_owned()
                };
                assert_eq!(count(rule, &path, &text), 0, "{name} in {path}");
            }
        }
        assert_eq!(
            count(rule, "api/mod.rs", "use backoff::ExponentialBackoff;"),
            1
        );
        assert_eq!(count(rule, "api/mod.rs", "use backoff;"), 1);
        assert_eq!(
            count(rule, "api/mod.rs", "let backoff = retry::backoff::x();"),
            0
        );
        assert_eq!(count(rule, "sandbox/ledger.rs", "SystemTime::now()"), 1);
        assert_eq!(
            count(rule, "api/mod.rs", "#[from] std::time::SystemTime::now()"),
            1
        );
    }

    #[test]
    fn impurity_is_caught() {
        let rule = |source: &Source| not_in("domain", source, NOT_IN_DOMAIN);
        for text in [
            "use std::{fs, fmt};",
            "use std::{\n    fmt,\n    net::{TcpStream, UdpSocket},\n};",
            "use std::env;",
            "use tokio::sync::Notify;",
            "use rand;",
        ] {
            assert_eq!(count(rule, "domain/decide.rs", text), 1, "{text}");
        }
        assert_eq!(
            count(rule, "domain/decide.rs", "use std::{fmt, str::FromStr};"),
            0
        );
        for (name, _) in NOT_IN_DOMAIN {
            let text = format!("{name} x()");
            assert_eq!(count(rule, "domain/decide.rs", &text), 1, "{name}");
            assert_eq!(count(rule, "worker/submit.rs", &text), 0, "{name}");
        }
    }

    #[test]
    fn unwraps_and_stubs_are_caught() {
        let rule = |source: &Source| nowhere(source, NOWHERE);
        for text in [
            "x.unwrap();",
            "x\n    .unwrap()",
            "todo!()",
            "unimplemented!(\"later\")",
            "dbg!(x)",
        ] {
            assert_eq!(count(rule, "api/mod.rs", text), 1, "{text}");
        }
        for text in [
            "x.unwrap_or(1)",
            "// x.unwrap()",
            "#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }",
        ] {
            assert_eq!(count(rule, "api/mod.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn an_expect_without_a_reason_is_caught() {
        for text in [
            "x.expect(\"\")",
            "x.expect(\"failed\")",
            "x.expect(MESSAGE)",
            "x.expect(\n  \"no\")",
        ] {
            assert_eq!(
                count(expect_without_reason, "api/mod.rs", text),
                1,
                "{text}"
            );
        }
        let good = "x.expect(\n    \"the template is a constant\",\n)";
        assert_eq!(count(expect_without_reason, "api/mod.rs", good), 0);
    }

    #[test]
    fn sql_is_caught() {
        let rule = |source: &Source| sql_outside("store", source, SQL);
        for text in [
            "SELECT id FROM intents",
            "SELECT pg_advisory_lock(1)",
            "\n   INSERT INTO intents\n   (id) VALUES ($1)",
            "UPDATE intents SET status = 'queued'",
            "WITH due AS (SELECT 1) SELECT * FROM due",
            "DELETE FROM intents WHERE true AND id IN (1)",
            "DELETE FROM intents WHERE id = any($1)",
        ] {
            let code = format!("fn f() {{ run(r#\"{text}\"#) }}");
            assert_eq!(count(rule, "api/intents.rs", &code), 1, "{text}");
            assert_eq!(count(rule, "store/intents.rs", &code), 0, "{text}");
        }
        for text in [
            "select a channel",
            "update the fee, please",
            "listen on this address",
            "with love",
        ] {
            let code = format!("fn f() {{ say(\"{text}\") }}");
            assert_eq!(count(rule, "cli/run.rs", &code), 0, "{text}");
        }
    }

    #[test]
    fn long_files_are_caught() {
        let text = "\n".repeat(5);
        assert_eq!(
            count(|source| too_long(source, 4, &[]), "api/mod.rs", &text),
            1
        );
        assert_eq!(
            count(|source| too_long(source, 5, &[]), "api/mod.rs", &text),
            0
        );
        let excepted = |source: &Source| too_long(source, 4, &[("api/mod.rs", "a table")]);
        assert_eq!(count(excepted, "api/mod.rs", &text), 0);
    }

    #[test]
    fn vague_names_are_caught() {
        let rule = |source: &Source| vague(source, VAGUE);
        for (path, text) in [
            ("api/utils.rs", ""),
            ("store/lease_manager.rs", ""),
            ("api/mod.rs", "pub struct PoolManager {}"),
            ("api/mod.rs", "trait IntentService: Send {}"),
            ("api/mod.rs", "mod helper;"),
        ] {
            assert_eq!(count(rule, path, text), 1, "{path} {text}");
        }
        assert_eq!(
            count(rule, "api/mod.rs", "struct Utility; enum Managed {}"),
            0
        );
    }

    #[test]
    fn paths_of_one_machine_are_caught() {
        for word in MACHINES {
            let text = format!("fine\nsee {word}x");
            assert_eq!(machine("README.md", &text, MACHINES).len(), 1, "{word}");
        }
        assert_eq!(machine("README.md", "a workaround", MACHINES).len(), 0);
    }
}
