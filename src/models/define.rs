//! `activate_model`, `rollback_model`, `set_model_traffic`, `set_model_shadow`, `drop_model`: which version answers is one row of the catalog.

use engine::model::Traffic;
use pgrx::datum::JsonB;
use pgrx::pg_sys;

use super::catalog;
use super::error::{ModelsError, Result};
use super::weights::{self, Hash};
use crate::catalog as definitions;
use crate::pg::function::Call;
use crate::pg::spi::{self, Arg};
use crate::pg::{owner, relation, snapshot};
use crate::serve::second_phase;
use crate::{ddl, sql_function};

sql_function!(model_activate, pg_finfo_model_activate, activate);
sql_function!(model_rollback, pg_finfo_model_rollback, rollback);
sql_function!(model_traffic, pg_finfo_model_traffic, traffic);
sql_function!(model_shadow, pg_finfo_model_shadow, shadow);
sql_function!(model_drop, pg_finfo_model_drop, drop);

/// What a model's locked row holds.
pub struct Locked {
    /// The version that answers.
    pub active: Option<i32>,
    /// The number of the next version.
    pub next_version: i32,
    traffic: Option<serde_json::Value>,
    shadow: Option<i32>,
}

/// Locks a model's row until the transaction ends, if there is such a model; the caller must be a member of its owner, which is looked at before the
/// lock is waited for, and again after it. Runs as the catalog's owner,
/// while `user` is who asks.
pub fn locked(name: &str, user: pg_sys::Oid, is_superuser: bool) -> Result<Option<Locked>> {
    owned(name, user, is_superuser)?;
    let sql = "SELECT id, active, next_version, traffic, shadow FROM recommend.models WHERE name = $1 FOR UPDATE";
    let rows = spi::write_returning(sql, &[Arg::of(name)], |row| {
        let traffic = row.get::<JsonB>(4)?.map(|JsonB(traffic)| traffic);
        Ok::<_, ModelsError>((
            row.value::<i32>(1)?,
            Locked { active: row.get(2)?, next_version: row.value(3)?, traffic, shadow: row.get(5)? },
        ))
    })?;
    let Some((id, locked)) = rows.into_iter().next() else { return Ok(None) };
    check_member(name, id, user, is_superuser)?;
    Ok(Some(locked))
}

/// Refuses a caller who is no member of the owner of that model, if there is one. It locks nothing, so what it allows may be refused later. Runs as the
/// catalog's owner.
pub fn owned(name: &str, user: pg_sys::Oid, is_superuser: bool) -> Result<()> {
    let sql = "SELECT id FROM recommend.models WHERE name = $1";
    let ids = snapshot::with_latest(|| spi::read(sql, &[Arg::of(name)], |row| row.value::<i32>(1)))?;
    ids.into_iter().try_for_each(|id| check_member(name, id, user, is_superuser))
}

fn check_member(name: &str, id: i32, user: pg_sys::Oid, is_superuser: bool) -> Result<()> {
    // Without the view that says whose it is, a model is left to superusers.
    let owner = catalog::access(id).and_then(relation::owner);
    let may = is_superuser || owner.is_some_and(|owner| owner::has_privileges_of(user, owner));
    if may { Ok(()) } else { Err(ModelsError::NotOwner { name: name.to_owned(), owner: owner.map(owner::role_name).unwrap_or_default() }) }
}

/// Writes the row of a new model, which belongs to `user`; nothing where there is one of that name. Runs as the catalog's owner.
pub fn insert(name: &str, user: pg_sys::Oid) -> Result<()> {
    let sql = "INSERT INTO recommend.models (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id";
    let Some(id) = spi::write_returning(sql, &[Arg::of(name)], |row| row.value::<i32>(1))?.pop() else { return Ok(()) };
    ddl::unwatched(|| {
        spi::write(&include_str!("../../sql/model_owner.sql").replace("{id}", &id.to_string()), &[])?;
        let owner = relation::quote_ident(&owner::role_name(user));
        spi::write(&format!("ALTER VIEW recommend.model_{id} OWNER TO {owner}"), &[])
    })?;
    definitions::announce_change()?;
    Ok(())
}

/// Forgets a model whose view was dropped, as DROP OWNED does.
pub fn forget(name: &str) -> Result<()> {
    definitions::as_owner(|| delete(name, None))?
}

/// Deletes a model, or one version of it. Runs as the catalog's owner.
fn delete(name: &str, version: Option<i32>) -> Result<()> {
    let model = Arg::of(name);
    if version.is_none() {
        if let Some(recommender) = recommenders(name)?.into_iter().next() {
            return Err(ModelsError::Ranks { name: name.to_owned(), recommender });
        }
        let ids = spi::write_returning("DELETE FROM recommend.models WHERE name = $1 RETURNING id", &[model], |row| row.value::<i32>(1))?;
        for id in ids.into_iter().filter(|id| catalog::access(*id).is_some()) {
            ddl::unwatched(|| spi::write(&format!("DROP VIEW recommend.model_{id}"), &[]))?;
        }
        definitions::announce_change()?;
    }
    let sql = "DELETE FROM recommend.model_versions WHERE model = $1 AND version = coalesce($2, version) RETURNING weights_hash";
    let hashes = spi::write_returning(sql, &[model, Arg::of(version)], |row| row.get::<Vec<u8>>(1))?;
    // If this is rolled back, or another version has the same, the next session makes the file anew.
    for hash in hashes.into_iter().flatten().filter_map(|hash| Hash::try_from(hash).ok()) {
        weights::forget(&hash);
    }
    Ok(())
}

/// Does `work` on the locked row of a model, as the catalog's owner.
fn change<T>(name: &str, work: impl FnOnce(&Locked) -> Result<T>) -> Result<T> {
    let (user, is_superuser) = (owner::current_user(), owner::is_superuser());
    definitions::as_owner(|| match locked(name, user, is_superuser)? {
        Some(locked) => work(&locked),
        None => {
            let sql = "SELECT name FROM recommend.models ORDER BY name LIMIT 20";
            let existing = spi::read(sql, &[], |row| row.value::<String>(1))?;
            Err(ModelsError::Unknown { name: name.to_owned(), existing })
        }
    })?
}

/// The recommenders that a model ranks for. Runs as the catalog's owner.
fn recommenders(name: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM recommend.recommenders WHERE model = $1 ORDER BY id";
    Ok(snapshot::with_latest(|| spi::read(sql, &[Arg::of(name)], |row| row.value::<String>(1)))?)
}

/// Warns of recommenders that cannot give the versions of a model that answer now their features: they answer by their first phase.
pub fn warn_recommenders(name: &str) -> Result<()> {
    let recommenders = definitions::as_owner(|| recommenders(name))??;
    snapshot::count_command();
    recommenders.iter().for_each(|recommender| second_phase::warn(recommender));
    Ok(())
}

fn require_version(name: &str, version: i32) -> Result<()> {
    let sql = "SELECT FROM recommend.model_versions WHERE model = $1 AND version = $2";
    let found = spi::write(sql, &[Arg::of(name), Arg::of(version)])?;
    if found == 0 { Err(ModelsError::UnknownVersion { name: name.to_owned(), version }) } else { Ok(()) }
}

/// Makes `active` the version that answers, beside the others of a split if there is one; what was before is kept for a rollback.
pub fn switch(name: &str, active: Option<i32>, traffic: Option<JsonB>) -> Result<()> {
    spi::write(include_str!("../../sql/switch_model.sql"), &[Arg::of(name), Arg::of(active), Arg::of(traffic)])?;
    Ok(())
}

/// activate_model(name, version)
fn activate(call: &Call) -> Result<pg_sys::Datum> {
    let (name, version): (String, i32) = (call.required(0, "name")?, call.required(1, "version")?);
    change(&name, |_| {
        require_version(&name, version)?;
        switch(&name, Some(version), None)
    })?;
    warn_recommenders(&name)?;
    Ok(call.void())
}

/// rollback_model(name)
fn rollback(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let active = change(&name, |_| {
        let active =
            spi::write_returning(include_str!("../../sql/rollback_model.sql"), &[Arg::of(name.as_str())], |row| row.value::<i32>(1))?;
        active.first().copied().ok_or_else(|| ModelsError::NoHistory(name.clone()))
    })?;
    warn_recommenders(&name)?;
    Ok(call.value(Some(active)))
}

/// set_model_traffic(name, traffic)
fn traffic(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let traffic = call.json(1, "traffic")?.map(JsonB);
    let shares = traffic.as_ref().map(|JsonB(traffic)| Ok::<_, ModelsError>(Traffic::new(&catalog::shares(traffic)?)?)).transpose()?;
    change(&name, |locked| {
        for version in shares.iter().flat_map(Traffic::versions) {
            require_version(&name, version)?;
        }
        switch(&name, Some(locked.active.ok_or_else(|| ModelsError::Inactive(name.clone()))?), traffic)
    })?;
    warn_recommenders(&name)?;
    Ok(call.void())
}

/// set_model_shadow(name, version)
fn shadow(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let shadow: Option<i32> = call.arg(1);
    change(&name, |locked| {
        if let Some(shadow) = shadow {
            require_version(&name, shadow)?;
            let active = locked.active.ok_or_else(|| ModelsError::Inactive(name.clone()))?;
            let sql = "SELECT FROM recommend.model_versions a JOIN recommend.model_versions b USING (model, features, inputs) \
                       WHERE model = $1 AND a.version = $2 AND b.version = $3";
            if spi::write(sql, &[Arg::of(name.as_str()), Arg::of(active), Arg::of(shadow)])? == 0 {
                return Err(ModelsError::OtherFeatures { name: name.clone(), version: shadow });
            }
            let split = locked.traffic.iter().filter_map(|traffic| traffic.as_object()).flat_map(|shares| shares.keys());
            for version in split.filter_map(|version| version.parse().ok()).chain([active]) {
                super::shadow::forget(&name, version, shadow);
            }
        }
        let sql = "UPDATE recommend.models SET shadow = $2, generation = DEFAULT WHERE name = $1";
        spi::write(sql, &[Arg::of(name.as_str()), Arg::of(shadow)])?;
        Ok(())
    })?;
    Ok(call.void())
}

/// drop_model(name [, version])
fn drop(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let version: Option<i32> = call.arg(1);
    change(&name, |locked| {
        if let Some(version) = version {
            require_version(&name, version)?;
            let in_split = locked.traffic.as_ref().is_some_and(|traffic| traffic.get(version.to_string()).is_some());
            if locked.active == Some(version) || locked.shadow == Some(version) || in_split {
                return Err(ModelsError::InUse { name: name.clone(), version });
            }
            spi::write(include_str!("../../sql/forget_model_version.sql"), &[Arg::of(name.as_str()), Arg::of(version)])?;
        }
        delete(&name, version)
    })?;
    Ok(call.void())
}
