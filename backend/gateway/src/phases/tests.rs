use super::*;
pub(crate) fn claims() -> saas_domain::AccessClaims {
    todo!()
}
