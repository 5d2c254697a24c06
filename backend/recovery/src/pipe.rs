//! Bytes from one place to another, until told to stop.

use std::io::{Read, Write};

use crate::{RecoveryError, stop::Stop};

/// Bytes at once.
const CHUNK: usize = 256 * 1024;

/// All of it. Whose fault an error is, is told.
pub(crate) fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    stop: &Stop,
) -> Result<(), RecoveryError> {
    let mut chunk = vec![0; CHUNK];
    loop {
        stop.check()?;
        let count = from.read(&mut chunk).map_err(RecoveryError::Read)?;
        if count == 0 {
            return to.flush().map_err(RecoveryError::Write);
        }
        to.write_all(chunk.get(..count).unwrap_or(&[]))
            .map_err(RecoveryError::Write)?;
        stop.passed(count);
    }
}
