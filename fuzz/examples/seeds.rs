//! Writes the inputs that fuzzing begins with into a folder for each target.

use std::path::PathBuf;

use stellar_submitter_fuzz::TARGETS;

fn main() -> std::io::Result<()> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .expect("usage: seeds FOLDER")
        .into();
    for target in &TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
