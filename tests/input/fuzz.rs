//! The fuzz targets on the stable toolchain: each begins with what is real, changes it, and looks at what comes of it. A failure
//! is made as small as it gets, and its input is kept under `target/tmp`.
//!
//! `FUZZ_SECONDS` says for how long each target is run, `FUZZ_SEED` (a number) with which changes. Where neither is said, the changes
//! are the same each time: whoever only runs the tests is not held up by what luck finds.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use targets::{TARGETS, Target};

/// For how long a target runs where nothing is said, in seconds.
const SECONDS: u64 = 3;

/// The changes where nothing is said.
const SEED: u64 = 1;

/// The most bytes of an input that is made by changes.
const MAX_INPUT_BYTES: usize = 64 * 1024;

/// How long may be computed for any input, without optimisation: what is made once.
const TIME: Duration = Duration::from_secs(2);

/// How long for each byte of it: a row of six bytes is read, refused and hashed in some 30 µs. What looks at all before each byte
/// takes a hundred times as long for the largest inputs.
const TIME_PER_BYTE: Duration = Duration::from_micros(30);

/// After how long without an end an input is taken for one that never ends.
const NEVER: Duration = Duration::from_secs(60);

/// The memory that any input may take: what is made once, and errors.
const MEMORY: i64 = 2 << 20;

/// The bytes of memory for each byte of an input: a value of JSON takes 32, and a list that grows three times as much.
const MEMORY_PER_BYTE: i64 = 160;

/// Texts that mean something, or nearly.
const TOKENS: [&str; 43] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "0",
    "-0",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "4294967295",
    "1.0000000",
    "0.00000001",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\"native\"",
    "\"G\"",
    "\"S\"",
    "\"M\"",
    "\"workflow_id\"",
    "\"operations\"",
    "\"type\"",
    "\"xdr\"",
    "\"transaction_xdr\"",
    "\"metadata\"",
    "\"hash\"",
    "\"sequence\"",
    "\"_embedded\"",
    "\"result\"",
    "\"id\"",
    "\"latestLedger\"",
    "\"records\"",
    "\"9999-12-31T23:59:59.999999999+00:00\"",
    "\"0001-01-01T00:00:00Z\"",
    ",",
    "\n",
    "\r\n",
    "\"\"\"",
    "payment",
    "=",
];

/// One change. Places are parts of 65,536 of the input's length.
#[derive(Clone, Debug)]
enum Edit {
    Set(u16, u8),
    Flip(u16, u8),
    Insert(u16, Vec<u8>),
    Delete(u16, u16),
    Copy(u16, u16, u16),
    Token(u16, usize),
    /// In place of the number, word or text that stands there.
    Replace(u16, usize),
    Truncate(u16),
    /// A piece of another seed.
    Splice(u16, usize, u16, u16),
    Repeat(u16, u8, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let any_byte = any::<u8>;
    let place = any::<u16>;
    let token = || 0..TOKENS.len();
    prop_oneof![
        2 => (place(), any_byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        2 => (place(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => (place(), vec(any_byte(), 1..9)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (place(), 1..64_u16).prop_map(|(at, length)| Edit::Delete(at, length)),
        2 => (place(), place(), 1..200_u16).prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
        2 => (place(), token()).prop_map(|(at, token)| Edit::Token(at, token)),
        4 => (place(), token()).prop_map(|(at, token)| Edit::Replace(at, token)),
        1 => place().prop_map(Edit::Truncate),
        2 => (place(), any::<usize>(), place(), 1..500_u16).prop_map(|(at, seed, from, length)| Edit::Splice(at, seed, from, length)),
        1 => (place(), any_byte(), any_byte()).prop_map(|(at, byte, times)| Edit::Repeat(at, byte, times)),
    ]
}

fn place(bytes: &[u8], at: u16) -> usize {
    bytes.len() * usize::from(at) / (usize::from(u16::MAX) + 1)
}

fn piece(bytes: &[u8], from: u16, length: u16) -> Vec<u8> {
    let from = place(bytes, from);
    let end = bytes.len().min(from + usize::from(length));
    bytes[from..end].to_vec()
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        match self {
            Self::Set(at, byte) => {
                let at = place(bytes, *at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Self::Flip(at, bit) => {
                let at = place(bytes, *at);
                if let Some(there) = bytes.get_mut(at) {
                    *there ^= 1 << bit;
                }
            }
            Self::Insert(at, piece) => insert(bytes, place(bytes, *at), piece),
            Self::Delete(at, length) => {
                let at = place(bytes, *at);
                let end = bytes.len().min(at + usize::from(*length));
                bytes.drain(at..end);
            }
            Self::Copy(from, to, length) => {
                let piece = piece(bytes, *from, *length);
                insert(bytes, place(bytes, *to), &piece);
            }
            Self::Token(at, token) => insert(bytes, place(bytes, *at), TOKENS[*token].as_bytes()),
            Self::Replace(at, token) => {
                let at = place(bytes, *at);
                let ends = |byte: &u8| b",:{}[]\n".contains(byte);
                let start = bytes[..at].iter().rposition(ends).map_or(0, |end| end + 1);
                let length = bytes[start..].iter().position(ends);
                let end = length.map_or(bytes.len(), |length| start + length);
                bytes.splice(start..end, TOKENS[*token].bytes());
            }
            Self::Truncate(at) => bytes.truncate(place(bytes, *at)),
            Self::Splice(at, seed, from, length) => {
                let piece = piece(&seeds[seed % seeds.len()], *from, *length);
                insert(bytes, place(bytes, *at), &piece);
            }
            Self::Repeat(at, byte, times) => {
                insert(bytes, place(bytes, *at), &vec![*byte; usize::from(*times)]);
            }
        }
    }
}

/// Runs one input within the limits on time and memory.
fn run(target: &Target, input: &[u8]) {
    let begun = busy();
    let mut outcome = Ok(());
    // Its count of allocations does not survive a panic that passes through it.
    let used = measure(|| outcome = catch_unwind(|| (target.fuzz_one)(input))).bytes_max as i64;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    let took = busy().saturating_sub(begun);
    let (name, bytes) = (target.name, input.len());
    let most = MEMORY + MEMORY_PER_BYTE * bytes as i64;
    assert!(
        used <= most,
        "{name}: {bytes} bytes take {used} of memory: {}",
        begins(input)
    );
    assert!(
        took < TIME + TIME_PER_BYTE * u32::try_from(bytes).expect("inputs are small"),
        "{name}: {bytes} bytes take {took:?}: {}",
        begins(input)
    );
}

/// What this thread has computed so far: on a busy machine a clock on the wall says little.
fn busy() -> Duration {
    let Ok(text) = std::fs::read_to_string("/proc/thread-self/schedstat") else {
        // Only Linux counts it.
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        return BEGAN.get_or_init(Instant::now).elapsed();
    };
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first number is the time on a processor"))
}

fn begins(input: &[u8]) -> String {
    String::from_utf8_lossy(&input[..input.len().min(100)]).into_owned()
}

/// Ends the process where an input never ends, with the input on record.
fn watch(name: &'static str, beats: &'static AtomicU64) {
    std::thread::spawn(move || {
        let mut before = 0;
        loop {
            std::thread::sleep(NEVER);
            let now = beats.load(Ordering::Relaxed);
            if now == u64::MAX {
                return;
            }
            if now == before {
                eprintln!(
                    "{name}: an input does not end; it is {}",
                    artifact(name).display()
                );
                std::process::abort();
            }
            before = now;
        }
    });
}

fn artifact(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}.input"))
}

fn seconds() -> u64 {
    std::env::var("FUZZ_SECONDS").map_or(SECONDS, |text| {
        text.parse().expect("FUZZ_SECONDS is a number of seconds")
    })
}

fn seed() -> u64 {
    match std::env::var("FUZZ_SEED") {
        Ok(text) => text.parse().expect("FUZZ_SEED is a number"),
        Err(_) if std::env::var_os("FUZZ_SECONDS").is_some() => rand::random(),
        Err(_) => SEED,
    }
}

fn fuzz(name: &'static str, beats: &'static AtomicU64) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("the target is in the list");
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    for input in &seeds {
        run(target, input);
    }
    let seed = seed();
    // One runner runs so many cases and no more.
    let runner = |round: u64| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&round.to_le_bytes());
        let config = Config {
            cases: 100,
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        TestRunner::new_with_rng(config, rng)
    };
    let strategy = (0..seeds.len(), vec(edit(), 0..12));
    let count = Cell::new(0_u64);
    watch(name, beats);
    let (begun, lasts) = (Instant::now(), Duration::from_secs(seconds()));
    for round in 0.. {
        if begun.elapsed() >= lasts {
            break;
        }
        let outcome = runner(round).run(&strategy, |(first, edits)| {
            let mut input = seeds[first].clone();
            edits.iter().for_each(|edit| edit.apply(&mut input, &seeds));
            input.truncate(MAX_INPUT_BYTES);
            count.set(count.get() + 1);
            beats.store(count.get(), Ordering::Relaxed);
            let kept = artifact(name);
            // What ends the whole process leaves nothing else behind.
            if std::env::var_os("FUZZ_KEEP").is_some() {
                std::fs::write(&kept, &input).expect("an input can be kept");
            }
            let panicked = catch_unwind(|| run(target, &input)).is_err();
            if panicked {
                std::fs::write(&kept, &input).expect("an input can be kept");
                return Err(TestCaseError::fail(format!(
                    "{}: {}",
                    kept.display(),
                    String::from_utf8_lossy(&input)
                )));
            }
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{name}, FUZZ_SEED={seed}: {failure}");
        }
    }
    beats.store(u64::MAX, Ordering::Relaxed);
    let rate = count.get() as f64 / begun.elapsed().as_secs_f64();
    println!(
        "fuzz {name}: {} inputs, {rate:.0}/s, FUZZ_SEED={seed}",
        count.get()
    );
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            static BEATS: AtomicU64 = AtomicU64::new(0);
            fuzz(stringify!($name), &BEATS);
        })*

        #[test]
        fn every_target_runs_here_and_under_cargo_fuzz() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), here);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            for name in here {
                let text = std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
                assert!(text.contains(&format!("{name}::fuzz_one")), "{name}");
            }
        }
    };
}

targets! { intent bulk horizon envelope rows rpc }

/// The largest bodies of the worst kinds, each in time: nothing takes a time that grows faster than what was sent.
#[test]
fn large_inputs_take_a_time_that_fits_their_size() {
    const BYTES: usize = 1 << 18;
    let [intent, bulk, horizon, envelope, rows, rpc] = &TARGETS;
    // What is made once, of the recorded answers, is nobody's input.
    for target in &TARGETS {
        assert!(!(target.seeds)().is_empty());
    }
    let fill = |piece: &str| piece.repeat(BYTES / piece.len());
    let names: String = (0..BYTES / 12)
        .map(|number| format!("\"{number:07}\":0,"))
        .collect();
    let whole = [
        fill("["),
        fill("{\"a\":"),
        fill("\""),
        fill("0"),
        fill("\\"),
        format!("[0{}]", fill(",0")),
        format!("{{{names}\"a\":0}}"),
        format!("{{\"operations\":[0{}]}}", fill(",{}")),
        format!("{{\"metadata\":{{\"a\":\"{}\"}}}}", fill("x")),
        format!(
            "{{\"workflow_id\":\"{}\"}}",
            fill("SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVM")
        ),
        format!("{{\"transaction_xdr\":\"{}\"}}", fill("AAAA")),
    ];
    for text in &whole {
        run(intent, text.as_bytes());
        run(bulk, format!("\0{text}").as_bytes());
        run(bulk, format!("\u{1}{text}").as_bytes());
        run(rows, format!("\0{text}").as_bytes());
        run(rows, format!("\u{1}{text}").as_bytes());
        for exchange in 0..u8::MAX {
            let input = [&[exchange, 1, 0], &text.as_bytes()[..BYTES / 16]].concat();
            run(horizon, &input);
            run(rpc, &input);
        }
    }
    run(bulk, format!("\u{1}{}", fill("0\n")).as_bytes());
    run(
        rows,
        format!("\0workflow_id,destination,amount\n{}", fill("a,b,c\n")).as_bytes(),
    );
    run(
        rows,
        format!("\0workflow_id,destination,amount\n{}", fill("\"")).as_bytes(),
    );
    for byte in [0, 1, 0xff] {
        run(envelope, &vec![byte; BYTES]);
    }
}
