//! Where values come from, and which one wins.

use std::{
    collections::{BTreeMap, HashMap},
    env, fmt, fs,
    path::{Path, PathBuf},
};

use figment::{
    Error, Figment, Metadata, Profile, Provider, Source,
    providers::{Format as _, Toml},
    value::{Dict, Map, Value},
};

use crate::{ConfigError, SETTINGS, Secret, SettingInfo};

/// The settings file's name when `SAAS_CONFIG` does not name one.
const DEFAULT_FILE: &str = "saas.toml";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    Default,
    /// The settings file.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The file that `<NAME>_FILE` names.
    SecretFile(PathBuf),
    /// Vault, at this place.
    Vault(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::SecretFile(path) => write!(f, "secret file {}", path.display()),
            Self::Vault(place) => write!(f, "Vault {place}"),
        }
    }
}

/// The outside world as the settings see it: the environment, a working directory, and what Vault
/// held.
#[derive(Clone, Debug)]
pub struct Sources {
    variables: HashMap<String, String>,
    directory: PathBuf,
    vault: Option<(String, Vec<(&'static str, Secret)>)>,
}

impl Sources {
    /// An empty environment, with relative paths of settings files taken from `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            variables: HashMap::new(),
            directory: directory.into(),
            vault: None,
        }
    }

    /// This process's environment and working directory. A variable that is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            variables: variables.collect(),
            directory: PathBuf::from("."),
            vault: None,
        }
    }

    /// The same with one variable more.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The same with what Vault holds at `place`. It wins over everything else; a value that is empty
    /// counts as not set.
    #[must_use]
    pub fn with_vault(
        mut self,
        place: impl Into<String>,
        values: Vec<(&'static str, Secret)>,
    ) -> Self {
        self.vault = Some((place.into(), values));
        self
    }

    /// A variable; one that is empty counts as not set, as Compose passes on what its own
    /// environment lacks.
    fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Resolves every setting.
    pub(crate) fn resolve(&self) -> Result<Resolved, ConfigError> {
        let mut layers = Figment::from(Layer::defaults());
        if let Some(path) = self.settings_file() {
            layers = layers.merge(Layer::file(path)?);
        }
        layers = layers.merge(self.environment());
        for layer in self.secret_files()? {
            layers = layers.merge(layer);
        }
        if let Some((place, values)) = &self.vault {
            let values = values
                .iter()
                .filter(|(_, value)| !value.expose().is_empty());
            let values = values.map(|(name, value)| (*name, value.expose().to_owned()));
            layers = layers.merge(Layer::new(Origin::Vault(place.clone()), values));
        }
        Ok(Resolved::from(&layers))
    }

    fn settings_file(&self) -> Option<PathBuf> {
        match self.variable("SAAS_CONFIG") {
            Some(named) => Some(self.directory.join(named)),
            None => Some(self.directory.join(DEFAULT_FILE)).filter(|path| path.exists()),
        }
    }

    fn environment(&self) -> Layer {
        let known = SETTINGS.iter().map(|setting| setting.name);
        let values = known.filter_map(|name| Some((name, self.variable(name)?.to_owned())));
        Layer::new(Origin::Environment, values)
    }

    fn secret_files(&self) -> Result<Vec<Layer>, ConfigError> {
        let mut layers = Vec::new();
        for name in SETTINGS
            .iter()
            .filter(|setting| setting.secret)
            .map(|setting| setting.name)
        {
            let Some(path) = self.variable(&format!("{name}_FILE")) else {
                continue;
            };
            if self.variable(name).is_some() {
                return Err(ConfigError::Both { name });
            }
            let path = self.directory.join(path);
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(source) => return Err(ConfigError::SecretFile { name, path, source }),
            };
            // Editors and `echo` end a file with a line break that is no part of the secret.
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            layers.push(Layer::new(Origin::SecretFile(path), [(name, text)]));
        }
        Ok(layers)
    }
}

/// The values of one origin.
struct Layer {
    origin: Origin,
    values: Dict,
}

impl Layer {
    fn new(origin: Origin, values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let values = values.into_iter();
        Self {
            origin,
            values: values
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect(),
        }
    }

    fn defaults() -> Self {
        let values = SETTINGS.iter();
        let values = values.filter_map(|setting| Some((setting.name, setting.default?.to_owned())));
        Self::new(Origin::Default, values)
    }

    fn file(path: PathBuf) -> Result<Self, ConfigError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        let data = Toml::string(&text)
            .data()
            .map_err(|error| ConfigError::NotToml {
                path: path.clone(),
                message: one_line(&error.to_string()),
            })?;
        let mut values = BTreeMap::new();
        for (key, value) in data.into_values().flatten() {
            let name = known_name(&path, &key)?;
            let Some(text) = as_text(&value) else {
                let problem = "is not a plain value; settings have no tables inside";
                return Err(ConfigError::MisplacedKey { path, key, problem });
            };
            if values.insert(name, text).is_some() {
                let problem = "is there twice, in different case; keep one";
                return Err(ConfigError::MisplacedKey { path, key, problem });
            }
        }
        Ok(Self::new(Origin::File(path), values))
    }
}

fn known_name(path: &Path, key: &str) -> Result<&'static str, ConfigError> {
    let name = key.to_ascii_uppercase();
    match SettingInfo::find(&name) {
        Some(setting) => Ok(setting.name),
        None => Err(ConfigError::UnknownKey {
            path: path.to_owned(),
            key: key.to_owned(),
            suggestion: SettingInfo::closest(&name),
        }),
    }
}

/// A value of the file in the form the environment has it; a list is separated by commas.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, yes) => Some(yes.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string())),
        Value::Array(_, items) => {
            let items: Option<Vec<String>> = items.iter().map(as_text).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// TOML's errors draw the line they complain about; a sentence has to do.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.contains('|'));
    let lines: Vec<&str> = lines
        .map(|line| line.trim_start_matches("TOML parse error "))
        .collect();
    lines.join(": ")
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Default => Metadata::named(DEFAULT),
            Origin::Environment => Metadata::named(ENVIRONMENT),
            Origin::File(path) => Metadata::from(FILE, Source::File(path.clone())),
            Origin::SecretFile(path) => Metadata::from(SECRET_FILE, Source::File(path.clone())),
            Origin::Vault(place) => Metadata::from(VAULT, Source::Custom(place.clone())),
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

const DEFAULT: &str = "default";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const SECRET_FILE: &str = "secret file";
const VAULT: &str = "Vault";

/// The origin that [`Layer`] wrote into its metadata.
fn origin_of(metadata: &Metadata) -> Origin {
    let path = metadata.source.as_ref().and_then(Source::file_path);
    match (metadata.name.as_ref(), path) {
        (FILE, Some(path)) => Origin::File(path.to_owned()),
        (SECRET_FILE, Some(path)) => Origin::SecretFile(path.to_owned()),
        (ENVIRONMENT, _) => Origin::Environment,
        (VAULT, _) => Origin::Vault(match &metadata.source {
            Some(Source::Custom(place)) => place.clone(),
            _ => String::new(),
        }),
        _ => Origin::Default,
    }
}

/// Every setting's text and origin.
#[derive(Clone)]
pub(crate) struct Resolved(HashMap<&'static str, (String, Origin)>);

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It holds secrets in plain text.
        f.write_str("Resolved")
    }
}

impl Resolved {
    fn from(layers: &Figment) -> Self {
        let values = SETTINGS.iter().filter_map(|setting| {
            let value = layers.find_value(setting.name).ok()?;
            let origin = layers.find_metadata(setting.name).map(origin_of);
            let text = value.as_str()?.to_owned();
            Some((setting.name, (text, origin.unwrap_or(Origin::Default))))
        });
        Self(values.collect())
    }

    /// The text of a setting, if it has any.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(
            SettingInfo::find(name).is_some(),
            "{name} is not in the table"
        );
        let text = self.0.get(name).map(|(text, _)| text.as_str());
        text.filter(|text| !text.is_empty())
    }

    /// Where a setting came from.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.0
            .get(name)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Every setting as it may be shown.
    pub(crate) fn show(&self) -> Vec<Shown> {
        let shown = SETTINGS.iter().map(|setting| {
            let value = self.text(setting.name).map(|text| {
                if setting.secret {
                    without_secret(setting.name, text)
                } else {
                    text.to_owned()
                }
            });
            Shown {
                setting,
                value,
                origin: self.origin(setting.name),
            }
        });
        shown.collect()
    }
}

/// What may be shown of a secret: of a URL everything but its password, of all else nothing.
fn without_secret(name: &str, text: &str) -> String {
    const HIDDEN: &str = "[secret]";
    let Some((scheme, rest)) = text.split_once("://").filter(|_| name.ends_with("_URL")) else {
        return HIDDEN.to_owned();
    };
    // A password may hold `@` and `/` that somebody forgot to encode, and parameters may hold one.
    match rest.rsplit_once('@') {
        _ if rest.contains('?') => HIDDEN.to_owned(),
        None => text.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:{HIDDEN}@{host}"),
            None => text.to_owned(),
        },
    }
}

/// One setting as it may be shown: a secret's value is not.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The setting.
    pub setting: &'static SettingInfo,
    /// Its value, `None` if it has none. A secret is `[secret]`, and so is the password in a URL.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
}
