//! Reading a JSON object field by field, so that every mistake in it is named at once.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value};

use super::seed::{holds_seed, looks_like_seed};

/// One mistake: where (RFC 6901) and what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer to the field.
    pub pointer: String,
    /// What is wrong with it. Never repeats what may be a secret.
    pub detail: String,
}

/// The most mistakes that one answer lists.
pub const MAX_FIELD_ERRORS: usize = 100;

/// The mistakes that were found so far.
#[derive(Debug, Default)]
pub struct Errors(Vec<FieldError>);

impl Errors {
    /// Notes a mistake.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Display) {
        if self.0.len() < MAX_FIELD_ERRORS {
            self.0.push(FieldError {
                pointer: pointer.into(),
                detail: detail.to_string(),
            });
        }
    }

    /// `value`, or all mistakes.
    ///
    /// # Errors
    /// The mistakes, if there are any or `value` is missing because of one.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// An object that is being read. Fields that nobody asked for are mistakes.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    asked: Vec<&'static str>,
}

/// `parent/name`, escaped as RFC 6901 says. A seed that somebody gave as a field's name is not repeated.
#[must_use]
pub fn join(parent: &str, name: &str) -> String {
    if looks_like_seed(name) || holds_seed(name) {
        return format!("{parent}/(a secret key)");
    }
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl<'a> Fields<'a> {
    /// Starts to read `value`, which must be an object.
    pub fn of(value: &'a Value, pointer: String, errors: &mut Errors) -> Option<Self> {
        let Value::Object(map) = value else {
            errors.add(
                pointer,
                format_args!("must be an object, not {}", kind(value)),
            );
            return None;
        };
        Some(Self {
            map,
            pointer,
            asked: Vec::new(),
        })
    }

    /// The pointer to one of its fields.
    #[must_use]
    pub fn at(&self, name: &str) -> String {
        join(&self.pointer, name)
    }

    /// The field, unless it is absent or null.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The field, which must be there.
    pub fn required(&mut self, name: &'static str, errors: &mut Errors) -> Option<&'a Value> {
        let value = self.optional(name);
        if value.is_none() {
            errors.add(self.at(name), "is required");
        }
        value
    }

    fn text_of(&self, name: &str, value: &'a Value, errors: &mut Errors) -> Option<&'a str> {
        let Value::String(text) = value else {
            errors.add(
                self.at(name),
                format_args!("must be a string, not {}", kind(value)),
            );
            return None;
        };
        if text.contains('\0') {
            errors.add(self.at(name), "contains a NUL character");
            return None;
        }
        Some(text)
    }

    /// A string that must be there.
    pub fn text(&mut self, name: &'static str, errors: &mut Errors) -> Option<&'a str> {
        let value = self.required(name, errors)?;
        self.text_of(name, value, errors)
    }

    /// A string that may be absent.
    pub fn optional_text(&mut self, name: &'static str, errors: &mut Errors) -> Option<&'a str> {
        let value = self.optional(name)?;
        self.text_of(name, value, errors)
    }

    /// A string that must be there and mean a `T`.
    pub fn parsed<T: FromStr<Err: Display>>(
        &mut self,
        name: &'static str,
        errors: &mut Errors,
    ) -> Option<T> {
        let text = self.text(name, errors)?;
        self.parse(name, text, errors)
    }

    fn parse<T: FromStr<Err: Display>>(
        &self,
        name: &str,
        text: &str,
        errors: &mut Errors,
    ) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                errors.add(self.at(name), error);
                None
            }
        }
    }

    /// An array with its pointer; `limits` are the fewest and the most items.
    pub fn array(
        &mut self,
        name: &'static str,
        limits: (usize, usize),
        errors: &mut Errors,
    ) -> Option<&'a [Value]> {
        let value = self.required(name, errors)?;
        let Value::Array(items) = value else {
            errors.add(
                self.at(name),
                format_args!("must be an array, not {}", kind(value)),
            );
            return None;
        };
        let (fewest, most) = limits;
        if items.len() < fewest || items.len() > most {
            errors.add(
                self.at(name),
                format_args!("must have {fewest} to {most} items, not {}", items.len()),
            );
            return None;
        }
        Some(items)
    }

    /// Ends the reading: what nobody asked for is a mistake.
    pub fn end(self, errors: &mut Errors) {
        for name in self.map.keys() {
            if !self.asked.contains(&name.as_str()) {
                errors.add(self.at(name), "is not a field that is known here");
            }
        }
    }
}
