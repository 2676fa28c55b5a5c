//! `stellar-submitter intents …`, run to its end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// It succeeded, or this test fails with all that it said.
    pub fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It failed, and said so in one line that begins with `error: `; the rest of that line.
    pub fn complaint(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        let mut lines = self.err.lines().filter(|line| line.starts_with("error: "));
        let line = lines.next().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(lines.next(), None, "{self:?}");
        &line["error: ".len()..]
    }
}

/// Runs it with these arguments and variables, and nothing of our own environment's configuration.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stellar-submitter"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SUBMITTER") {
            command.env_remove(name);
        }
    }
    let output = command
        .arg("intents")
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs it against the API at a URL.
pub fn at(api: &str, arguments: &[&str]) -> Ran {
    run(arguments, &[("SUBMITTER_API_URL", api)])
}

/// A folder for the files of a test.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(crate::support::scratch())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; its path as an argument.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        argument(&path)
    }
}

pub fn argument(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The lines of a file of JSON lines.
pub fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
