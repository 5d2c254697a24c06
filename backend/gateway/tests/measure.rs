//! Temporary.
#![allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unused_imports
)]
#[path = "it/support/mod.rs"]
mod support;
use support::*;

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit_once(") ").unwrap().1.split(' ').collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread")]
async fn measure() {
    let ups: Vec<std::net::SocketAddr> = std::env::var("UPS")
        .unwrap()
        .split(',')
        .map(|a| a.parse().unwrap())
        .collect();
    let insts = ups
        .iter()
        .enumerate()
        .map(|(i, a)| instance(&format!("i{i}"), *a))
        .collect();
    let gateway = Gateway::with(vec![service("orders", insts)], |s| {
        s.gateway_threads = std::env::var("THREADS").unwrap().parse().unwrap();
        if std::env::var("LIMITS").is_ok() {
            s.rate_limit_per_tenant = Some(100_000_000);
            s.rate_limit_per_address = Some(100_000_000);
        }
    })
    .await;
    let token = gateway.token();
    std::fs::write("/tmp/gw.addr", format!("{}\n{}\n", gateway.address, token)).unwrap();
    for _ in 0..2 {
        for (name, path, auth) in [
            ("plain", "/api/orders/public/x", false),
            ("token", "/api/orders/x", true),
        ] {
            let mut cmd = tokio::process::Command::new("wrk");
            cmd.args(["-t1", "-c64", "-d6s"]);
            if auth {
                cmd.args(["-H", &format!("Authorization: Bearer {token}")]);
            }
            cmd.arg(format!("http://{}{path}", gateway.address));
            let before = cpu();
            let out = cmd.output().await.unwrap();
            let used = cpu() - before;
            let text = String::from_utf8(out.stdout).unwrap();
            let n: f64 = text
                .lines()
                .find(|l| l.contains("requests in"))
                .unwrap()
                .trim()
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            println!(
                "RESULT gateway {name}: {:.2} us/request, {} requests; {}",
                used / n * 1e6,
                n,
                text.lines()
                    .filter(|l| l.contains("Non-2xx")
                        || l.contains("Latency")
                        || l.contains("Socket"))
                    .collect::<Vec<_>>()
                    .join(";")
            );
        }
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    println!(
        "RESULT {}",
        s.lines().find(|l| l.starts_with("VmRSS")).unwrap()
    );
}
