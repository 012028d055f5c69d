//! Who is logged in with a browser: a bounded map from a random id, which the cookie holds, to a tenant.

use std::collections::HashMap;

use parking_lot::Mutex;
use rand::TryRngCore;
use rand::rngs::OsRng;
use schema::{Micros, Tenant};

/// The browsers that are logged in. The token itself never goes into a cookie.
pub(crate) struct Logins {
    logins_max: usize,
    lifetime_us: i64,
    open: Mutex<HashMap<String, Login>>,
}

struct Login {
    tenant: Tenant,
    expires: Micros,
}

impl Logins {
    /// Makes room for at most `logins_max` logins of `lifetime_us` each.
    pub(crate) fn new(logins_max: usize, lifetime_us: i64) -> Self {
        Self { logins_max: logins_max.max(1), lifetime_us, open: Mutex::default() }
    }

    /// Remembers a login and returns its id: 256 bits from the operating system, in hex. Nothing where that gives none.
    pub(crate) fn begin(&self, tenant: Tenant, now: Micros) -> Option<String> {
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).ok()?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut open = self.open.lock();
        open.retain(|_, login| login.expires > now);
        while open.len() >= self.logins_max {
            let first = open.iter().min_by_key(|(_, login)| login.expires).map(|(id, _)| id.clone())?;
            open.remove(&first);
        }
        open.insert(id.clone(), Login { tenant, expires: Micros(now.0.saturating_add(self.lifetime_us)) });
        Some(id)
    }

    /// Finds the tenant of a login that has not expired.
    pub(crate) fn tenant_of(&self, id: &str, now: Micros) -> Option<Tenant> {
        let open = self.open.lock();
        open.get(id).filter(|login| login.expires > now).map(|login| login.tenant.clone())
    }

    /// Forgets a login.
    pub(crate) fn end(&self, id: &str) {
        self.open.lock().remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        Tenant::new(name).unwrap()
    }

    #[test]
    fn a_login_lasts_until_it_expires_or_ends() {
        let logins = Logins::new(10, 100);
        let id = logins.begin(tenant("a"), Micros(0)).unwrap();
        assert_eq!(logins.tenant_of(&id, Micros(99)), Some(tenant("a")));
        assert_eq!(logins.tenant_of(&id, Micros(100)), None);
        logins.end(&id);
        assert_eq!(logins.tenant_of(&id, Micros(0)), None);
        assert_eq!(logins.tenant_of("", Micros(0)), None);
    }

    #[test]
    fn the_map_is_bounded_and_drops_the_oldest() {
        let logins = Logins::new(2, 100);
        let first = logins.begin(tenant("a"), Micros(0)).unwrap();
        let second = logins.begin(tenant("b"), Micros(1)).unwrap();
        let third = logins.begin(tenant("c"), Micros(2)).unwrap();
        assert_eq!(logins.tenant_of(&first, Micros(3)), None);
        assert_eq!(logins.tenant_of(&second, Micros(3)), Some(tenant("b")));
        assert_eq!(logins.tenant_of(&third, Micros(3)), Some(tenant("c")));
    }
}
