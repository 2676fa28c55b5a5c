//! Secret seeds (`S…`): found wherever they stand, so that none is stored, shown or repeated.

/// Letters of a written seed.
const SEED_LETTERS: usize = 56;

/// Whether a seed with a right checksum stands anywhere in the text, or is the text in another case.
#[must_use]
pub fn holds_seed(text: &str) -> bool {
    let whole = text.trim();
    let within = text.as_bytes().windows(SEED_LETTERS).any(|window| {
        window[0] == b'S'
            && window.iter().all(is_base32)
            && std::str::from_utf8(window).is_ok_and(is_seed)
    });
    // Every seed begins with an S; addresses, which are as long, need no second look.
    within
        || (whole.len() == SEED_LETTERS
            && whole.starts_with(['S', 's'])
            && is_seed(&whole.to_ascii_uppercase()))
}

/// Whether the text could be meant as a seed, with letters mistyped.
#[must_use]
pub fn looks_like_seed(text: &str) -> bool {
    text.len() == SEED_LETTERS
        && text.starts_with('S')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_seed(text: &str) -> bool {
    text.parse::<stellar_strkey::ed25519::PrivateKey>().is_ok()
}

const fn is_base32(byte: &u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}
