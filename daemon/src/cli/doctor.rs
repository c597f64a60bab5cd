//! `hippo doctor`: looks at everything that hippo rests on and says what could be better.

use hippo_config::Paths;
use serde::Serialize;

use super::Exit;
use super::client::{Client, ClientError};
use super::probe::{self, Finding, Level, error, ok, warning};
use super::style::{Put as _, Style, pad, plain};
use crate::service::wire::Status;

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    program: Option<String>,
    home: Option<String>,
    healthy: bool,
    findings: Vec<Finding>,
}

pub(super) async fn doctor(paths: &Paths, client: &Client, json: bool) -> anyhow::Result<Exit> {
    let mut findings = probe::places(paths);
    let (settings, found) = probe::settings(paths);
    findings.extend(found);
    findings.extend(probe::folders(&settings));
    findings.extend(probe::libraries(paths, &settings));
    findings.extend(probe::models(paths, &settings));
    findings.extend(probe::sandbox(paths, &settings).await);
    findings.extend(probe::inotify(&settings));
    findings.extend(probe::space(paths));
    findings.extend(daemon(client).await);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        program: std::env::current_exe()
            .ok()
            .map(|p| p.display().to_string()),
        home: paths.home().map(|p| p.display().to_string()),
        healthy: findings.iter().all(|f| f.level != Level::Error),
        findings,
    };
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", render(&report, Style::stdout()));
    }
    Ok(if report.healthy {
        Exit::Done
    } else {
        Exit::Failed
    })
}

async fn daemon(client: &Client) -> Vec<Finding> {
    match client.get::<Status>("/v1/status").await {
        Ok(status) => {
            let what = format!("runs, pid {}, {}", status.pid, status.state.as_str());
            let mut found = vec![ok("daemon", what)];
            if status.version != env!("CARGO_PKG_VERSION") {
                let what = format!(
                    "is version {}, this is {}",
                    status.version,
                    env!("CARGO_PKG_VERSION")
                );
                found.push(warning(
                    "daemon",
                    what,
                    "`hippo down`, then `hippo up --detach`",
                ));
            }
            let waits = status.waits.into_iter();
            found.extend(waits.map(|wait| warning("daemon", wait, "`hippo status` shows more")));
            found
        }
        Err(ClientError::NotRunning) => {
            vec![warning("daemon", "does not run", "`hippo up --detach`")]
        }
        Err(e) => vec![error(
            "daemon",
            e.to_string(),
            "`hippo down`, then `hippo up --detach`; the log may say more",
        )],
    }
}

fn render(report: &Report, style: Style) -> String {
    let mut out = format!("{} {}", style.bold("hippo"), report.version);
    if let Some(program) = &report.program {
        out.push_str(&style.dim(&format!("  {program}")));
    }
    if let Some(home) = &report.home {
        out.push_str(&style.dim(&format!("  HIPPO_HOME={home}")));
    }
    out.push('\n');
    for finding in &report.findings {
        let sign = match finding.level {
            Level::Ok => style.green("ok"),
            Level::Warning => style.yellow("! "),
            Level::Error => style.red("✗ "),
        };
        out.put(format_args!(
            "{sign}  {} {}\n",
            style.dim(&pad(finding.about, 9)),
            plain(&finding.found)
        ));
        if let Some(fix) = &finding.fix {
            out.put(format_args!(
                "              {} {}\n",
                style.dim("→"),
                plain(fix)
            ));
        }
    }
    let count = |level: Level| report.findings.iter().filter(|f| f.level == level).count();
    let summary = match (count(Level::Error), count(Level::Warning)) {
        (0, 0) => style.green("all is well"),
        (0, n) => format!(
            "it works; {n} {} be better",
            if n == 1 {
                "thing could"
            } else {
                "things could"
            }
        ),
        (n, _) => style.red(&format!(
            "{n} {} to be mended",
            if n == 1 { "thing has" } else { "things have" }
        )),
    };
    out.put(format_args!("{summary}\n"));
    out
}
