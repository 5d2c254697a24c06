//! `pg_dump`.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use crate::{
    RecoveryError,
    format::{DumpTables, TableSummary},
    pipe::copy,
    postgres::Programs,
    stop::Stop,
};

const PG_DUMP: &str = "pg_dump";

/// A program that runs, and is ended with this.
struct Running {
    program: &'static str,
    child: Child,
    stderr: JoinHandle<String>,
}

impl Running {
    fn start(program: &'static str, mut command: Command) -> Result<Self, RecoveryError> {
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RecoveryError::NoProgram(program),
            _ => failed(program, &error.to_string()),
        })?;
        let mut stderr = child.stderr.take();
        let stderr = thread::spawn(move || {
            let mut told = Vec::new();
            if let Some(stderr) = &mut stderr {
                // What it says is read to the end, so that it never waits for us.
                let _ = stderr.read_to_end(&mut told);
            }
            String::from_utf8_lossy(&told).into_owned()
        });
        Ok(Self {
            program,
            child,
            stderr,
        })
    }

    /// Waits for its end; what it said is told if it failed.
    fn end(mut self) -> Result<(), RecoveryError> {
        let status = self.child.wait();
        let told = self.stderr.join().unwrap_or_default();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(failed(self.program, &told)),
            Err(error) => Err(failed(self.program, &error.to_string())),
        }
    }

    /// Ends it at once.
    fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its last words, on one line.
fn failed(program: &'static str, told: &str) -> RecoveryError {
    let lines = told.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.collect();
    let first_error = lines.iter().position(|line| line.contains("ERROR"));
    let from = first_error.unwrap_or(lines.len().saturating_sub(3));
    let told = lines
        .get(from..lines.len().min(from + 3))
        .unwrap_or(&[])
        .join("; ");
    RecoveryError::Program { program, told }
}

/// Writes the database of one moment to `to`, as SQL.
///
/// # Errors
/// When the program is missing or fails, or `to` does.
pub(crate) fn dump<W: Write>(
    server: &Programs,
    snapshot: &str,
    to: W,
    stop: &Stop,
) -> Result<(W, BTreeMap<String, TableSummary>), RecoveryError> {
    let mut command = server.command(PG_DUMP);
    command
        .args(["--format=plain", "--no-owner", "--no-password"])
        .args(["--encoding=UTF8", "--no-sync"])
        .arg(format!("--snapshot={snapshot}"));
    let mut tables = DumpTables::new(to);
    tables
        .write_all(saas_migration::roles_sql().as_bytes())
        .map_err(RecoveryError::Write)?;
    copy_out(command, &mut tables, stop)?;
    Ok(tables.finish())
}

/// The rows of each table as they are now.
///
/// # Errors
/// When the program is missing or fails.
pub(crate) fn summaries(
    server: &Programs,
    stop: &Stop,
) -> Result<BTreeMap<String, TableSummary>, RecoveryError> {
    let mut command = server.command(PG_DUMP);
    command.args(["--format=plain", "--data-only", "--no-password"]);
    command.args(["--encoding=UTF8"]);
    let mut tables = DumpTables::new(io::sink());
    copy_out(command, &mut tables, stop)?;
    Ok(tables.finish().1)
}

fn copy_out(mut command: Command, to: &mut impl Write, stop: &Stop) -> Result<(), RecoveryError> {
    command.stdout(Stdio::piped());
    let mut running = Running::start(PG_DUMP, command)?;
    let Some(mut from) = running.child.stdout.take() else {
        return running.end();
    };
    let copied = copy(&mut from, to, stop);
    // It waits for nobody who does not read.
    drop(from);
    match copied {
        Ok(()) => running.end(),
        Err(error) => {
            running.kill();
            Err(error)
        }
    }
}
