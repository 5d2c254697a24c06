//! A dump becomes a database, by the server's own protocol.
//!
//! Not by `psql`, which would carry out commands that stand in a dump and are its own, `\!` among
//! them: the server knows SQL alone. Where rows begin and end is told by whole lines, as `pg_dump`
//! writes them; a dump that says otherwise is a mistake in its SQL, which the server refuses.

use std::io::{self, Read, Write};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::{
    runtime::Handle,
    sync::mpsc::{Receiver, Sender, channel},
};

use crate::{RecoveryError, format::copied_table, pipe, postgres::Programs, stop::Stop};

/// Bytes of rows that are sent at once.
const ROWS: usize = 256 * 1024;
/// Bytes of SQL between the rows of two tables; a schema has some 100 KiB.
const MOST_SQL: usize = 64 * 1024 * 1024;
/// Bytes of a line: those of a row, which PostgreSQL itself does not let grow longer.
const MOST_LINE: usize = 1024 * 1024 * 1024;

/// A part of a dump.
enum Part {
    Sql(String),
    /// The statement, behind which rows come.
    Copy(String),
    Rows(Vec<u8>),
    EndOfRows,
    /// All of it came.
    End,
}

/// Runs the SQL that `from` gives, whole or not at all. To be called where waiting is allowed.
///
/// # Errors
/// When the server refuses something; what reading `from` says comes first.
pub(crate) fn load(
    server: &Programs,
    from: &mut impl Read,
    stop: &Stop,
) -> Result<(), RecoveryError> {
    let (parts, received) = channel(4);
    let runtime = Handle::current();
    let mut loading = runtime.spawn(run(server.url().to_owned(), received));
    let mut splitter = Splitter::new(parts);
    let read = pipe::copy(from, &mut splitter, stop);
    let sent = read.and_then(|()| splitter.end().map_err(RecoveryError::Write));
    if let Err(error @ (RecoveryError::Read(_) | RecoveryError::Stopped)) = sent {
        loading.abort();
        return Err(error);
    }
    let loaded = runtime.block_on(async {
        tokio::select! {
            () = stop.told() => Err(RecoveryError::Stopped),
            loaded = &mut loading => match loaded {
                Ok(loaded) => loaded.map_err(RecoveryError::Load),
                Err(error) => Err(RecoveryError::Read(io::Error::other(error))),
            },
        }
    });
    loading.abort();
    // Who receives nothing any more says why.
    loaded.and(sent)
}

async fn run(url: String, mut parts: Receiver<Part>) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
    while let Some(part) = parts.recv().await {
        match part {
            Part::Sql(sql) => {
                // Of a backup that was found to be this platform's, or that somebody vouches for.
                let statements = sqlx::raw_sql(AssertSqlSafe(sql));
                statements.execute(&mut connection).await?;
            }
            Part::Copy(statement) => {
                let mut copy = connection.copy_in_raw(&statement).await?;
                while let Some(Part::Rows(rows)) = parts.recv().await {
                    copy.send(rows).await?;
                }
                copy.finish().await?;
            }
            Part::End => {
                sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
                return connection.close().await;
            }
            Part::Rows(_) | Part::EndOfRows => {}
        }
    }
    // It broke off, and is forgotten with the connection.
    Ok(())
}

/// Takes a dump apart on its way.
struct Splitter {
    to: Sender<Part>,
    /// What there is of the line that has not ended yet.
    line: Vec<u8>,
    kept: Vec<u8>,
    is_rows: bool,
}

impl Splitter {
    const fn new(to: Sender<Part>) -> Self {
        Self {
            to,
            line: Vec::new(),
            kept: Vec::new(),
            is_rows: false,
        }
    }

    fn send(&self, part: Part) -> io::Result<()> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.to.blocking_send(part).map_err(gone)
    }

    fn send_sql(&mut self) -> io::Result<()> {
        let sql = text(std::mem::take(&mut self.kept))?;
        if sql.trim().is_empty() {
            return Ok(());
        }
        self.send(Part::Sql(sql))
    }

    fn take_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        if self.is_rows {
            return self.take_row(&line);
        }
        if copied_table(line.strip_suffix(b"\n").unwrap_or(&line)).is_some() {
            self.send_sql()?;
            self.is_rows = true;
            return self.send(Part::Copy(text(line)?));
        }
        // For psql alone: what stands in between is bare of its commands (PostgreSQL 17.6 and the
        // versions of the same day).
        let is_for_psql = line.starts_with(br"\restrict ") || line.starts_with(br"\unrestrict ");
        if !is_for_psql {
            self.kept.extend_from_slice(&line);
        }
        if self.kept.len() > MOST_SQL {
            return Err(io::Error::other("the dump has too much SQL in one place"));
        }
        Ok(())
    }

    fn take_row(&mut self, line: &[u8]) -> io::Result<()> {
        let is_end = line == b"\\.\n";
        if !is_end {
            self.kept.extend_from_slice(line);
        }
        if !self.kept.is_empty() && (is_end || self.kept.len() >= ROWS) {
            let rows = std::mem::take(&mut self.kept);
            self.send(Part::Rows(rows))?;
        }
        if is_end {
            self.is_rows = false;
            self.send(Part::EndOfRows)?;
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.take_line()?;
        if self.is_rows {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.send_sql()?;
        self.send(Part::End)
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl Write for Splitter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > MOST_LINE {
                return Err(io::Error::other("the dump has a line of more than 1 GiB"));
            }
            if piece.ends_with(b"\n") {
                self.take_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
