//! Where two requests differ, whichever of the two has more.

use serde_json::{Value, json};
use stellar_submitter::domain::intent::first_difference;

use crate::bodies::{body, good, request};

#[test]
fn what_only_one_of_two_has_is_a_difference_whichever_it_is() {
    let with = |metadata: &Value| {
        let mut given = body(&[good("payment")]);
        given["metadata"] = metadata.clone();
        request(&given)
    };
    for (less, more, pointer) in [
        (json!({}), json!({"b": 1}), "/metadata/b"),
        (json!({"a": 1}), json!({"a": 1, "b": 2}), "/metadata/b"),
        // Null is a value of the user's own object.
        (json!({"a": 1}), json!({"a": 1, "b": null}), "/metadata/b"),
        (
            json!({"a": {"x": 1}}),
            json!({"a": {"x": 1, "y": {}}}),
            "/metadata/a/y",
        ),
        (
            json!({"a": [{"x": 1}]}),
            json!({"a": [{"w": 0, "x": 1}]}),
            "/metadata/a/0/w",
        ),
        (json!({"a": []}), json!({"a": [0]}), "/metadata/a/0"),
        (json!({"a": [1]}), json!({"a": [1, 2, 3]}), "/metadata/a/1"),
    ] {
        let (less, more) = (with(&less), with(&more));
        for (left, right) in [(&less, &more), (&more, &less)] {
            let found = first_difference(left, right);
            assert_eq!(found.as_deref(), Some(pointer), "{}", left.to_text());
        }
        assert_eq!(first_difference(&more, &more), None);
    }
}
