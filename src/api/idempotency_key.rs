//! The header Idempotency-Key: quoted, as the IETF draft says, or bare, as most clients send it.

use axum::http::HeaderMap;

use super::problem::Problem;

/// The header and its alias.
const NAMES: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

/// The most characters of a key.
const MAX_CHARACTERS: usize = 255;

/// The key of a request, if it has one.
///
/// # Errors
/// 400 for one that cannot be used, or two that differ.
pub fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut found: Option<String> = None;
    for value in NAMES.iter().flat_map(|name| headers.get_all(*name)) {
        let text = value.to_str().map_err(|_| invalid())?;
        let key = unquote(text.trim_matches([' ', '\t'])).ok_or_else(invalid)?;
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || key.is_empty() || key.len() > MAX_CHARACTERS {
            return Err(invalid());
        }
        if found.as_ref().is_some_and(|other| *other != key) {
            return Err(Problem::key_invalid(
                "the request has two keys that differ: send one",
            ));
        }
        found = Some(key);
    }
    Ok(found)
}

fn invalid() -> Problem {
    Problem::key_invalid("a key has 1 to 255 visible ASCII characters, in double quotes or not")
}

/// A bare key as it is; a quoted one as a string of RFC 8941 without its quotes.
fn unquote(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Some(text.to_owned());
    };
    let inner = quoted.strip_suffix('"')?;
    let mut key = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        key.push(match letter {
            '\\' => letters.next().filter(|next| ['\\', '"'].contains(next))?,
            '"' => return None,
            other => other,
        });
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[(&'static str, &str)]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, value.parse().unwrap());
        }
        read(&headers).map_err(|_| ())
    }

    #[test]
    fn quoted_and_bare_are_one_key() {
        let own = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[("idempotency-key", "a-1")]), own("a-1"));
        assert_eq!(key(&[("idempotency-key", "\"a-1\"")]), own("a-1"));
        assert_eq!(key(&[("x-idempotency-key", "a-1")]), own("a-1"));
        let both = [("idempotency-key", "\"a\""), ("x-idempotency-key", "a")];
        assert_eq!(key(&both), own("a"));
        assert_eq!(key(&[("idempotency-key", r#""a\"b\\c""#)]), own("a\"b\\c"));
        let longest = "k".repeat(255);
        assert_eq!(key(&[("idempotency-key", &longest)]), own(&longest));
    }

    #[test]
    fn others_are_refused() {
        for bad in [
            "",
            "\"\"",
            "\"a",
            "\"a\"b\"",
            "\"a\\n\"",
            "a b",
            "\"a b\"",
            "\"",
            &"k".repeat(256),
        ] {
            assert_eq!(key(&[("idempotency-key", bad)]), Err(()), "{bad}");
        }
        let differ = [("idempotency-key", "a"), ("x-idempotency-key", "b")];
        assert_eq!(key(&differ), Err(()));
        assert_eq!(
            key(&[("idempotency-key", "a"), ("idempotency-key", "b")]),
            Err(())
        );
        let mut latin = HeaderMap::new();
        latin.append(
            "idempotency-key",
            axum::http::HeaderValue::from_bytes(b"\xe9").unwrap(),
        );
        assert!(read(&latin).is_err());
    }
}
