#[test]
fn placeholder() {
    assert!(!stellar_submitter::rpc::MAX_BODY_BYTES.is_power_of_two());
}
