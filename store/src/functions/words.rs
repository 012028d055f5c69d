//! What several functions of two samples say of themselves, word for word.

/// Defaults of a test that a cluster changes.
pub(super) const DEFAULTS_TEST: &str = "cluster: none, rows count as independent.";

/// Defaults of an effect, which a cluster does not change.
pub(super) const DEFAULTS_EFFECT: &str = "cluster: none; it does not change an effect, and is taken so that all comparisons are called alike.";

/// Nulls of a measure over bins or categories.
pub(super) const NULLS_BINNED: &str = "Null and NaN are a bin of their own where either side has one; infinite values fall into the outer bins; rows whose is_current is null are left \
            out; null where a side has no rows.";

/// Error of a measure over bins or categories.
pub(super) const ERROR_BINNED: &str = "Exact up to 1,000,000 values a side; above, rounded values stand for all of them (see Exactness), which moves a bin's share by less than 0.0001. Above \
            100,000 categories it is an error.";

/// Nulls of a measure over the values themselves.
pub(super) const NULLS_RANKED: &str = "Null and NaN are left out, infinite values count; null where a side has no values.";

/// Error of a distance over the values themselves.
pub(super) const ERROR_DISTANCE: &str = "Exact up to 1,000,000 values a side; above, rounded values stand for all of them (see Exactness), which moves a distribution function by less than 0.0001.";

/// Error of a test over the values themselves.
pub(super) const ERROR_RANKED: &str = "Exact input up to 1,000,000 values a side; above, rounded values at 1,000,000 even ranks are tested (see Exactness), which never finds more \
            than all of them would: a valid test of less power. With a cluster, a sample of whole clusters.";
