//! Whether lines of a log are such that a store of logs takes them.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use chrono::DateTime;
use saas_config::{DatabaseKind, LogFormat};
use serde_json::{Map, Value};

use super::{finding::Finding, patient::Patient};

/// What every line has.
const NAMES: [&str; 6] = [
    "@timestamp",
    "log.level",
    "message",
    "ecs.version",
    "service.name",
    "log.logger",
];
/// With this begins a sentence of a command or a start that failed, beside the log.
const SENTENCE: &[u8] = b"saas: ";
/// A line longer than this is none of ours; reading stops there.
const LONGEST: u64 = 1024 * 1024;

pub(super) fn look(patient: &Patient, from: Option<&Path>) -> Finding {
    let Some(path) = from else {
        let settings = &patient.settings;
        if settings.environment.is_production() && settings.log_format == LogFormat::Pretty {
            return Finding::warning(
                "LOG_FORMAT",
                "is pretty, which no store of logs takes apart",
                "set it to json, or leave it out",
            );
        }
        // On SQLite the platform is one process, and Compose runs none.
        let advice = match settings.database_kind() {
            DatabaseKind::Sqlite => {
                "give them by --logs FILE, or by a pipe and --logs -: what `saas up` wrote"
            }
            DatabaseKind::Postgres => {
                "give them by --logs FILE, or a pipe: `docker compose logs --no-log-prefix core | saas doctor --only logs --logs -`"
            }
        };
        return Finding::skipped("lines", "were not looked at", advice);
    };
    let shown = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let found = if path == Path::new("-") {
        read(io::stdin().lock())
    } else {
        open(path).and_then(|file| read(BufReader::new(file)))
    };
    match found {
        Err(error) => Finding::failed(
            shown,
            error.to_string(),
            "name a file that this user may read",
        ),
        Ok(Lines { all: 0, .. }) => Finding::failed(
            shown,
            "no line",
            "give it lines that a process of the platform wrote",
        ),
        Ok(Lines {
            all,
            sentences,
            wrong: None,
            ..
        }) => {
            let beside = match sentences {
                0 => String::new(),
                more => format!(", beside {more} that begin with `saas: ` and were passed over"),
            };
            Finding::ok(shown, format!("{all} lines, all well formed{beside}"))
        }
        Ok(Lines {
            all,
            wrong: Some((number, fault)),
            faulty,
            ..
        }) => Finding::failed(
            shown,
            // Not the line itself: whatever it is, it may hold a secret.
            format!("{faulty} of {all} lines are not well formed, line {number}: {fault}"),
            "set LOG_FORMAT=json; take lines of other programs out, and prefixes with --no-log-prefix",
        ),
    }
}

/// A pipe that nobody writes to, or a device, would be read for ever; standard input is there for
/// those.
fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other(
            "is not a regular file; give a pipe by `--logs -`",
        ));
    }
    File::open(path)
}

#[derive(Debug, Default)]
struct Lines {
    /// Without sentences.
    all: u64,
    sentences: u64,
    faulty: u64,
    /// The first that is wrong, and why.
    wrong: Option<(u64, String)>,
}

fn read(mut from: impl BufRead) -> io::Result<Lines> {
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    loop {
        line.clear();
        if from.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if line.starts_with(SENTENCE) {
            lines.sentences += 1;
            continue;
        }
        lines.all += 1;
        if let Err(fault) = well_formed(&line) {
            lines.faulty += 1;
            let number = lines.all + lines.sentences;
            lines.wrong.get_or_insert((number, fault));
        }
    }
}

fn well_formed(line: &[u8]) -> Result<(), String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| "is no JSON object".to_owned())?;
    let is_text = |name: &str| object.get(name).is_some_and(Value::is_string);
    if let Some(missing) = NAMES.iter().find(|name| !is_text(name)) {
        return Err(format!("has no text in `{missing}`"));
    }
    let time = object.get("@timestamp").and_then(Value::as_str);
    let is_time = time.is_some_and(|time| DateTime::parse_from_rfc3339(time).is_ok());
    is_time
        .then_some(())
        .ok_or_else(|| "has no time in `@timestamp`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"@timestamp":"2026-01-02T03:04:05.678Z","log.level":"info","message":"m","ecs.version":"8.11.0","service.name":"core","log.logger":"a"}"#;

    #[test]
    fn the_first_line_that_is_wrong_is_told_with_its_number() {
        let all_good = read(format!("{GOOD}\n\n{GOOD}\n").as_bytes()).unwrap();
        assert_eq!((all_good.all, all_good.faulty), (2, 0));
        let beside = read(format!("{GOOD}\nsaas: core cannot start\n{GOOD}\nsaas").as_bytes());
        let beside = beside.unwrap();
        assert_eq!((beside.all, beside.sentences, beside.faulty), (3, 1, 1));
        assert_eq!(beside.wrong.map(|(number, _)| number), Some(4));
        let no_level = GOOD.replace("log.level", "level");
        let number = GOOD.replace(r#""8.11.0""#, "8.11");
        let no_time = GOOD.replace("2026-01-02T03:04:05.678Z", "yesterday");
        for (bad, fault) in [
            ("core | starting".to_owned(), "is no JSON object"),
            (no_level, "has no text in `log.level`"),
            (number, "has no text in `ecs.version`"),
            (no_time, "has no time in `@timestamp`"),
        ] {
            let found = read(format!("{GOOD}\n{bad}\n{bad}").as_bytes()).unwrap();
            assert_eq!((found.all, found.faulty), (3, 2));
            assert_eq!(found.wrong, Some((2, fault.to_owned())));
        }
    }
}
