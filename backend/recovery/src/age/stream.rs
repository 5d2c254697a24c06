//! The content: chunks of 64 KiB, each encrypted and authenticated with its number, the last one
//! marked as the last, so that none can be left out, moved or added.

use std::io::{self, BufRead, BufReader, Read, Write};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use saas_domain::Random;
use zeroize::Zeroizing;

use super::{
    AgeError, FILE_KEY, Identity, Recipient,
    header::{self, cipher, derive},
};

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// Bytes before the first chunk, from which its key is derived.
const SALT: usize = 16;

/// Numbers the chunks.
struct Counter(u128);

impl Counter {
    fn next(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        let count = self.0.to_be_bytes();
        if let (Some(to), Some(from)) = (nonce.get_mut(..11), count.get(5..)) {
            to.copy_from_slice(from);
        }
        if let Some(last) = nonce.last_mut() {
            *last = u8::from(is_last);
        }
        self.0 += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

fn broken() -> io::Error {
    io::Error::other("the encryption failed")
}

/// Encrypts what is written to it. [`finish`](Self::finish) has to end it.
pub struct Encryptor<W: Write> {
    to: W,
    cipher: LessSafeKey,
    counter: Counter,
    chunk: Vec<u8>,
}

impl<W: Write> Encryptor<W> {
    /// For whoever has the secret key of one of the recipients.
    ///
    /// # Errors
    /// When what is written to fails.
    pub fn new(mut to: W, recipients: &[Recipient], random: &Random) -> io::Result<Self> {
        let key = Zeroizing::new(random.bytes::<FILE_KEY>());
        header::write(&mut to, &key, recipients, random)?;
        let salt = random.bytes::<SALT>();
        to.write_all(&salt)?;
        Ok(Self {
            to,
            cipher: cipher(&derive(&*key, &salt, "payload")).ok_or_else(broken)?,
            counter: Counter(0),
            chunk: Vec::with_capacity(CHUNK + TAG),
        })
    }

    /// Writes the last chunk.
    ///
    /// # Errors
    /// When what is written to fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.counter.next(is_last);
        let sealed = self
            .cipher
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut self.chunk);
        sealed.map_err(|_| broken())?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        // A full chunk waits until it is known whether it is the last.
        if self.chunk.len() == CHUNK && !content.is_empty() {
            self.seal(false)?;
        }
        let room = CHUNK - self.chunk.len();
        let taken = content.get(..room).unwrap_or(content);
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Decrypts what is read from it. Bytes come only from chunks that are as they were written; a file
/// that was cut short ends with an error.
pub struct Decryptor<R: Read> {
    from: BufReader<R>,
    cipher: LessSafeKey,
    counter: Counter,
    chunk: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl<R: Read> Decryptor<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// When it is none of age's, was altered, or is for another key.
    pub fn new(from: R, identity: &Identity) -> Result<Self, AgeError> {
        let mut from = BufReader::with_capacity(CHUNK + TAG, from);
        let key = header::read(&mut from, identity)?;
        let mut salt = [0; SALT];
        from.read_exact(&mut salt).map_err(AgeError::Read)?;
        let cipher = cipher(&derive(&*key, &salt, "payload")).ok_or(AgeError::NotAge)?;
        Ok(Self {
            from,
            cipher,
            counter: Counter(0),
            chunk: Vec::new(),
            given: 0,
            is_over: false,
        })
    }

    fn open(&mut self) -> io::Result<()> {
        let is_first = self.counter.0 == 0;
        self.chunk.resize(CHUNK + TAG, 0);
        let mut length = 0;
        while let Some(room) = self.chunk.get_mut(length..).filter(|room| !room.is_empty()) {
            match self.from.read(room)? {
                0 => break,
                count => length += count,
            }
        }
        let is_last = self.from.fill_buf()?.is_empty();
        self.chunk.truncate(length);
        let nonce = self.counter.next(is_last);
        let altered = || {
            let why = "the backup was cut short or altered within its encryption";
            io::Error::new(io::ErrorKind::InvalidData, why)
        };
        let opened = self
            .cipher
            .open_in_place(nonce, Aad::empty(), &mut self.chunk);
        let length = opened.map_err(|_| altered())?.len();
        // An empty chunk stands for empty content alone.
        if length == 0 && !(is_first && is_last) {
            return Err(altered());
        }
        self.chunk.truncate(length);
        self.given = 0;
        self.is_over = is_last;
        Ok(())
    }
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.chunk.len() {
            if self.is_over {
                return Ok(0);
            }
            self.open()?;
        }
        let left = self.chunk.get(self.given..).unwrap_or(&[]);
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}
