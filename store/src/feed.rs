//! The rows of one table that came from one stream and are in no file yet.

use std::sync::Arc;

use crate::held::Held;
use crate::source::Source;

/// What a table holds of a stream.
pub(crate) struct Feed {
    pub source: Arc<Source>,
    /// The last position whose rows are in files; what comes from it or before is not held again.
    pub through: u64,
    pub held: Held,
}

impl Feed {
    /// Begins behind position `through`.
    pub(crate) fn new(source: &Arc<Source>, through: u64) -> Feed {
        Feed { source: Arc::clone(source), through, held: Held::default() }
    }

    /// Drops the rows of every record up to `through`: files hold them now.
    pub(crate) fn release(&mut self, through: u64) {
        self.through = through;
        self.held.release(through);
    }
}
