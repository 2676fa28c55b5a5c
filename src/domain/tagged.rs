//! Which of the ids in a landed envelope is the tag. Our keys sign tags alone; but a payer may sign with an id of his own, and
//! anybody can put a fee bump with an id of theirs around what they see on the network.

use stellar_xdr as xdr;

use super::envelope::tag_of;
use super::primitives::AccountId;
use super::soroban_plan::signed_nonce_tag;
use super::tag::Tag;

/// The tag that one of `our` accounts has signed where only we can have put it: the id of a fee bump's source, or else the nonce
/// of a call's authorisation. Where there is none of these, what [`tag_of`] finds.
#[must_use]
pub fn tag_by(
    inner: &xdr::Transaction,
    bump: Option<&xdr::FeeBumpTransaction>,
    our: impl Fn(AccountId) -> bool,
) -> Option<Tag> {
    let bump_tag = bump
        .filter(|bump| our(AccountId::of_muxed(&bump.fee_source)))
        .and_then(|bump| Tag::of_account(&bump.fee_source));
    let nonce_tag = || {
        let (signer, tag) = signed_nonce_tag(&inner.operations.first()?.body)?;
        our(signer).then_some(tag)
    };
    bump_tag.or_else(nonce_tag).or_else(|| tag_of(inner, bump))
}
