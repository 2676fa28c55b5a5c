//! Secret keys do not leave this process, wherever a client has pasted them.

/// The characters of a secret key as text.
const SEED_CHARACTERS: usize = 56;

/// Takes out everything that looks like a secret key: clients paste them into the strangest places, field names and paths too.
pub fn redact_seeds(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (token, after) = rest.split_at(word);
        out.push_str(if looks_like_a_seed(token) {
            "[secret key]"
        } else {
            token
        });
        let gap = after
            .find(|letter: char| letter.is_ascii_alphanumeric())
            .unwrap_or(after.len());
        let (other, next) = after.split_at(gap);
        out.push_str(other);
        rest = next;
    }
    out
}

fn looks_like_a_seed(token: &str) -> bool {
    token.len() == SEED_CHARACTERS
        && token.starts_with('S')
        && token
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::redact_seeds;

    #[test]
    fn seeds_are_taken_out_wherever_they_stand_and_addresses_stay() {
        let seed = format!("S{}", "A".repeat(55));
        let address = format!("G{}", "A".repeat(55));
        let text = format!("{{\"/{seed}\": \"{address} {seed}\"}}");
        let expected = format!("{{\"/[secret key]\": \"{address} [secret key]\"}}");
        assert_eq!(redact_seeds(&text), expected);
        assert_eq!(redact_seeds(&seed), "[secret key]");
        assert_eq!(redact_seeds("é/ü"), "é/ü");
    }
}
