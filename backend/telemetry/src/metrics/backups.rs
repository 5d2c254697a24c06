//! Backups and drills, as far as they are known: what never was shows nothing, so that an alert tells
//! "never" from "in 1970".

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{Metrics, names::Described};

const FAILURES: (&str, &str) = ("saas_backup_failures", "Attempts at a backup that failed");

/// What is known of backups and drills.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BackupFigures {
    /// Since when there has to be one, in seconds since 1970; none where nothing makes any.
    pub expected_since: Option<f64>,
    /// When the newest one was made, in seconds since 1970.
    pub last_success: Option<f64>,
    /// Its size in bytes.
    pub last_size: Option<f64>,
    /// How long it took, in seconds.
    pub last_duration: Option<f64>,
    /// How many there are.
    pub kept: Option<f64>,
    /// When the last good drill ended, in seconds since 1970.
    pub drill_success: Option<f64>,
    /// How long it took to restore, in seconds.
    pub drill_recovery_time: Option<f64>,
    /// How old the restored state was, in seconds.
    pub drill_recovery_point: Option<f64>,
}

impl BackupFigures {
    fn families(&self) -> [(&'static str, &'static str, Option<f64>); 8] {
        [
            (
                "saas_backup_expected_since_timestamp_seconds",
                "Since when there has to be a backup: the installation's first start",
                self.expected_since,
            ),
            (
                "saas_backup_last_success_timestamp_seconds",
                "When the newest backup was made",
                self.last_success,
            ),
            (
                "saas_backup_last_size_bytes",
                "Size of the newest backup",
                self.last_size,
            ),
            (
                "saas_backup_last_duration_seconds",
                "How long the newest backup took",
                self.last_duration,
            ),
            ("saas_backup_kept", "Backups that are kept", self.kept),
            (
                "saas_backup_drill_last_success_timestamp_seconds",
                "When the last good drill ended",
                self.drill_success,
            ),
            (
                "saas_backup_drill_recovery_time_seconds",
                "How long the last good drill took to restore",
                self.drill_recovery_time,
            ),
            (
                "saas_backup_drill_recovery_point_seconds",
                "How old the state was that the last good drill restored",
                self.drill_recovery_point,
            ),
        ]
    }
}

/// Backups and drills. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct BackupMetrics(Arc<Mutex<(BackupFigures, u64)>>);

impl BackupMetrics {
    /// From now on this is known.
    pub fn set(&self, figures: BackupFigures) {
        self.lock().0 = figures;
    }

    /// Counts an attempt that failed.
    pub fn failed(&self) {
        self.lock().1 += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (BackupFigures, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    /// Shows from now on what is known of backups. To be called once.
    pub fn show_backups(&self, backups: &BackupMetrics) {
        let mut names = self.lock();
        let gauges = BackupFigures::default().families();
        let gauges = gauges.map(|(name, help, _)| Described::new(name, MetricType::Gauge, help));
        names.described.extend(gauges);
        let failures = Described::new(FAILURES.0, MetricType::Counter, FAILURES.1);
        names.described.push(failures);
        names.registry.register_collector(Box::new(backups.clone()));
    }
}

impl Collector for BackupMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (figures, failures) = *self.lock();
        for (name, help, value) in figures.families() {
            let Some(value) = value else {
                continue;
            };
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(gauge)?;
        }
        let (name, help) = FAILURES;
        let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(failures).encode(counter)
    }
}
