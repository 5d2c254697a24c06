//! What the kernel says about this process, read from `/proc` at each scrape.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// The unit of the times in `/proc`, in ticks a second: `USER_HZ`, which Linux fixes at 100 for
/// programs whatever the kernel's own rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, processor time, start time and open files of this process. A figure that the system does
/// not offer is left out.
#[derive(Debug)]
pub(super) struct Process;

struct Figures {
    cpu_seconds: f64,
    start_time_seconds: f64,
    threads: u64,
}

fn figures() -> Option<Figures> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |number: usize| -> Option<f64> { fields.get(number - 3)?.parse().ok() };
    let boot: f64 = fs::read_to_string("/proc/stat")
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    Some(Figures {
        cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
        start_time_seconds: boot + field(22)? / TICKS_PER_SECOND,
        threads: fields.get(17)?.parse().ok()?,
    })
}

/// Bytes of the named line of `/proc/self/status`, which counts in kibibytes.
fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            let sizes = [
                (
                    "process_resident_memory_bytes",
                    "Resident memory.",
                    "VmRSS:",
                ),
                ("process_virtual_memory_bytes", "Virtual memory.", "VmSize:"),
            ];
            for (name, help, line) in sizes {
                if let Some(bytes) = status_bytes(&status, line) {
                    gauge(&mut encoder, name, help, bytes)?;
                }
            }
        }
        if let Some(figures) = figures() {
            let cpu = ConstCounter::new(figures.cpu_seconds);
            cpu.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "Processor time used, user and system.",
                None,
                cpu.metric_type(),
            )?)?;
            let started = ConstGauge::new(figures.start_time_seconds);
            started.encode(encoder.encode_descriptor(
                "process_start_time_seconds",
                "When the process started, in seconds since the Unix epoch.",
                None,
                started.metric_type(),
            )?)?;
            gauge(&mut encoder, "process_threads", "Threads.", figures.threads)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Reading the directory opens one more.
            let open = u64::try_from(open.count()).unwrap_or(0).saturating_sub(1);
            gauge(
                &mut encoder,
                "process_open_fds",
                "Open file descriptors.",
                open,
            )?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), fmt::Error> {
    let value = ConstGauge::new(value);
    value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
}
