//! A clock that also counts the time a machine was suspended.

/// Milliseconds since the machine booted, suspension included (`CLOCK_BOOTTIME`).
///
/// Trust must not look fresh to a machine that wakes up: a monotonic clock that stands still while
/// a laptop or a virtual machine sleeps would say that no time has passed.
pub fn boot_millis() -> u64 {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let millis = u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0);
        seconds.saturating_mul(1000).saturating_add(millis)
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::{sync::LazyLock, time::Instant};
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
