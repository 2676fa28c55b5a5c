//! Files that are wrong: every mistake with its line, and nothing is posted.

use std::fmt::Write as _;

use serde_json::{Value, json};
use stellar_submitter::signer::SecretKey;

use crate::dev::{dev, unfunded};
use crate::program::{Files, Ran, argument, at, run};

fn check(file: &str) -> Ran {
    run(&["submit", file, "--check"], &[])
}

/// The lines that name a mistake.
fn named(ran: &Ran) -> Vec<&str> {
    ran.out
        .lines()
        .filter(|line| line.starts_with("line "))
        .collect()
}

#[test]
fn each_bad_row_is_named_with_its_line_column_and_pointer() {
    let good = unfunded();
    for newline in ["\n", "\r\n"] {
        for end in ["", newline] {
            let lines = [
                // Line 1, after a byte order mark.
                "\u{feff}workflow_id, destination ,amount,memo,memo_type,metadata".to_owned(),
                format!("right,{good},1,,,"),
                String::new(),
                format!("a,{good},1.00000001,,,"),
                // Two lines.
                format!("b,{good},1,\"text{newline}text\",colour,"),
                ",,,,,".to_owned(),
                format!(",{},1,,,", &good[..55]),
                format!("c,{good},1,,text,"),
                format!("d,{good},1,,,{{"),
                format!("e,{good},1,,,\"{{\"\"a\"\":1,\"\"a\"\":2}}\""),
                format!("f,{good},1,,"),
                format!("right,{good},1.5,,,"),
            ];
            let text = lines.join(newline) + end;
            let files = Files::new();
            let ran = check(&files.write("rows.csv", text));
            let complaint = ran.complaint(1);
            assert_eq!(complaint, "8 of 9 rows are wrong; nothing was posted");
            let expected = [
                "line 4: amount has more than 7 decimal places (/operations/0/amount)",
                "line 5: memo_type must be text, id, hash or return (/memo/type)",
                "line 8: workflow_id is required (/workflow_id)",
                "line 8: destination ",
                "line 9: memo is required (/memo/value)",
                "line 10: metadata is not JSON at character 1 (/metadata)",
                "line 11: metadata is given twice, again at character ",
                "line 12: has 5 fields, and the header has 6",
                "line 13: has the workflow_id and method of line 2, and asks for something else",
            ];
            let found = named(&ran);
            assert_eq!(found.len(), expected.len(), "{ran:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{found:?}, not {expected:?}");
            }
        }
    }
}

#[test]
fn a_header_is_known_whole_and_once() {
    let files = Files::new();
    for (head, words) in [
        (
            "workflow_id,destination,amount,colour",
            &["\"colour\" is not known", "memo_type"][..],
        ),
        (
            "workflow_id;destination;amount",
            &["\"workflow_id;destination;amount\" is not known"],
        ),
        (
            "workflow_id,destination,amount,amount",
            &["the column amount is given twice"],
        ),
        ("workflow_id,destination", &["the column amount is missing"]),
        ("", &["is empty", "workflow_id"]),
        ("Workflow_Id,destination,amount", &["\"Workflow_Id\""]),
    ] {
        let ran = check(&files.write("head.csv", head));
        let complaint = ran.complaint(1);
        for word in words {
            assert!(complaint.contains(word), "{word:?} is not in {complaint}");
        }
    }
    let ran = check(&files.write("head.csv", "workflow_id,destination,amount\n"));
    assert_eq!(ran.fine().out, "0 rows, all right\n");
}

#[test]
fn each_bad_line_of_ndjson_is_named() {
    let good = |name: &str| {
        json!({"workflow_id": name, "operations": [
            {"type": "payment", "destination": unfunded(), "asset": "native", "amount": "1"},
        ]})
        .to_string()
    };
    let mut text = b"\xef\xbb\xbf".to_vec();
    for line in [
        good("a").as_bytes(),
        b"{\"workflow_id\": \"b\"}",
        b"   ",
        b"{\"workflow_id\": }",
        b"{\"workflow_id\": \"c\", \"workflow_id\": \"d\"}",
        b"{\"workflow_id\": \"\xff\"}",
        b"[]",
        good("e").replace("\"1\"", "1").as_bytes(),
        good("f").as_bytes(),
    ] {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let files = Files::new();
    let file = files.write("rows.jsonl", &text);
    let ran = check(&file);
    assert_eq!(
        ran.complaint(1),
        "6 of 8 rows are wrong; nothing was posted"
    );
    let expected = [
        "line 2: /operations is required",
        "line 4: is not JSON at character 17",
        "line 5: /workflow_id is given twice, again at character 34",
        "line 6: ",
        "line 7: must be an object, not an array",
        "line 8: /operations/0/amount must be a string, not a number",
    ];
    let found = named(&ran);
    assert_eq!(found.len(), expected.len(), "{ran:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found:?}, not {expected:?}");
    }
    let report = run(&["submit", &file, "--check", "--json"], &[]);
    assert_eq!(report.code, 1);
    let report = report.json();
    assert_eq!((&report["rows"], &report["bad"]), (&json!(8), &json!(6)));
    assert_eq!(report["bad_rows"][0]["line"], 2);
    let error = &report["bad_rows"][0]["errors"][0];
    assert_eq!(error["pointer"], "/operations");
}

#[test]
fn a_row_without_an_end_takes_no_memory() {
    let files = Files::new();
    let mut csv = format!("workflow_id,destination,amount\nopen,\"{},1\n", unfunded());
    let mut ndjson = "{\"workflow_id\":\"".to_owned();
    for index in 0..200_000 {
        writeln!(csv, "w{index},{},1", &csv[40..50].to_owned()).unwrap();
        ndjson.push_str("workflow ");
    }
    for (name, text, line) in [("open.csv", csv, 2), ("open.ndjson", ndjson, 1)] {
        assert!(text.len() > 1024 * 1024);
        let ran = check(&files.write(name, text));
        let expected = format!("line {line}: is longer than 1048576 bytes");
        assert!(ran.complaint(1).starts_with(&expected), "{ran:?}");
    }
}

#[test]
fn a_secret_key_is_refused_wherever_it_stands_and_never_repeated() {
    use secrecy::ExposeSecret as _;
    let key = SecretKey::from_bytes(rand::random()).written();
    let seed = key.expose_secret();
    let good = unfunded();
    let files = Files::new();
    for text in [
        format!("workflow_id,destination,amount\nw,{seed},1\n"),
        format!("workflow_id,destination,amount\n{seed},{good},1\n"),
        format!("workflow_id,destination,amount\nw,{good},{seed}\n"),
        format!("workflow_id,destination,amount,{seed}\nw,{good},1,\n"),
        format!("workflow_id,destination,amount,metadata\nw,{good},1,\"{{\"\"{seed}\"\":1}}\"\n"),
    ] {
        let ran = check(&files.write("secret.csv", text));
        ran.complaint(1);
        assert!(
            !ran.out.contains(seed) && !ran.err.contains(seed),
            "{ran:?}"
        );
    }
    let twice = format!("{{\"{seed}\":1,\"{seed}\":2}}");
    let ran = check(&files.write("secret.ndjson", twice));
    ran.complaint(1);
    assert!(
        !ran.out.contains(seed) && !ran.err.contains(seed),
        "{ran:?}"
    );
    for arguments in [["get", seed], ["watch", seed], ["cancel", seed]] {
        let ran = run(&arguments, &[]);
        assert!(ran.complaint(2).contains("secret key"), "{ran:?}");
        assert!(!ran.err.contains(seed), "{ran:?}");
    }
    for flag in ["--source", "--destination"] {
        let ran = run(&["list", flag, seed], &[]);
        ran.complaint(2);
        assert!(!ran.err.contains(seed), "{ran:?}");
    }
}

#[test]
fn what_is_no_file_of_rows_is_said() {
    let files = Files::new();
    let ran = check(&files.write("rows.txt", "x"));
    assert!(ran.complaint(2).contains(".csv, .ndjson"), "{ran:?}");
    let ran = check(&argument(&files.path("missing.csv")));
    assert!(
        ran.complaint(1).contains("missing.csv: No such file"),
        "{ran:?}"
    );
    let folder = files.path("folder.csv");
    std::fs::create_dir(&folder).unwrap();
    let ran = check(&argument(&folder));
    assert!(ran.complaint(2).contains("regular file"), "{ran:?}");
}

#[tokio::test]
async fn nothing_of_a_file_with_a_bad_row_is_posted() {
    let dev = dev().await;
    let destination = dev.account().await;
    let files = Files::new();
    let text = format!(
        "workflow_id,destination,amount\nnothing-1,{destination},1\nnothing-2,{destination},-1\n"
    );
    let file = files.write("rows.csv", &text);
    let ran = at(&dev.api, &["submit", &file]);
    assert_eq!(
        ran.complaint(1),
        "1 of 2 rows are wrong; nothing was posted"
    );
    assert!(
        named(&ran)[0].starts_with("line 3: amount is negative"),
        "{ran:?}"
    );
    let list = ["list", "--workflow-id", "nothing-1", "--json"];
    assert_eq!(at(&dev.api, &list).fine().json(), Value::Array(Vec::new()));
    // Nor is the file taken for its own results.
    let ran = at(
        &dev.api,
        &["submit", &file.replace("rows", "right"), "--output", &file],
    );
    ran.complaint(1);
    let right = files.write(
        "right.csv",
        format!("workflow_id,destination,amount\nnothing-3,{destination},1\n"),
    );
    let ran = at(&dev.api, &["submit", &right, "--output", &right]);
    assert!(ran.complaint(2).contains("the file itself"), "{ran:?}");
    assert!(
        std::fs::read_to_string(&right)
            .unwrap()
            .contains("nothing-3")
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
