//! What the kernel says about this process, read from `/proc` at each scrape.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::names::Described;

/// The unit of the times in `/proc`, in ticks a second: `USER_HZ`, which Linux fixes at 100 for
/// programs whatever the kernel's own rate is.
const TICKS_PER_SECOND: f64 = 100.0;

type Named = (&'static str, &'static str);

const CPU: Named = (
    "process_cpu_seconds",
    "Processor time used, user and system.",
);
const RESIDENT: Named = ("process_resident_memory_bytes", "Resident memory.");
const VIRTUAL: Named = ("process_virtual_memory_bytes", "Virtual memory.");
const STARTED: Named = (
    "process_start_time_seconds",
    "When the process started, in seconds since the Unix epoch.",
);
const THREADS: Named = ("process_threads", "Threads.");
const OPEN: Named = ("process_open_fds", "Open file descriptors.");
const MOST_OPEN: Named = (
    "process_max_fds",
    "File descriptors that may be open at most.",
);

pub(super) fn described() -> Vec<Described> {
    let gauges = [RESIDENT, VIRTUAL, STARTED, THREADS, OPEN, MOST_OPEN];
    let gauges = gauges.map(|(name, help)| Described::new(name, MetricType::Gauge, help));
    let cpu = Described::new(CPU.0, MetricType::Counter, CPU.1);
    gauges.into_iter().chain([cpu]).collect()
}

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

/// The soft limit of open files; `None` where there is none.
fn most_open() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            for (named, line) in [(RESIDENT, "VmRSS:"), (VIRTUAL, "VmSize:")] {
                if let Some(bytes) = status_bytes(&status, line) {
                    gauge(&mut encoder, named, bytes)?;
                }
            }
        }
        if let Some(figures) = figures() {
            let cpu = ConstCounter::new(figures.cpu_seconds);
            cpu.encode(encoder.encode_descriptor(CPU.0, CPU.1, None, cpu.metric_type())?)?;
            let started = ConstGauge::new(figures.start_time_seconds);
            let (name, help) = STARTED;
            started.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                started.metric_type(),
            )?)?;
            gauge(&mut encoder, THREADS, figures.threads)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Reading the directory opens one more.
            let open = u64::try_from(open.count()).unwrap_or(0).saturating_sub(1);
            gauge(&mut encoder, OPEN, open)?;
        }
        if let Some(most) = most_open() {
            gauge(&mut encoder, MOST_OPEN, most)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    (name, help): Named,
    value: u64,
) -> Result<(), fmt::Error> {
    let value = ConstGauge::new(value);
    value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
}
