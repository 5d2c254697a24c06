//! The caller's sessions.

use saas_domain::SessionId;
use saas_storage::core::{
    Place,
    sessions::{self, RevokeReason},
};
use saas_web::Problem;

use crate::{
    access::caller::Caller,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    identity::model::Session,
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// The caller's sessions that go on.
pub(crate) async fn list(
    core: &Core,
    caller: &Caller,
    place: Place<SessionId>,
) -> Result<Vec<Session>, Refusal> {
    let tx = core.db.system_read("identity.sessions").await?;
    let now = core.clock.now();
    let found = sessions::of_user(&tx, caller.user(), now, place).await?;
    let current = caller.session();
    Ok(found
        .into_iter()
        .map(|session| Session::new(session, current))
        .collect())
}

/// Ends one of the caller's sessions; a 404 for anybody else's, and for one that has ended.
pub(crate) async fn end(core: &Core, caller: &Caller, id: SessionId) -> Result<(), Refusal> {
    let tx = core.db.system("identity.end_session").await?;
    let session = sessions::find(&tx, id).await?;
    let own = session.filter(|session| session.user_id == caller.user());
    let now = core.clock.now();
    let reason = RevokeReason::Owner;
    if own.is_none() || !sessions::revoke(&tx, id, reason, now).await? {
        return Err(Problem::not_found("you have no session with this identifier").into());
    }
    let entry = Entry::by(caller, Action::SessionEnded).on(&id);
    audit::write(&tx, entry.in_log_of(caller.tenant())).await?;
    core.commit(tx, &[Subject::Session(id)]).await
}
