//! What one check saw.

use serde_json::{Value, json};

use crate::{cli::CheckGroup, terminal::plain};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It holds.
    Ok,
    /// It holds, but somebody should look soon.
    Warning,
    /// It does not hold.
    Failed,
    /// It could not be looked at from here.
    Skipped,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What one check saw, and how to mend it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// What was looked at, such as `core 10.0.0.3:8002`.
    pub(super) subject: String,
    pub(super) status: Status,
    /// What was seen.
    pub(super) seen: String,
    /// What to do; `None` where there is nothing to do.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            status: Status::Ok,
            seen: seen.into(),
            advice: None,
        }
    }

    pub(super) fn warning(
        subject: impl Into<String>,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warning,
            advice: Some(advice.into()),
            ..Self::ok(subject, seen)
        }
    }

    pub(super) fn failed(
        subject: impl Into<String>,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Failed,
            ..Self::warning(subject, seen, advice)
        }
    }

    pub(super) fn skipped(
        subject: impl Into<String>,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Skipped,
            ..Self::warning(subject, seen, advice)
        }
    }

    /// For what says itself what to do.
    pub(super) fn as_told(
        subject: impl Into<String>,
        status: Status,
        seen: impl Into<String>,
    ) -> Self {
        Self {
            status,
            ..Self::ok(subject, seen)
        }
    }

    /// One line for people.
    pub(super) fn line(&self, group: CheckGroup) -> String {
        let word = self.status.word();
        let (group, subject, seen) = (group.word(), &self.subject, &self.seen);
        let told = match &self.advice {
            None => format!("{word:<8} {group}: {subject}: {seen}"),
            Some(advice) => format!("{word:<8} {group}: {subject}: {seen}; {advice}"),
        };
        let mut line = plain(&told);
        line.push('\n');
        line
    }

    /// For programs.
    pub(super) fn json(&self, group: CheckGroup) -> Value {
        json!({
            "group": group.word(),
            "subject": self.subject,
            "status": self.status.word(),
            "seen": self.seen,
            "advice": self.advice,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_stays_on_its_line_and_does_not_reach_the_terminal() {
        let said = Finding::failed("core", "not ready: \u{1b}[2Jall is\r\nwell", "look");
        let line = said.line(CheckGroup::Services);
        assert_eq!(
            line,
            "failed   services: core: not ready:  [2Jall is  well; look\n"
        );
    }
}
