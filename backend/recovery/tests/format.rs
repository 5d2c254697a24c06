//! Backups as files: what is written is read again, and nothing else is believed.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{
    collections::BTreeMap,
    io::{Cursor, Read, Write},
    process::{Command, Stdio},
};

use chrono::DateTime;
use saas_recovery::format::{
    Compression, Content, Engine, FORMAT, FormatError, Manifest, Reader, TableSummary, Writer,
};
use saas_security::{FileSeal, RootSecret};

const BOTH: [Compression; 2] = [Compression::Zstd, Compression::Gzip];

fn seal() -> FileSeal {
    FileSeal::new(&RootSecret::new(
        b"a secret of at least 32 bytes, for tests",
        None,
    ))
}

fn manifest(content: Content) -> Manifest {
    let users = TableSummary {
        rows: 3,
        checksum: "00ff".to_owned(),
    };
    Manifest {
        format: FORMAT,
        platform: "1.0.0".to_owned(),
        engine: Engine::Sqlite,
        server: "租户 3.45 \u{1f600}".to_owned(),
        migrations: vec!["m0001".to_owned(), "m0002".to_owned()],
        installation: uuid::Uuid::from_u128(7),
        epoch: 5,
        taken_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        content,
        tables: BTreeMap::from([("users".to_owned(), users)]),
        seal: String::new(),
    }
    .sealed(&seal())
}

fn content() -> Vec<u8> {
    (0..4_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect()
}

fn backup(compression: Compression) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compression).unwrap();
    writer.write_all(&content()).unwrap();
    writer.finish(manifest).unwrap().0
}

fn read(bytes: &[u8], compression: Compression) -> Result<(Vec<u8>, Manifest), FormatError> {
    let mut reader = Reader::new(bytes, compression)?;
    let mut content = Vec::new();
    if let Err(error) = reader.read_to_end(&mut content) {
        return Err(reader.judge(error));
    }
    Ok((content, reader.finish()?))
}

#[test]
fn what_is_written_is_read_again() {
    for compression in BOTH {
        let bytes = backup(compression);
        let (read, told) = read(&bytes, compression).unwrap();
        assert_eq!(read, content());
        assert_eq!(told.content.bytes, content().len() as u64);
        assert!(told.is_sealed(&seal()));
        assert_eq!(
            Manifest::peek(&mut Cursor::new(&bytes), compression).unwrap(),
            told
        );
    }
}

#[test]
fn the_usual_tools_read_it_too() {
    for (compression, tool) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let mut child = Command::new(tool)
            .arg("-dc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = child.stdin.take().unwrap();
        let bytes = backup(compression);
        let writing = std::thread::spawn(move || to.write_all(&bytes).unwrap());
        let done = child.wait_with_output().unwrap();
        writing.join().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        assert!(done.stdout == content(), "{tool}");
    }
}

#[test]
fn what_was_cut_short_is_refused_wherever_it_was_cut() {
    for compression in BOTH {
        let bytes = backup(compression);
        let near_the_end = bytes.len() - 1200..bytes.len();
        for length in (0..bytes.len()).step_by(97).chain(near_the_end) {
            let error = read(&bytes[..length], compression).unwrap_err();
            assert!(
                matches!(error, FormatError::CutShort | FormatError::Damaged(_)),
                "{length} of {}: {error:?}",
                bytes.len()
            );
        }
    }
}

#[test]
fn a_single_changed_bit_is_noticed() {
    for compression in BOTH {
        let bytes = backup(compression);
        // The first bytes of gzip's head and the like say nothing about the content.
        for at in (16..bytes.len() - 1200).step_by(101) {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            assert!(read(&other, compression).is_err(), "{at}");
        }
    }
}

#[test]
fn another_content_under_the_same_manifest_is_noticed() {
    for compression in BOTH {
        let mut writer = Writer::new(Vec::new(), compression).unwrap();
        writer.write_all(b"another content").unwrap();
        let true_content = read(&backup(compression), compression).unwrap().1.content;
        let (bytes, _) = writer.finish(|_| manifest(true_content)).unwrap();
        assert!(matches!(
            read(&bytes, compression),
            Err(FormatError::Altered)
        ));
    }
}

#[test]
fn a_manifest_that_was_altered_is_not_sealed() {
    let told = read(&backup(Compression::Zstd), Compression::Zstd)
        .unwrap()
        .1;
    let mut other = told.clone();
    other.tables.get_mut("users").unwrap().rows = 2;
    assert!(!other.is_sealed(&seal()));
    let another = FileSeal::new(&RootSecret::new(
        b"another secret of at least 32 bytes",
        None,
    ));
    assert!(!told.is_sealed(&another));
    assert!(
        !Manifest {
            seal: String::new(),
            ..told
        }
        .is_sealed(&seal())
    );
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let newer = |content| Manifest {
        format: FORMAT + 1,
        ..manifest(content)
    };
    let (bytes, _) = Writer::new(Vec::new(), Compression::Gzip)
        .unwrap()
        .finish(newer)
        .unwrap();
    assert!(
        matches!(read(&bytes, Compression::Gzip), Err(FormatError::Newer(n)) if n == FORMAT + 1)
    );
}
