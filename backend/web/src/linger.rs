//! Closing a connection so that its last answer arrives.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// So much of a refused body is read and thrown away.
const MOST: usize = 16 * 1024 * 1024;
/// A client that sends nothing for so long has nothing more to send.
const SILENCE: Duration = Duration::from_secs(5);
/// And one that drips is not waited for longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// Closes a socket whose peer may still be sending. If anything were left unread, the kernel would
/// reset the connection, and a peer that is busy writing would lose the answer that says why its
/// body is not wanted. So the own side is closed first, and what still comes is thrown away until the
/// peer closes as well: up to 16 MiB, 30 s, and 5 s of silence.
///
/// To be called from `poll_shutdown` of the stream that it is kept beside.
#[derive(Debug, Default)]
pub struct Linger(Stage);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Open,
    Throwing(Box<Throwing>),
    Over,
}

#[derive(Debug)]
struct Throwing {
    left: usize,
    until: Instant,
    silence: Pin<Box<Sleep>>,
}

impl Linger {
    /// Closes `stream` for writing and, if its peer is amid a body, waits for the peer.
    pub fn poll_close<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        is_amid_a_body: impl FnOnce() -> bool,
    ) -> Poll<io::Result<()>> {
        if matches!(self.0, Stage::Open) {
            let shut = Pin::new(&mut *stream).poll_shutdown(context);
            if !matches!(shut, Poll::Ready(Ok(()))) {
                return shut;
            }
            self.0 = if is_amid_a_body() {
                Stage::Throwing(Box::new(Throwing {
                    left: MOST,
                    until: Instant::now() + LONGEST,
                    silence: Box::pin(sleep(SILENCE)),
                }))
            } else {
                Stage::Over
            };
        }
        if let Stage::Throwing(throwing) = &mut self.0 {
            if throwing.poll(stream, context).is_pending() {
                return Poll::Pending;
            }
            self.0 = Stage::Over;
        }
        Poll::Ready(Ok(()))
    }
}

impl Throwing {
    fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut room = [0; 16 * 1024];
        while self.left > 0 {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                    let silent = Instant::now() + SILENCE;
                    self.silence.as_mut().reset(silent.min(self.until));
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.silence.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}
