//! Counts and checksums of tables, taken from the SQL that `pg_dump` writes while it flows by.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use ring::digest::{Context, SHA256};

use super::{TableSummary, manifest::hex};

/// The rows of one table: how many, and the sum, modulo 2^128, of the first 16 bytes of each row's
/// SHA-256. A sum does not depend on the order, which no database promises, and counts a row that is
/// there twice twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowDigest {
    rows: u64,
    sum: u128,
}

impl RowDigest {
    /// Adds a row.
    pub fn add(&mut self, row: Context) {
        let digest = row.finish();
        let first = digest.as_ref().first_chunk::<16>().copied();
        self.sum = self
            .sum
            .wrapping_add(u128::from_be_bytes(first.unwrap_or_default()));
        self.rows += 1;
    }

    /// As the manifest has it.
    pub fn summary(self) -> TableSummary {
        TableSummary {
            rows: self.rows,
            checksum: hex(&self.sum.to_be_bytes()),
        }
    }
}

/// Reads a plain dump on its way to `to` and counts the rows of each table.
pub struct DumpTables<W> {
    to: W,
    tables: BTreeMap<String, RowDigest>,
    state: State,
}

enum State {
    /// Within a line of SQL, of which this much is kept.
    Sql(Vec<u8>),
    /// Among the rows of this table; the digest is of the row's bytes so far, its first ones beside
    /// it, since the end of the rows is a line of its own.
    Rows {
        table: String,
        row: Box<Context>,
        begin: Vec<u8>,
        length: usize,
    },
}

/// Bytes of a line that decide what it is. `COPY` lines are as long as their columns' names.
const DECIDING: usize = 64 * 1024;

impl<W: Write> DumpTables<W> {
    /// Begins at the beginning of a dump.
    pub fn new(to: W) -> Self {
        Self {
            to,
            tables: BTreeMap::new(),
            state: State::Sql(Vec::new()),
        }
    }

    /// What is written to, for what is no dump.
    pub fn inner(&mut self) -> &mut W {
        &mut self.to
    }

    /// The tables seen, and what was written to.
    pub fn finish(self) -> (W, BTreeMap<String, TableSummary>) {
        let tables = self.tables.into_iter();
        (
            self.to,
            tables
                .map(|(name, digest)| (name, digest.summary()))
                .collect(),
        )
    }

    fn look(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let end = text.iter().position(|byte| *byte == b'\n');
            let (piece, rest) = text.split_at(end.map_or(text.len(), |end| end + 1));
            let is_whole = end.is_some();
            let line = if is_whole {
                piece.strip_suffix(b"\n").unwrap_or(piece)
            } else {
                piece
            };
            self.take(line, is_whole);
            text = rest;
        }
    }

    fn take(&mut self, line: &[u8], is_whole: bool) {
        match &mut self.state {
            State::Sql(kept) => {
                let room = DECIDING.saturating_sub(kept.len());
                kept.extend_from_slice(line.get(..room).unwrap_or(line));
                if !is_whole {
                    return;
                }
                self.state = match copied_table(kept) {
                    Some(table) => {
                        self.tables.entry(table.clone()).or_default();
                        rows_of(table)
                    }
                    None => State::Sql(Vec::new()),
                };
            }
            State::Rows {
                table,
                row,
                begin,
                length,
            } => {
                row.update(line);
                *length += line.len();
                let room = 2_usize.saturating_sub(begin.len());
                begin.extend_from_slice(line.get(..room).unwrap_or(line));
                if !is_whole {
                    return;
                }
                let is_end = *length == 2 && begin == br"\.";
                let table = std::mem::take(table);
                let row = std::mem::replace(&mut **row, Context::new(&SHA256));
                if is_end {
                    self.state = State::Sql(Vec::new());
                    return;
                }
                self.tables.entry(table.clone()).or_default().add(row);
                self.state = rows_of(table);
            }
        }
    }
}

fn rows_of(table: String) -> State {
    State::Rows {
        table,
        row: Box::new(Context::new(&SHA256)),
        begin: Vec::new(),
        length: 0,
    }
}

/// `COPY public.users (id, email) FROM stdin;` begins the rows of `users`.
pub(crate) fn copied_table(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("COPY public.")?;
    let (table, rest) = rest.split_once(' ')?;
    rest.ends_with(" FROM stdin;")
        .then(|| table.trim_matches('"').to_owned())
}

impl<W: Write> Write for DumpTables<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.to.write_all(text)?;
        self.look(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "SET x = 1;\nCOPY public.users (id, name) FROM stdin;\n1\tone\n2\ttwo\n\\.\n\n\
        COPY public.empty (id) FROM stdin;\n\\.\n-- COPY public.users (id) FROM stdin;\n";

    fn of(dump: &str, size: usize) -> BTreeMap<String, TableSummary> {
        let mut tables = DumpTables::new(Vec::new());
        for piece in dump.as_bytes().chunks(size) {
            tables.write_all(piece).unwrap();
        }
        let (passed, tables) = tables.finish();
        assert_eq!(passed, dump.as_bytes());
        tables
    }

    #[test]
    fn rows_are_counted_wherever_the_pieces_end() {
        let whole = of(DUMP, 1000);
        assert_eq!(whole["users"].rows, 2);
        assert_eq!(
            whole["empty"],
            TableSummary {
                rows: 0,
                checksum: "0".repeat(32)
            }
        );
        for size in 1..40 {
            assert_eq!(of(DUMP, size), whole);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_everything_else_does() {
        let sum = |rows: &str| of(&DUMP.replace("1\tone\n2\ttwo\n", rows), 100)["users"].clone();
        let usual = sum("1\tone\n2\ttwo\n");
        assert_eq!(sum("2\ttwo\n1\tone\n"), usual);
        for other in [
            "1\tone\n2\ttwO\n",
            "1\tone\n",
            "1\ttwo\n2\tone\n",
            "1\tone\n2\ttwo\n\\N\n",
        ] {
            assert_ne!(sum(other), usual, "{other}");
        }
        assert_ne!(sum("1\tone\n1\tone\n").checksum, "0".repeat(32));
    }
}
