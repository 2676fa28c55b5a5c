//! The tag: what every transaction of an intent carries.

use proptest::prelude::*;
use stellar_submitter::domain::primitives::NetworkId;
use stellar_submitter::domain::tag::Tag;

use crate::fixture::network;

const TOP_BIT: u64 = 1 << 63;

#[test]
fn a_digest_that_begins_with_zeros_gives_one() {
    let mut digest = [0; 32];
    assert_eq!(Tag::from_digest(digest).get(), 1);
    digest[0] = 0x80;
    assert_eq!(
        Tag::from_digest(digest).get(),
        1,
        "the top bit is cleared first"
    );
    digest[8..].fill(0xff);
    assert_eq!(Tag::from_digest(digest).get(), 1, "only eight bytes count");
    digest[7] = 2;
    assert_eq!(Tag::from_digest(digest).get(), 2);
    assert_eq!(Tag::from_digest([0xff; 32]).get(), u64::MAX >> 1);
}

#[test]
fn a_length_stands_before_each_part() {
    let tag = |tenant, workflow, method| Tag::derive(network(), tenant, workflow, method);
    let same_letters = [
        tag("ab", "c", "d"),
        tag("a", "bc", "d"),
        tag("a", "b", "cd"),
        tag("", "abc", "d"),
        tag("abcd", "", ""),
        tag("", "", "abcd"),
    ];
    for (index, tag) in same_letters.iter().enumerate() {
        assert!(!same_letters[..index].contains(tag), "{index}");
    }
}

#[test]
fn only_a_muxed_id_that_can_be_a_tag_is_one() {
    assert_eq!(Tag::from_muxed_id(0), None);
    assert_eq!(Tag::from_muxed_id(TOP_BIT), None);
    assert_eq!(Tag::from_muxed_id(u64::MAX), None);
    assert_eq!(Tag::from_muxed_id(1).map(Tag::get), Some(1));
    assert_eq!(
        Tag::from_muxed_id(TOP_BIT - 1).map(Tag::get),
        Some(TOP_BIT - 1)
    );
    assert_eq!(Tag::from_i64(0), None);
    assert_eq!(Tag::from_i64(-1), None);
    assert_eq!(Tag::from_i64(i64::MIN), None);
}

proptest! {
    #[test]
    fn a_tag_is_never_zero_and_fits_63_bits(digest in any::<[u8; 32]>()) {
        let tag = Tag::from_digest(digest);
        prop_assert!(tag.get() > 0 && tag.get() < TOP_BIT);
        prop_assert_eq!(Tag::from_muxed_id(tag.get()), Some(tag));
        prop_assert_eq!(Tag::from_i64(tag.to_i64()), Some(tag));
        prop_assert_eq!(tag.to_string().parse::<u64>(), Ok(tag.get()));
    }

    #[test]
    fn each_part_of_the_key_and_the_network_change_the_tag(
        tenant in ".{0,20}", workflow in ".{1,20}", method in ".{1,20}", extra in ".{1,3}",
        passphrase in ".{1,20}",
    ) {
        let tag = Tag::derive(network(), &tenant, &workflow, &method);
        prop_assert_eq!(tag, Tag::derive(network(), &tenant, &workflow, &method));
        let longer = |text: &str| format!("{text}{extra}");
        prop_assert_ne!(tag, Tag::derive(network(), &longer(&tenant), &workflow, &method));
        prop_assert_ne!(tag, Tag::derive(network(), &tenant, &longer(&workflow), &method));
        prop_assert_ne!(tag, Tag::derive(network(), &tenant, &workflow, &longer(&method)));
        prop_assert_ne!(tag, Tag::derive(NetworkId::of(&passphrase), &tenant, &workflow, &method));
        if tenant != workflow {
            prop_assert_ne!(tag, Tag::derive(network(), &workflow, &tenant, &method));
        }
    }
}
