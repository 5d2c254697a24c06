//! How far a command is, for people at a terminal.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use saas_recovery::Stop;

use super::told::size;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);
/// Letters of the bar.
const WIDTH: u64 = 30;

/// A line on standard error, if that is a terminal; gone with this.
pub(super) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Shows what passes, and which part that is of `total` bytes if that is known.
    pub(super) fn show(work: &Stop, total: Option<u64>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (end, ended) = channel();
        let work = work.clone();
        // A thread, since work may keep the one that it runs on busy.
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            loop {
                draw(&line(work.done(), total, began.elapsed()));
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    draw("");
                    return;
                }
            }
        });
        Self(Some((end, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            let _ = thread.join();
        }
    }
}

/// In place of the line before.
fn draw(line: &str) {
    let mut terminal = std::io::stderr().lock();
    // Whoever closed the terminal does not look.
    let _ = write!(terminal, "\r\x1b[2K{line}");
    let _ = terminal.flush();
}

fn line(done: u64, total: Option<u64>, took: Duration) -> String {
    let mut line = String::from("  ");
    if let Some(total) = total.filter(|total| *total > 0) {
        let done = done.min(total);
        let part = |whole: u64| u128::from(done) * u128::from(whole) / u128::from(total);
        let full = usize::try_from(part(WIDTH)).unwrap_or(0);
        let width = usize::try_from(WIDTH).unwrap_or(0);
        let bar = "#".repeat(full);
        let _ = write!(line, "[{bar:-<width$}] {:>3} %  ", part(100));
    }
    let _ = write!(line, "{}  {} s", size(done), took.as_secs());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        let second = Duration::from_secs(1);
        assert_eq!(line(1024, None, second), "  1.0 KiB  1 s");
        let half = line(512, Some(1024), second);
        assert_eq!(
            half,
            "  [###############---------------]  50 %  512 bytes  1 s"
        );
        assert!(line(4096, Some(1024), second).contains("] 100 %"));
        assert_eq!(line(0, Some(0), second), "  0 bytes  1 s");
    }
}
