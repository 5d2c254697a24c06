//! Settings with a few named values.

use std::fmt;

/// How strict the platform is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Convenient: one machine, one developer.
    Development,
    /// Safe defaults everywhere, and a refusal to start on unsafe settings.
    Production,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What somebody has to look at.
    Error,
    /// What may need a look.
    Warn,
    /// What happens, a line per request.
    Info,
    /// Why it happens.
    Debug,
    /// Everything.
    Trace,
}

/// How it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Readable in a terminal and in development, JSON otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Whether strangers may open an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signup {
    /// Anybody may.
    Open,
    /// Only the operator makes tenants.
    Closed,
}

/// Which other origins' pages may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// `*`: every one. Refused in production.
    Any,
    /// These, each as `scheme://host[:port]` in lower case; none if empty.
    Only(Vec<String>),
}

impl CorsOrigins {
    /// Whether pages of `origin` may call.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(origins) => origins.iter().any(|known| known == origin),
        }
    }
}

impl Environment {
    /// Whether it is production.
    pub fn is_production(self) -> bool {
        self == Self::Production
    }
}

/// Gives an enum of plain words its names, for reading and for showing.
macro_rules! words {
    ($type:ident: $($word:literal => $variant:ident),+; $($also:literal => $alias:ident),*) => {
        impl $type {
            /// The words that name the values.
            pub(crate) const WORDS: &[&str] = &[$($word),+];

            /// Reads a value, in any case.
            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word.to_ascii_lowercase().as_str() {
                    $($word => Some(Self::$variant),)+
                    $($also => Some(Self::$alias),)*
                    _ => None,
                }
            }

            /// The value's name, in lower case.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Environment: "development" => Development, "production" => Production;);
words!(LogLevel: "error" => Error, "warn" => Warn, "info" => Info, "debug" => Debug, "trace" => Trace;
       "warning" => Warn);
words!(LogFormat: "auto" => Auto, "json" => Json, "pretty" => Pretty;);
words!(Signup: "open" => Open, "closed" => Closed;);
