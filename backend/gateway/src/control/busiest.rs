//! Which tenants ask most. There may be very many, so only a few at a time become time series.

use saas_domain::TenantId;
use saas_telemetry::{Family, GatewayMetrics, Gauge, Tenant};
use std::sync::atomic::AtomicU64;

use crate::limiter::Limiter;

/// Tenants shown by each gauge.
const MOST: usize = 20;

/// Shows what came in the last `seconds`.
pub(super) fn show(limiter: &Limiter, metrics: &GatewayMetrics, seconds: u32) {
    let counts = limiter.tenants_since();
    let asked = counts.iter().map(|(tenant, asked, _)| (*tenant, *asked));
    let refused = counts
        .iter()
        .map(|(tenant, _, refused)| (*tenant, *refused));
    fill(&metrics.tenant_requests, asked.collect(), seconds);
    fill(&metrics.tenant_refusals, refused.collect(), seconds);
}

fn fill(
    family: &Family<Tenant, Gauge<f64, AtomicU64>>,
    mut counts: Vec<(TenantId, u32)>,
    seconds: u32,
) {
    counts.retain(|(_, count)| *count > 0);
    counts.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(MOST);
    family.clear();
    for (tenant, count) in counts {
        let tenant = tenant.to_string();
        family
            .get_or_create(&Tenant { tenant })
            .set(f64::from(count) / f64::from(seconds));
    }
}

#[cfg(test)]
mod tests {
    use saas_domain::{Clock, Random};
    use saas_telemetry::{Exposition, Metrics};

    use super::*;

    #[test]
    fn only_the_busiest_tenants_are_shown_and_only_while_they_are() {
        let (clock, random) = (Clock::system(), Random::seeded(7));
        let (limiter, metrics) = (Limiter::default(), Metrics::new("gateway"));
        let tenants: Vec<_> = (0..30)
            .map(|_| TenantId::generate(&clock, &random))
            .collect();
        for (index, tenant) in tenants.iter().enumerate() {
            let bucket = limiter.tenant(*tenant);
            // The burst is six, so that the last of them are refused.
            for _ in 0..=index {
                if bucket.take(0, 3, false).is_err() {
                    bucket.note_refused();
                }
            }
        }
        show(&limiter, metrics.gateway(), 10);
        let text = metrics.encode(Exposition::Text);
        let shown = |name: &str| {
            let start = format!("{name}{{");
            text.lines().filter(|line| line.starts_with(&start)).count()
        };
        assert_eq!(shown("gateway_tenant_requests_per_second"), MOST, "{text}");
        assert_eq!(shown("gateway_tenant_refusals_per_second"), MOST);
        let (most, least) = (tenants[29], tenants[9]);
        let line = |name: &str, tenant, value| {
            format!("gateway_tenant_{name}_per_second{{tenant=\"{tenant}\"}} {value}\n")
        };
        assert!(text.contains(&line("requests", most, "3.0")), "{text}");
        assert!(text.contains(&line("refusals", most, "2.4")), "{text}");
        assert!(!text.contains(&least.to_string()), "{text}");
        show(&limiter, metrics.gateway(), 10);
        let text = metrics.encode(Exposition::Text);
        assert!(!text.contains(&most.to_string()), "{text}");
    }
}
