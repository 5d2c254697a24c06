//! A request's body on its way to the instance.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::watch::{Ended, Guard};

/// What is known of an upload while the HTTP library has it.
#[derive(Debug, Default)]
pub struct UploadState {
    is_done: Cell<bool>,
    fault: Cell<Option<UploadFault>>,
    received: Cell<u64>,
}

impl UploadState {
    /// Whether the instance got all of it.
    pub fn is_done(&self) -> bool {
        self.is_done.get()
    }

    /// Why it ended early, if it did.
    pub fn fault(&self) -> Option<UploadFault> {
        self.fault.get()
    }
}

/// Why an upload ended early. Every one is the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    /// More came than is allowed.
    #[error("the request's body is larger than allowed")]
    TooLarge,
    /// Nothing came for too long.
    #[error("the request's body did not come in time")]
    TimedOut,
    /// The connection broke, or the body was malformed.
    #[error("the request's body broke off")]
    BrokenOff,
    /// The token it was sent with no longer holds.
    #[error("the token was revoked while the request's body was sent")]
    Revoked,
}

/// A body to send. An empty one costs nothing.
#[derive(Debug)]
pub enum Upload {
    /// None.
    Empty,
    /// What the client sends, as it comes.
    Streaming(Box<Streaming>),
}

/// A body as it comes.
#[derive(Debug)]
pub struct Streaming {
    body: Incoming,
    left: Option<u64>,
    state: Rc<UploadState>,
    guard: Guard,
    /// The guard of the answer, whose time begins when the upload ends.
    answer: Rc<Guard>,
    idle_seconds: u32,
    answer_seconds: u32,
}

/// What an upload is measured by.
pub struct UploadLimits {
    /// Bytes it may have.
    pub largest: Option<u64>,
    /// Seconds between two pieces.
    pub idle_seconds: u32,
    /// Seconds until the answer's head, counted from the last piece.
    pub answer_seconds: u32,
}

impl Upload {
    /// The body of a request, and what is known of it as it goes.
    pub fn new(
        body: Incoming,
        limits: &UploadLimits,
        guard: impl FnOnce() -> Guard,
        answer: &Rc<Guard>,
    ) -> (Self, Rc<UploadState>) {
        let state = Rc::new(UploadState::default());
        if body.is_end_stream() {
            state.is_done.set(true);
            return (Self::Empty, state);
        }
        let streaming = Streaming {
            body,
            left: limits.largest,
            state: Rc::clone(&state),
            guard: guard(),
            answer: Rc::clone(answer),
            idle_seconds: limits.idle_seconds,
            answer_seconds: limits.answer_seconds,
        };
        (Self::Streaming(Box::new(streaming)), state)
    }

    /// Whether there is nothing to send, so that the request can be sent again.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Streaming {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.guard.extend(self.idle_seconds);
                self.answer.extend(self.answer_seconds);
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                let received = self.state.received.get() + size;
                self.state.received.set(received);
                if self.left.is_some_and(|largest| received > largest) {
                    return Poll::Ready(Some(Err(UploadFault::TooLarge)));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(UploadFault::BrokenOff))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.guard.poll(context).map(|ended| {
                Some(Err(match ended {
                    Ended::Revoked => UploadFault::Revoked,
                    Ended::TimedOut | Ended::Stopping => UploadFault::TimedOut,
                }))
            }),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        let Self::Streaming(streaming) = &mut *self else {
            return Poll::Ready(None);
        };
        let polled = streaming.poll(context);
        match &polled {
            Poll::Ready(Some(Err(fault))) => streaming.state.fault.set(Some(*fault)),
            Poll::Ready(None) => streaming.state.is_done.set(true),
            // The HTTP library does not ask again when it knows that this was the last piece.
            Poll::Ready(Some(Ok(_))) => streaming.state.is_done.set(streaming.body.is_end_stream()),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(streaming) => streaming.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(streaming) => streaming.body.size_hint(),
        }
    }
}
