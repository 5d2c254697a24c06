//! `saas token`: credentials of business services.

use std::process::ExitCode;

use chrono::Duration;
use saas_domain::{Clock, ServiceName};
use saas_security::RegistrationTokens;

use crate::{
    Failure,
    commands::{print, root_secret, tool_settings},
};

/// Prints a registration token for one service; nothing else, so that a script can take it.
pub(crate) fn create(service: &ServiceName, public: bool, days: u32) -> Result<ExitCode, Failure> {
    if service.is_reserved() {
        return Err(Failure::correctable(format!(
            "`{service}` is one of the platform's own names; give your service another"
        )));
    }
    let settings = tool_settings()?;
    let token = RegistrationTokens::new(&root_secret(&settings)?)
        .issue(
            service,
            public,
            Duration::days(i64::from(days)),
            Clock::system().now(),
        )
        .map_err(|error| Failure::failed("the token could not be made").because(error))?;
    print(&format!("{token}\n"))?;
    Ok(ExitCode::SUCCESS)
}
