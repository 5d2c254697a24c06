//! Server-sent events (WHATWG HTML, section 9.2), as much of them as the streams use.

use bytes::BytesMut;

/// A frame longer than this is refused: the largest snapshot of ten thousand instances is a tenth.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

/// One event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name; `message` if it had none.
    pub event: String,
    /// Its identifier, if it carried one.
    pub id: Option<String>,
    /// Its data, lines joined by line feeds.
    pub data: String,
}

/// A frame did not end within 64 MiB.
#[derive(Debug, thiserror::Error)]
#[error("the stream sent more than 64 MiB without ending an event")]
pub struct FrameTooLarge;

/// Takes bytes as they come and gives frames as they end.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
    /// Up to where the buffer is known to hold no end of a frame.
    searched: usize,
}

impl FrameDecoder {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FrameTooLarge> {
        if self.buffer.len() + bytes.len() > MAX_FRAME_BYTES {
            return Err(FrameTooLarge);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next complete frame. Comments are skipped, and so are fields nobody asked for.
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let rest = self.buffer.get(self.searched..)?;
            let Some(at) = rest.windows(2).position(|pair| pair == b"\n\n") else {
                self.searched = self.buffer.len().saturating_sub(1);
                return None;
            };
            let block = self.buffer.split_to(self.searched + at + 2);
            self.searched = 0;
            if let Some(frame) = parse(&String::from_utf8_lossy(&block)) {
                return Some(frame);
            }
        }
    }
}

fn parse(block: &str) -> Option<Frame> {
    let (mut event, mut id, mut data) = (None, None, Vec::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event = Some(value.to_owned()),
            "id" => id = Some(value.to_owned()),
            "data" => data.push(value),
            _ => {}
        }
    }
    (event.is_some() || !data.is_empty()).then(|| Frame {
        event: event.unwrap_or_else(|| "message".to_owned()),
        id,
        data: data.join("\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_however_they_were_cut() {
        let text = ": hello\n\nevent: beat\ndata: {}\n\nevent: service\nid: 1-7\ndata: {\"a\":\ndata: 1}\n\n";
        for step in 1..text.len() {
            let mut decoder = FrameDecoder::default();
            let mut frames = Vec::new();
            for piece in text.as_bytes().chunks(step) {
                decoder.push(piece).unwrap();
                while let Some(frame) = decoder.next_frame() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 2, "step {step}");
            assert_eq!(frames[0].event, "beat");
            assert_eq!(frames[1].id.as_deref(), Some("1-7"));
            assert_eq!(frames[1].data, "{\"a\":\n1}");
        }
    }
}
