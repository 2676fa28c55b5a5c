//! Query parameters: each known, each once, each valid.

use std::fmt::Display;
use std::str::FromStr;

use super::problem::{Problem, Violation};

/// Items of a page that names no limit.
const DEFAULT_LIMIT: u16 = 50;
/// The most items of a page.
pub const MAX_LIMIT: u16 = 200;
/// The most characters of a parameter's value that is free text, as those of a name in an intent.
const MAX_CHARACTERS: usize = crate::domain::intent::MAX_NAME_CHARACTERS;

/// The most mistakes that one answer lists, as of a body.
const MAX_ERRORS: usize = crate::domain::fields::MAX_FIELD_ERRORS;

/// The parameters of one request, and what is wrong with them.
pub struct Query {
    given: Vec<(String, String)>,
    errors: Vec<Violation>,
}

impl Query {
    /// Reads the query; a parameter that is not among `known`, or is given twice, is a mistake.
    pub fn read(query: Option<&str>, known: &[&str]) -> Self {
        let mut given: Vec<(String, String)> = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let names = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                errors.push(Violation::parameter(
                    name,
                    format!("is not a parameter here; known are {names}"),
                ));
            } else if given.iter().any(|(other, _)| *other == name) {
                errors.push(Violation::parameter(name, "is given twice"));
            } else {
                given.push((name.into_owned(), value.into_owned()));
            }
        }
        Self { given, errors }
    }

    /// Notes what is wrong with a parameter.
    pub fn refuse(&mut self, name: &str, detail: impl Display) {
        self.errors
            .push(Violation::parameter(name, detail.to_string()));
    }

    /// The value as it was given.
    pub fn raw(&self, name: &str) -> Option<String> {
        let found = self.given.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    }

    /// Free text of 1 to 255 characters.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        let characters = value.chars().count();
        if characters == 0 || characters > MAX_CHARACTERS || value.chars().any(char::is_control) {
            let detail =
                format!("must have 1 to {MAX_CHARACTERS} characters, none a control character");
            self.refuse(name, detail);
            return None;
        }
        Some(value)
    }

    /// A value that means a `T`.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.raw(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, error);
                None
            }
        }
    }

    /// How many items a page has.
    pub fn limit(&mut self) -> u16 {
        let Some(value) = self.raw("limit") else {
            return DEFAULT_LIMIT;
        };
        let limit = value.parse().ok();
        limit
            .filter(|limit| (1..=MAX_LIMIT).contains(limit) && !value.starts_with('+'))
            .unwrap_or_else(|| {
                self.refuse("limit", format!("must be a number from 1 to {MAX_LIMIT}"));
                DEFAULT_LIMIT
            })
    }

    /// An event's or an attempt's number, where a page goes on; 0 where none is given.
    pub fn number(&mut self, name: &str) -> i64 {
        let Some(value) = self.raw(name) else {
            return 0;
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        value.parse().ok().filter(|_| digits).unwrap_or_else(|| {
            self.refuse(name, "is not one that was given out here");
            0
        })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 400 with everything that is wrong, each with the parameter's name.
    pub fn end(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid(self.errors).with_fewer_errors(MAX_ERRORS))
    }
}
