//! Who knows whom: every path in a file that leads through the crate's root into a room.

use crate::imports::expand;
use crate::source::Source;

/// Every arrow that the table does not allow.
pub fn forbidden(source: &Source, may_know: &[(&str, &str)]) -> Vec<String> {
    // It declares the rooms.
    if source.path == "lib.rs" {
        return Vec::new();
    }
    let room = source.room();
    let Some((_, known)) = may_know.iter().find(|(name, _)| *name == room) else {
        return vec![source.finding(0, &format!("the room `{room}` is not in the table"))];
    };
    arrows(source)
        .into_iter()
        .filter(|(_, target)| target != room && !known.split(' ').any(|known| known == target))
        .map(|(at, target)| source.finding(at, &format!("`{room}` may not know `{target}`")))
        .collect()
}

/// Every (place, first name) after the crate's root.
fn arrows(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in ["crate::", "stellar_submitter::"] {
        for at in source.places(root) {
            names(&source.code[at + root.len()..])
                .into_iter()
                .for_each(|name| found.push((at, name)));
        }
    }
    // `super::super::…` that climbs to the root is the same arrow in other words.
    let climb = "super::".repeat(source.depth());
    if !climb.is_empty() {
        for at in source.places(&climb) {
            let inside_a_climb = source.code[..at].ends_with("super::");
            let climbs_higher = source.code[at + climb.len()..].starts_with("super::");
            if !inside_a_climb && !climbs_higher {
                names(&source.code[at + climb.len()..])
                    .into_iter()
                    .for_each(|name| found.push((at, name)));
            }
        }
    }
    found
}

/// The first name of a path, or of each path in a group: `{domain::{a, b}, store}` → `domain`, `domain`, `store`.
fn names(path: &str) -> Vec<String> {
    expand(path)
        .iter()
        .filter_map(|path| path.split("::").next())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::forbidden;
    use crate::MAY_KNOW;
    use crate::source::Source;

    fn findings(path: &str, text: &str) -> usize {
        forbidden(&Source::new(path, text), MAY_KNOW).len()
    }

    #[test]
    fn forbidden_arrows_are_caught_in_every_spelling() {
        for (path, text) in [
            ("domain/fee.rs", "use crate::store::Row;"),
            ("domain/fee.rs", "fn f() -> crate::clock::Clock {}"),
            ("store/intents.rs", "use crate::horizon;"),
            (
                "store/intents.rs",
                "use crate::{\n    domain::{a, b},\n    signer,\n};",
            ),
            ("store/intents.rs", "use super::super::worker::Lease;"),
            ("clock.rs", "use super::store::Row;"),
            ("api/mod.rs", "pub use crate::horizon::Client as C;"),
            ("sandbox/ledger.rs", "use crate::domain::fee::Stroops;"),
            ("worker/submit.rs", "use crate::daemon::Wiring;"),
            ("worker/submit.rs", "use crate::*;"),
            ("daemon.rs", "use crate::dev::postgres::Postgres;"),
            ("main.rs", "use stellar_submitter::store;"),
            ("cellar/mod.rs", "fn a_new_room() {}"),
        ] {
            assert_eq!(findings(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn allowed_arrows_and_own_rooms_are_not() {
        for (path, text) in [
            (
                "store/intents.rs",
                "use crate::domain::{a, b}; use super::leases; use crate::store::x;",
            ),
            (
                "dev/postgres/server.rs",
                "use super::super::demo; pub(in crate::dev) fn f() {}",
            ),
            (
                "worker/submit.rs",
                "use crate::{clock, domain, retry, store};",
            ),
            ("main.rs", "fn main() { stellar_submitter::cli::run() }"),
            (
                "domain/fee.rs",
                "// crate::store\n#[cfg(test)] mod tests { use crate::store; }",
            ),
            ("lib.rs", "pub mod store;"),
        ] {
            assert_eq!(findings(path, text), 0, "{path}: {text}");
        }
    }
}
