//! Writes lines on a thread of its own, so that a slow reader of the logs slows no request.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

/// For how long the first line of many waits for the others. Waking the thread and writing cost more
/// than making a line; under load most lines find the thread awake.
const GATHER: Duration = Duration::from_millis(5);

/// How many lines may wait. Beyond that lines are dropped, and the next one written says how many.
const QUEUE: usize = 16 * 1024;

/// Where lines go. Cloning shares the thread, which ends with the last clone.
#[derive(Clone)]
pub(super) struct Sink {
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

enum Item {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

impl Sink {
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        let (queue, items) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let writer = thread::Builder::new().name("log".to_owned());
        if let Err(error) = writer.spawn(move || write_all(output, &items, &counter)) {
            // Without the thread the queue is closed and lines are dropped.
            eprintln!("logs cannot be written: {error}");
        }
        Self { queue, dropped }
    }

    /// Hands over a line, its line break included.
    pub(super) fn line(&self, line: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Item::Line(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything handed over so far is written.
    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Item::Flush(done)).is_ok() {
            // An error means that the thread has ended, and with it what it had to write.
            let _ = wait.recv();
        }
    }
}

/// Writes until every [`Sink`] is gone: one system call for all lines of five milliseconds. Output
/// that fails, such as a closed pipe, is nothing a log could report.
fn write_all(mut output: impl Write, items: &Receiver<Item>, dropped: &AtomicU64) {
    const MOST_AT_ONCE: usize = 64 * 1024;
    let mut buffer = Vec::with_capacity(MOST_AT_ONCE);
    while let Ok(first) = items.recv() {
        if matches!(first, Item::Line(_)) {
            thread::sleep(GATHER);
        }
        let mut next = Some(first);
        let mut waiting = Vec::new();
        while let Some(item) = next {
            match item {
                Item::Line(line) => buffer.extend_from_slice(&line),
                Item::Flush(done) => waiting.push(done),
            }
            next = if buffer.len() < MOST_AT_ONCE {
                items.try_recv().ok()
            } else {
                None
            };
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(
                buffer,
                "{{\"log.level\":\"warn\",\"message\":\"{lost} log lines were dropped: \
                 the output is too slow\"}}"
            );
        }
        let _ = output.write_all(&buffer);
        let _ = output.flush();
        buffer.clear();
        for done in waiting {
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use super::*;

    /// Output that writes only while nobody holds the lock.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn output_that_stalls_costs_lines_and_says_so_but_blocks_nobody() {
        let output = Slow::default();
        let sink = Sink::new(output.clone());
        let held = output.0.lock().unwrap();
        let line = "x".repeat(100);
        for _ in 0..2 * QUEUE {
            sink.line(format!("{line}\n").into_bytes());
        }
        drop(held);
        sink.flush();
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        let written = text.lines().filter(|written| *written == line).count();
        assert!((QUEUE..2 * QUEUE).contains(&written), "{written}");
        // The writer may have begun while lines were still handed over, and then says so twice.
        let said = text.lines().filter_map(|line| {
            let (before, _) = line.split_once(" log lines were dropped")?;
            before.rsplit('"').next()?.parse::<usize>().ok()
        });
        assert_eq!(said.sum::<usize>(), 2 * QUEUE - written);
    }

    #[test]
    fn lines_keep_their_order_and_output_that_fails_is_no_panic() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let broken = Sink::new(Broken);
        broken.line(b"lost\n".to_vec());
        broken.flush();

        let output = Slow::default();
        let sink = Sink::new(output.clone());
        for line in ["a\n", "b\n", "c\n"] {
            sink.line(line.as_bytes().to_vec());
        }
        sink.flush();
        assert_eq!(*output.0.lock().unwrap(), b"a\nb\nc\n");
    }
}
