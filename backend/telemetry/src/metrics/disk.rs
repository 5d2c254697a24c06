//! How full the file system is that holds the data directory, asked at each scrape.

use std::{fmt, path::PathBuf};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::names::Described;

const FREE: (&str, &str) = (
    "saas_data_dir_free_bytes",
    "Space left for this process on the file system of DATA_DIR",
);
const SIZE: (&str, &str) = (
    "saas_data_dir_size_bytes",
    "Size of the file system of DATA_DIR",
);

/// The file system of one directory. On one machine with Docker's volumes it is the one that
/// holds the database as well.
#[derive(Debug)]
pub(super) struct Disk(pub(super) PathBuf);

pub(super) fn described() -> Vec<Described> {
    let families = [FREE, SIZE];
    families
        .map(|(name, help)| Described::new(name, MetricType::Gauge, help))
        .to_vec()
}

impl Collector for Disk {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        // A directory that cannot be asked about shows nothing rather than something wrong.
        let Ok(found) = rustix::fs::statvfs(&self.0) else {
            return Ok(());
        };
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        for ((name, help), value) in [(FREE, found.f_bavail), (SIZE, found.f_blocks)] {
            let value = ConstGauge::new(bytes(value));
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
