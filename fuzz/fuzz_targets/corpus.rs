//! Inputs to begin with: real ones reach what chance does not.

use std::path::Path;

use stellar_submitter_fuzz::TARGETS;

/// Writes those of a target to where cargo-fuzz keeps what it has found worth keeping.
pub fn write(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    let target = TARGETS.iter().find(|target| target.name == name);
    let seeds = target.expect("the target is in the list").seeds;
    for (number, seed) in seeds().iter().enumerate() {
        let file = folder.join(format!("seed-{number}"));
        std::fs::write(file, seed).expect("the corpus can be written");
    }
}
