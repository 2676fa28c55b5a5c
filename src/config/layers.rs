//! Layers of settings: each is held against the defaults, key by key, before they are merged.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::error::{ConfigError, ConfigErrors};
use super::settings::Settings;
use super::{DEFAULTS, ENV_PREFIX, Sources};

/// All layers as one.
pub fn merge(sources: &Sources) -> Result<Settings, ConfigErrors> {
    let defaults =
        parse("config/default.toml", DEFAULTS).map_err(|error| ConfigErrors(vec![error]))?;
    let mut layers = Layers {
        merged: Figment::from(Layer(defaults.clone())),
        defaults,
        errors: Vec::new(),
    };
    if let Some(path) = &sources.file {
        layers.add_file(path);
    }
    for (name, value) in &sources.env {
        layers.add_variable(name, value);
    }
    for (key, value) in &sources.flags {
        layers.add_text(&format!("flag for {key}"), key, value);
    }
    if !layers.errors.is_empty() {
        return Err(ConfigErrors(layers.errors));
    }
    layers
        .merged
        .extract()
        .map_err(|error| ConfigErrors(vec![ConfigError::place("configuration", error.kind)]))
}

struct Layers {
    merged: Figment,
    defaults: Dict,
    errors: Vec<ConfigError>,
}

impl Layers {
    fn add_file(&mut self, path: &Path) {
        let place = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.errors.push(ConfigError::place(place, error)),
        };
        let dict = match parse(&place, &text) {
            Ok(dict) => dict,
            Err(error) => return self.errors.push(error),
        };
        for (section, content) in dict {
            let Value::Dict(_, keys) = content else {
                let what = format!("{section} stands outside of any [section]");
                self.errors.push(ConfigError::place(&place, what));
                continue;
            };
            if !self.defaults.contains_key(&section) {
                let what = format!(
                    "unknown section [{section}]; there are {}",
                    names(&self.defaults)
                );
                self.errors.push(ConfigError::place(&place, what));
                continue;
            }
            for (key, value) in keys {
                self.add(&place, &section, &key, Given::Typed(value));
            }
        }
    }

    /// A variable whose name ends in a key that there is, or an error; anybody else's is not looked at.
    fn add_variable(&mut self, name: &OsStr, value: &OsStr) {
        let name = name.to_string_lossy();
        let Some(key) = name.strip_prefix(ENV_PREFIX) else {
            return;
        };
        let Some(value) = value.to_str() else {
            return self.errors.push(ConfigError::place(&name, "is not UTF-8"));
        };
        self.add_text(&name, &key.to_lowercase().replacen("__", ".", 1), value);
    }

    fn add_text(&mut self, place: &str, key: &str, value: &str) {
        let Some((section, key)) = key.split_once('.') else {
            let what = format!(
                "names no key: it needs a section, one of {}",
                names(&self.defaults)
            );
            return self.errors.push(ConfigError::place(place, what));
        };
        if !self.defaults.contains_key(section) {
            let what = format!(
                "unknown section {section}; there are {}",
                names(&self.defaults)
            );
            return self.errors.push(ConfigError::place(place, what));
        }
        self.add(place, section, key, Given::Text(value));
    }

    fn add(&mut self, place: &str, section: &str, key: &str, given: Given<'_>) {
        let keys = self.defaults.get(section).and_then(Value::as_dict);
        let Some(default) = keys.and_then(|keys| keys.get(key)) else {
            let known = keys.map(names).unwrap_or_default();
            let what = format!("unknown key {section}.{key}; [{section}] has {known}");
            return self.errors.push(ConfigError::place(place, what));
        };
        match given.shaped_as(default) {
            Ok(Some(value)) => {
                let keys = Dict::from([(key.to_owned(), value)]);
                let layer = Layer(Dict::from([(section.to_owned(), Value::from(keys))]));
                self.merged = std::mem::take(&mut self.merged).merge(layer);
            }
            Ok(None) => {}
            Err(what) => {
                let what = format!("{section}.{key} {what}");
                self.errors.push(ConfigError::place(place, what));
            }
        }
    }
}

fn names(dict: &Dict) -> String {
    let names: Vec<&str> = dict.keys().map(String::as_str).collect();
    names.join(", ")
}

/// A value as it came.
enum Given<'a> {
    /// Of a file, which has types.
    Typed(Value),
    /// Of a variable or a flag, which has none: the default's type decides, so that a secret of digits stays text.
    Text(&'a str),
}

impl Given<'_> {
    /// The value in its default's type; `None` for an empty text, which is as good as none.
    fn shaped_as(self, default: &Value) -> Result<Option<Value>, &'static str> {
        match (default, self) {
            (_, Given::Text("")) => Ok(None),
            (Value::Array(..), Given::Text(text)) => Ok(Some(list(text))),
            (Value::Array(..), Given::Typed(Value::String(_, text))) => Ok(Some(list(&text))),
            (Value::Array(..), Given::Typed(Value::Array(tag, items))) => {
                let is_text = items.iter().all(|item| item.as_str().is_some());
                let value = is_text.then_some(Value::Array(tag, items));
                value.map(Some).ok_or("must be a list of texts")
            }
            (Value::Array(..), Given::Typed(_)) => Err("must be a list of texts"),
            (Value::Num(..), Given::Text(text)) => match text.trim().parse::<i64>() {
                Ok(number) => Ok(Some(Value::from(number))),
                Err(_) => Err("must be a whole number"),
            },
            (Value::Num(..), Given::Typed(Value::Num(tag, number))) => {
                let is_whole = !matches!(number, Num::F32(_) | Num::F64(_));
                let value = is_whole.then_some(Value::Num(tag, number));
                value.map(Some).ok_or("must be a whole number")
            }
            (Value::Num(..), Given::Typed(_)) => Err("must be a whole number, without quotes"),
            (Value::Bool(..), Given::Text(text)) => match text.trim() {
                "true" | "1" => Ok(Some(Value::from(true))),
                "false" | "0" => Ok(Some(Value::from(false))),
                _ => Err("must be true or false"),
            },
            (Value::Bool(..), Given::Typed(value @ Value::Bool(..))) => Ok(Some(value)),
            (Value::Bool(..), Given::Typed(_)) => Err("must be true or false, without quotes"),
            (_, Given::Text(text)) => Ok(Some(Value::from(text))),
            (_, Given::Typed(value @ Value::String(..))) => Ok(Some(value)),
            (_, Given::Typed(_)) => Err("must be text, in quotes"),
        }
    }
}

/// The items between commas.
fn list(text: &str) -> Value {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    Value::from(items.collect::<Vec<_>>())
}

/// TOML as a dictionary. An error tells the line, and never what stands there.
fn parse(place: &str, text: &str) -> Result<Dict, ConfigError> {
    let wrong = |span: Option<Range<usize>>, what: &str| {
        let before = span
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::place(place, format!("line {line}: {what}"))
    };
    toml::from_str::<toml::Table>(text).map_err(|error| wrong(error.span(), "not valid TOML"))?;
    let profiles = Toml::string(text)
        .data()
        .map_err(|_| wrong(None, "not valid TOML"))?;
    Ok(profiles.into_values().next().unwrap_or_default())
}

/// A layer of its own, for figment.
struct Layer(Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}
