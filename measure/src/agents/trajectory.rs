//! The order in which tools were called.

use crate::agents::assignment::best_sum;
use crate::text::levenshtein::distance_by;

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

/// Whether the calls follow what is expected; `met(called, expected)` says whether one call is the expected one.
pub fn follows<S, T>(called: &[S], expected: &[T], order: Order, met: impl Fn(&S, &T) -> bool) -> bool {
    match order {
        Order::Exact => called.len() == expected.len() && called.iter().zip(expected).all(|(called, expected)| met(called, expected)),
        Order::InOrder => {
            let mut rest = called.iter();
            expected.iter().all(|expected| rest.any(|called| met(called, expected)))
        }
        // A call may meet several expected ones: the first that fits need not be the one to take.
        Order::AnyOrder => {
            let scores: Vec<Vec<f64>> =
                expected.iter().map(|expected| called.iter().map(|called| if met(called, expected) { 1.0 } else { 0.0 }).collect()).collect();
            best_sum(&scores).round() == expected.len() as f64
        }
    }
}

/// `1 − distance / longer length` with the Levenshtein distance over calls, `0.0..=1.0`; two empty lists are alike.
pub fn trajectory_similarity<S, T>(called: &[S], expected: &[T], met: impl Fn(&S, &T) -> bool) -> f64 {
    let longest = called.len().max(expected.len());
    if longest == 0 { 1.0 } else { 1.0 - distance_by(called, expected, met) as f64 / longest as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_differ_in_strictness() {
        let called = ["plan", "search", "search", "book"];
        let follows = |expected: &[&str], order| super::follows(&called, expected, order, |called, expected| called == expected);
        assert!(follows(&["search", "book"], Order::InOrder) && !follows(&["search", "book"], Order::Exact));
        assert!(follows(&["book", "plan"], Order::AnyOrder) && !follows(&["book", "plan"], Order::InOrder));
        assert!(!follows(&["book", "book"], Order::AnyOrder));
        assert!(follows(&[], Order::AnyOrder) && !follows(&[], Order::Exact));
        assert_eq!(trajectory_similarity(&called, &["plan", "search", "book"], |called, expected| called == expected), 0.75);
    }

    /// The first call meets both expected ones, the second the first alone.
    #[test]
    fn any_order_takes_the_best_pairing() {
        let (called, expected) = ([3, 1], [1, 3]);
        assert!(follows(&called, &expected, Order::AnyOrder, |called, expected| called >= expected));
        assert!(!follows(&[2, 1], &expected, Order::AnyOrder, |called, expected| called >= expected));
    }
}
