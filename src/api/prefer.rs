//! `Prefer: wait=SECONDS` (RFC 7240).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

use super::problem::{Problem, Violation};

/// The header.
pub const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The longest that a client may ask us to wait.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// How many seconds the client wants to wait for a final answer, if it said so. Other preferences are not ours.
///
/// # Errors
/// 400 for a wait that is no whole number of 0 to 60 seconds: to wait for another time than asked would surprise.
pub fn wait(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    for value in headers.get_all(PREFER) {
        let text = value.to_str().map_err(|_| refuse())?;
        for preference in text.split(',') {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            if !name.trim().eq_ignore_ascii_case("wait") {
                continue;
            }
            // The first one counts.
            let value = value.trim().trim_matches('"');
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let seconds = value.parse::<u32>().ok().filter(|_| digits);
            return seconds
                .filter(|seconds| u64::from(*seconds) <= MAX_WAIT.as_secs())
                .map(Some)
                .ok_or_else(refuse);
        }
    }
    Ok(None)
}

fn refuse() -> Problem {
    Problem::invalid(vec![Violation::header(
        "Prefer",
        format!(
            "must say wait=N with N from 0 to {} seconds",
            MAX_WAIT.as_secs()
        ),
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(values: &[&'static str]) -> Option<Option<u32>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, axum::http::HeaderValue::from_static(value));
        }
        wait(&headers).ok()
    }

    #[test]
    fn waits_are_found_among_other_preferences() {
        assert_eq!(waits(&[]), Some(None));
        assert_eq!(waits(&["respond-async"]), Some(None));
        assert_eq!(waits(&["return=minimal; waiting=5"]), Some(None));
        assert_eq!(waits(&["wait=0"]), Some(Some(0)));
        assert_eq!(waits(&["respond-async, wait=10"]), Some(Some(10)));
        assert_eq!(waits(&["respond-async", "Wait = \"60\""]), Some(Some(60)));
        assert_eq!(waits(&["wait=3, wait=4"]), Some(Some(3)));
    }

    #[test]
    fn other_waits_are_refused() {
        for value in [
            "wait", "wait=", "wait=61", "wait=-1", "wait=+1", "wait=1.5", "wait=ten",
        ] {
            assert_eq!(waits(&[value]), None, "{value}");
        }
    }
}
