//! An answer's body on its way to the client.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{
    pool::Sender,
    record::Record,
    upload::UploadState,
    watch::{Ended, Guard},
    worker::Worker,
};
use crate::table::InFlight;

/// Why an answer breaks off: the client sees the connection close before the body's end.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// The instance broke it off.
    #[error("the instance broke its answer off")]
    BrokenOff(#[source] hyper::Error),
    /// The gateway did.
    #[error("the answer was ended: {0:?}")]
    Ended(Ended),
}

/// A body, and what is to be done when it has gone out or is given up.
pub struct Answer {
    body: Kind,
    record: Option<Box<Record>>,
}

enum Kind {
    Whole(Option<Bytes>),
    Upstream(Box<Upstream>),
}

/// An instance's body, and the connection it comes by.
pub struct Upstream {
    pub(super) body: Incoming,
    pub(super) guard: Rc<Guard>,
    pub(super) upload: Rc<UploadState>,
    pub(super) worker: Rc<Worker>,
    pub(super) instance: u64,
    pub(super) sender: Option<Sender>,
    /// The instance's count of requests under way.
    pub(super) _in_flight: InFlight,
    pub(super) idle_seconds: Option<u32>,
    pub(super) is_finished: bool,
}

impl Answer {
    /// A body that is there as a whole.
    pub fn whole(bytes: Bytes) -> Self {
        Self {
            body: Kind::Whole((!bytes.is_empty()).then_some(bytes)),
            record: None,
        }
    }

    /// A body that an instance sends.
    pub fn upstream(upstream: Upstream) -> Self {
        Self {
            body: Kind::Upstream(Box::new(upstream)),
            record: None,
        }
    }

    /// Lets the record end with the body.
    #[must_use]
    pub fn recorded_by(mut self, record: Box<Record>) -> Self {
        self.record = Some(record);
        self
    }
}

impl Upstream {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerFault>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(seconds) = self.idle_seconds {
                    self.guard.extend(seconds);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(AnswerFault::BrokenOff(error)))),
            Poll::Ready(None) => {
                self.is_finished = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.guard.poll(context).map(|ended| match ended {
                // An event stream ends as streams end; its client connects again.
                Ended::Stopping => None,
                other => Some(Err(AnswerFault::Ended(other))),
            }),
        }
    }
}

impl Drop for Upstream {
    /// The connection is good for another request if both bodies were carried to their ends.
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take()
            && (self.is_finished || self.body.is_end_stream())
            && self.upload.is_done()
        {
            self.worker.pool.put(self.instance, sender, Instant::now());
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = AnswerFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerFault>>> {
        let this = &mut *self;
        let polled = match &mut this.body {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Upstream(upstream) => upstream.poll(context),
        };
        if let Some(record) = &mut this.record {
            match &polled {
                Poll::Ready(Some(Ok(frame))) => {
                    record.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
                }
                Poll::Ready(Some(Err(fault))) => record.broken_off(fault),
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Upstream(upstream) => upstream.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Upstream(upstream) => upstream.body.size_hint(),
        }
    }
}
