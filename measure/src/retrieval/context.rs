//! How much of the context an answer needs, and how much of what it needs is there, by ids.

/// Share of the retrieved ids that are relevant; nothing where nothing was retrieved. A repeated id counts each time: it takes the room twice.
pub fn context_precision<S: AsRef<str>, T: AsRef<str>>(retrieved: &[S], relevant: &[T]) -> Option<f64> {
    let found = retrieved.iter().filter(|id| relevant.iter().any(|known| known.as_ref() == id.as_ref())).count();
    (!retrieved.is_empty()).then(|| found as f64 / retrieved.len() as f64)
}

/// Share of the relevant ids that were retrieved; nothing where nothing is relevant.
pub fn context_recall<S: AsRef<str>, T: AsRef<str>>(retrieved: &[S], relevant: &[T]) -> Option<f64> {
    let found = relevant.iter().filter(|id| retrieved.iter().any(|known| known.as_ref() == id.as_ref())).count();
    (!relevant.is_empty()).then(|| found as f64 / relevant.len() as f64)
}
