//! A second, stricter look at how messages are framed, before the HTTP library sees the bytes.
//!
//! The library accepts what RFC 9112 lets a server repair: bare line feeds, repeated equal lengths,
//! a length beside chunked. Another server behind this one may repair it in another way, and then
//! one of them takes a part of a body for a request. The scanner follows the message borders itself
//! and tells, for each head in turn, whether anything in it could be read in two ways.

use crate::phases::FramingFault;

/// No head that is served is longer; the HTTP library refuses it with 431.
const LONGEST_LINE: usize = 64 * 1024;

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub struct Scanner {
    state: State,
    /// The beginning of a line that continues in the next read.
    partial: Vec<u8>,
    head: Head,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before a request line: empty lines are passed over.
    #[default]
    Start,
    Head,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    /// Nothing is known from here on: something was wrong, or another protocol is spoken.
    Opaque,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    fault: Option<FramingFault>,
    length: Option<u64>,
    is_chunked: bool,
}

impl Head {
    /// The first fault is the one told.
    fn note(&mut self, fault: FramingFault) {
        self.fault.get_or_insert(fault);
    }
}

/// Where in its life a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between two messages.
    Between,
    /// Within a head.
    InHead,
    /// Within a body, or beyond what the scanner follows.
    Elsewhere,
}

impl Scanner {
    /// Takes in the next bytes. `on_head` hears of each head that was completed, in order: one call
    /// for each request that the HTTP library will report, or none after it was told of a fault.
    pub fn feed(&mut self, mut bytes: &[u8], on_head: &mut impl FnMut(Option<FramingFault>)) {
        while !bytes.is_empty() {
            match self.state {
                State::Opaque => return,
                State::Body(left) => {
                    let (left, rest) = skip(left, bytes);
                    bytes = rest;
                    self.state = if left == 0 {
                        State::Start
                    } else {
                        State::Body(left)
                    };
                }
                State::ChunkData(left) => {
                    let (left, rest) = skip(left, bytes);
                    bytes = rest;
                    self.state = if left == 0 {
                        State::ChunkEnd
                    } else {
                        State::ChunkData(left)
                    };
                }
                State::Start
                | State::Head
                | State::ChunkSize
                | State::ChunkEnd
                | State::Trailers => bytes = self.feed_line(bytes, on_head),
            }
        }
    }

    /// From here on another protocol is spoken.
    pub fn stop(&mut self) {
        self.state = State::Opaque;
        self.partial = Vec::new();
    }

    /// Where the connection is.
    pub fn place(&self) -> Place {
        match self.state {
            State::Start if self.partial.is_empty() => Place::Between,
            State::Start | State::Head => Place::InHead,
            _ => Place::Elsewhere,
        }
    }

    /// What was wrong so far with the head that is being read.
    pub fn fault(&self) -> Option<FramingFault> {
        self.head.fault
    }

    /// Takes in at most one line and returns what follows it.
    fn feed_line<'a>(
        &mut self,
        bytes: &'a [u8],
        on_head: &mut impl FnMut(Option<FramingFault>),
    ) -> &'a [u8] {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            if self.partial.len() + bytes.len() > LONGEST_LINE {
                self.stop();
            } else {
                self.partial.extend_from_slice(bytes);
            }
            return &[];
        };
        let (line, rest) = bytes.split_at(end + 1);
        if self.partial.is_empty() {
            self.line(line, on_head);
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(line);
            self.line(&whole, on_head);
            // Kept for its room; most connections never need it.
            whole.clear();
            if self.state != State::Opaque {
                self.partial = whole;
            }
        }
        rest
    }

    /// A whole line, its line feed included.
    fn line(&mut self, line: &[u8], on_head: &mut impl FnMut(Option<FramingFault>)) {
        let content = match line {
            [content @ .., b'\r', b'\n'] if memchr::memchr(b'\r', content).is_none() => {
                Some(content)
            }
            _ => None,
        };
        match self.state {
            State::Start => {
                self.head = Head::default();
                match content {
                    Some([]) => {}
                    Some(_) => self.state = State::Head,
                    None => {
                        self.head.note(FramingFault::LineEnding);
                        self.state = State::Head;
                    }
                }
            }
            State::Head => self.head_line(line, content, on_head),
            State::ChunkSize => {
                self.state = match content.and_then(chunk_size) {
                    Some(0) => State::Trailers,
                    Some(size) => State::ChunkData(size),
                    None => State::Opaque,
                };
            }
            State::ChunkEnd => {
                self.state = match content {
                    Some([]) => State::ChunkSize,
                    _ => State::Opaque,
                };
            }
            State::Trailers => match content {
                Some([]) => self.state = State::Start,
                Some(_) => {}
                None => self.state = State::Opaque,
            },
            State::Body(_) | State::ChunkData(_) | State::Opaque => {}
        }
    }

    fn head_line(
        &mut self,
        line: &[u8],
        content: Option<&[u8]>,
        on_head: &mut impl FnMut(Option<FramingFault>),
    ) {
        let Some(content) = content else {
            self.head.note(FramingFault::LineEnding);
            // A bare line feed ends the head for a lenient reader, such as the HTTP library.
            if matches!(line, b"\n") {
                self.end_of_head(on_head);
            }
            return;
        };
        if content.is_empty() {
            self.end_of_head(on_head);
            return;
        }
        let Some(colon) = memchr::memchr(b':', content) else {
            self.head.note(FramingFault::NoColon);
            return;
        };
        let (name, value) = content.split_at(colon);
        if name.first().is_none_or(|b| is_space(*b)) || name.last().is_some_and(|b| is_space(*b)) {
            self.head.note(FramingFault::HeaderSpacing);
            return;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            match (decimal(value), self.head.length) {
                (Some(length), None) => self.head.length = Some(length),
                _ => self.head.note(FramingFault::Length),
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.head.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                self.head.note(FramingFault::TransferEncoding);
            }
            self.head.is_chunked = true;
        }
    }

    fn end_of_head(&mut self, on_head: &mut impl FnMut(Option<FramingFault>)) {
        let head = &mut self.head;
        if head.is_chunked && head.length.is_some() {
            head.note(FramingFault::LengthAndChunked);
        }
        on_head(head.fault);
        self.state = match (head.fault, head.is_chunked, head.length) {
            (Some(_), ..) => State::Opaque,
            (None, true, _) => State::ChunkSize,
            (None, false, None | Some(0)) => State::Start,
            (None, false, Some(length)) => State::Body(length),
        };
    }
}

/// Passes over up to `left` bytes: how many are left then, and what follows.
fn skip(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    let rest = bytes.get(here..).unwrap_or_default();
    (left.saturating_sub(here as u64), rest)
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn decimal(text: &[u8]) -> Option<u64> {
    let is_sound = (1..=18).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    is_sound.then(|| {
        text.iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    })
}

/// The size at the beginning of a chunk's first line; its extensions are passed over.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| *b == b';').next()?;
    if !(1..=15).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(sum * 16 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was told of each head, with the bytes fed whole and one by one: it must not matter.
    fn heads(bytes: &str) -> (Vec<Option<FramingFault>>, Place) {
        let mut whole = Vec::new();
        let mut scanner = Scanner::default();
        scanner.feed(bytes.as_bytes(), &mut |fault| whole.push(fault));
        let mut single = Vec::new();
        let mut slow = Scanner::default();
        for byte in bytes.as_bytes() {
            slow.feed(std::slice::from_ref(byte), &mut |fault| single.push(fault));
        }
        assert_eq!(whole, single);
        assert_eq!(scanner.place(), slow.place());
        (whole, scanner.place())
    }

    #[test]
    fn borders_of_sound_messages_are_found() {
        let text = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\
                    POST / HTTP/1.1\r\ncontent-length:  5 \r\n\r\nGET /\
                    POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n\
                    5;name=\"x\"\r\nGET /\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n\
                    GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(heads(text), (vec![None; 4], Place::Between));
        assert_eq!(heads("GET / HT"), (vec![], Place::InHead));
        assert_eq!(heads("GET / HTTP/1.1\r\nHos"), (vec![], Place::InHead));
        assert_eq!(
            heads("PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"),
            (vec![None], Place::Elsewhere)
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_told() {
        use FramingFault as F;
        for (lines, fault) in [
            (
                "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                F::LengthAndChunked,
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                F::LengthAndChunked,
            ),
            (
                "transfer-encoding:chunked\r\ncontent-length:0\r\n",
                F::LengthAndChunked,
            ),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", F::Length),
            ("Content-Length: 3, 3\r\n", F::Length),
            ("Content-Length: +3\r\n", F::Length),
            ("Content-Length: 0x3\r\n", F::Length),
            ("Content-Length:\r\n", F::Length),
            ("Content-Length: 99999999999999999999\r\n", F::Length),
            ("Transfer-Encoding: gzip, chunked\r\n", F::TransferEncoding),
            ("Transfer-Encoding: identity\r\n", F::TransferEncoding),
            ("Transfer-Encoding: xchunked\r\n", F::TransferEncoding),
            ("Transfer-Encoding: \x0bchunked\r\n", F::TransferEncoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                F::TransferEncoding,
            ),
            ("Transfer-Encoding : chunked\r\n", F::HeaderSpacing),
            ("X: a\r\n Transfer-Encoding: chunked\r\n", F::HeaderSpacing),
            ("\tX: a\r\n", F::HeaderSpacing),
            ("Transfer-Encoding\r\n", F::NoColon),
            ("X: a\nTransfer-Encoding: chunked\r\n", F::LineEnding),
            ("X: a\rTransfer-Encoding: chunked\r\n", F::LineEnding),
        ] {
            let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let (told, place) = heads(&text);
            assert_eq!(told, [Some(fault)], "{lines:?}");
            assert_eq!(place, Place::Elsewhere);
        }
        assert_eq!(heads("GET / HTTP/1.1\n\n").0, [Some(F::LineEnding)]);
        assert_eq!(
            heads("GET / HTTP/1.1\r\nHost: a\r\n\n").0,
            [Some(F::LineEnding)]
        );
    }

    #[test]
    fn after_a_broken_body_nothing_is_taken_for_a_head() {
        for body in [
            "x\r\n",
            "-1\r\n",
            "\r\n",
            "3\r\nabcd\r\n",
            "3\nabc",
            "fffffffffffffffff\r\n",
        ] {
            let text = format!(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET / HTTP/1.1\r\n\r\n"
            );
            assert_eq!(heads(&text), (vec![None], Place::Elsewhere), "{body:?}");
        }
    }

    #[test]
    fn another_protocol_is_left_alone() {
        let mut scanner = Scanner::default();
        scanner.feed(b"GET / HTTP/1.1\r\n\r\n", &mut |_| {});
        scanner.stop();
        scanner.feed(b"\x81\x05hello\r\n\r\n", &mut |_| panic!("no head"));
    }
}
