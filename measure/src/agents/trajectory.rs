//! The order in which tools were called.

/// How strictly an order is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The same calls in the same order, and nothing else.
    Exact,
    /// The expected calls in their order, others may stand between.
    InOrder,
    /// The expected calls in any order, each as often as expected.
    AnyOrder,
}

/// Whether the calls follow what is expected.
pub fn follows<S: AsRef<str>, T: AsRef<str>>(called: &[S], expected: &[T], order: Order) -> bool {
    let same = |called: &S, expected: &T| called.as_ref() == expected.as_ref();
    match order {
        Order::Exact => called.len() == expected.len() && called.iter().zip(expected).all(|(called, expected)| same(called, expected)),
        Order::InOrder => {
            let mut rest = called.iter();
            expected.iter().all(|expected| rest.any(|called| same(called, expected)))
        }
        Order::AnyOrder => {
            let mut left: Vec<&str> = called.iter().map(AsRef::as_ref).collect();
            expected.iter().all(|expected| left.iter().position(|known| *known == expected.as_ref()).map(|place| left.swap_remove(place)).is_some())
        }
    }
}

/// `1 − distance / longer length` with the Levenshtein distance over calls, `0.0..=1.0`; two empty lists are alike.
pub fn trajectory_similarity<S: AsRef<str>, T: AsRef<str>>(called: &[S], expected: &[T]) -> f64 {
    let called: Vec<&str> = called.iter().map(AsRef::as_ref).collect();
    let expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
    let longest = called.len().max(expected.len());
    if longest == 0 { 1.0 } else { 1.0 - crate::text::levenshtein::distance(&called, &expected) as f64 / longest as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_differ_in_strictness() {
        let called = ["plan", "search", "search", "book"];
        assert!(follows(&called, &["search", "book"], Order::InOrder) && !follows(&called, &["search", "book"], Order::Exact));
        assert!(follows(&called, &["book", "plan"], Order::AnyOrder) && !follows(&called, &["book", "plan"], Order::InOrder));
        assert!(!follows(&called, &["book", "book"], Order::AnyOrder));
        assert_eq!(trajectory_similarity(&called, &["plan", "search", "book"]), 0.75);
    }
}
