//! Laws that hold for every input: symmetry, bounds, identity.

use measure::Seed;
use measure::agreement::kendall_tau_b;
use measure::drift::{drift, hellinger, js_distance, kl, psi, total_variation};
use measure::homogeneity::{chi2, fisher_p_value, homogeneity};
use measure::interval::{bonett_price, clopper_pearson, jeffreys, wilson};
use measure::shift::{
    anderson_darling, cramer_von_mises, energy_distance, epps_singleton, ks_test, mann_whitney, mann_whitney_less_p_value, wasserstein,
};
use measure::test::{bh, by, cluster_sign_flip, holm, mcnemar, mcnemar_chi2, non_inferiority_p, paired_t, wilcoxon};
use measure::text::{groundedness, levenshtein, levenshtein_similarity, sentences, stem, token_f1};
use measure::window::{adwin, cusum, e_detector, ewma, mean_cs, robust_z, robust_z_series};
use proptest::prelude::*;

fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![9 => -1e3..1e3_f64, 2 => (-3..3_i32).prop_map(f64::from), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)], 1..80)
}

fn numbers(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![-5.0..5.0_f64, (-3..3_i32).prop_map(f64::from)], n)
}

proptest! {
    #[test]
    fn divergences_are_zero_only_for_the_same_and_never_negative(a in sample(), b in sample()) {
        prop_assert_eq!(psi(&a, &a).unwrap(), 0.0);
        prop_assert!(psi(&a, &b).unwrap() >= 0.0);
        let distance = js_distance(&a, &b).unwrap();
        prop_assert!((0.0..=2.0_f64.ln().sqrt()).contains(&distance));
        let mut shuffled = b.clone();
        shuffled.reverse();
        prop_assert_eq!(psi(&a, &b).unwrap(), psi(&a, &shuffled).unwrap());
    }

    #[test]
    fn shifts_are_symmetric(a in numbers(1..60), b in numbers(1..60), by in 0.1..9.0_f64) {
        let (ab, ba) = (ks_test(&a, &b).unwrap(), ks_test(&b, &a).unwrap());
        prop_assert!((ab.statistic - ba.statistic).abs() < 1e-12 && (ab.p_value - ba.p_value).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&ab.p_value) && (0.0..=1.0).contains(&ab.statistic));
        prop_assert!((wasserstein(&a, &b).unwrap() - wasserstein(&b, &a).unwrap()).abs() < 1e-9);
        let moved: Vec<f64> = a.iter().map(|x| x + by).collect();
        prop_assert!((wasserstein(&a, &moved).unwrap() - by).abs() < 1e-9);
    }

    #[test]
    fn ranks_and_energy_are_symmetric(a in numbers(1..60), b in numbers(1..60)) {
        let (ab, ba) = (cramer_von_mises(&a, &b).unwrap(), cramer_von_mises(&b, &a).unwrap());
        prop_assert!((ab.statistic - ba.statistic).abs() < 1e-9 && (ab.p_value - ba.p_value).abs() < 1e-9 && (0.0..=1.0).contains(&ab.p_value));
        let (ab, ba) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
        prop_assert!((ab.statistic + ba.statistic - (a.len() * b.len()) as f64).abs() < 1e-9 && (ab.p_value - ba.p_value).abs() < 1e-9);
        prop_assert!((energy_distance(&a, &b).unwrap() - energy_distance(&b, &a).unwrap()).abs() < 1e-9);
        prop_assert_eq!(energy_distance(&a, &a).unwrap(), 0.0);
    }

    #[test]
    fn the_other_shifts_are_symmetric(a in numbers(3..60), b in numbers(3..60)) {
        let (ab, ba) = (anderson_darling(&a, &b).unwrap(), anderson_darling(&b, &a).unwrap());
        prop_assert!((ab.statistic - ba.statistic).abs() < 1e-9 && (0.001..=0.25).contains(&ab.p_value));
        let (ab, ba) = (epps_singleton(&a, &b).unwrap(), epps_singleton(&b, &a).unwrap());
        prop_assert!(ab.p_value.is_nan() || ((ab.p_value - ba.p_value).abs() < 1e-6 && (0.0..=1.0).contains(&ab.p_value)), "{ab:?} {ba:?}");
        // One side's tail and the other's share the observed value.
        let (less, greater) = (mann_whitney_less_p_value(&a, &b).unwrap(), mann_whitney_less_p_value(&b, &a).unwrap());
        prop_assert!((0.0..=1.0).contains(&less) && less + greater >= 1.0 - 1e-9);
        prop_assert!((mann_whitney(&a, &b).unwrap().p_value - (2.0 * less.min(greater)).min(1.0)).abs() < 1e-9);
    }

    /// Against counting every pair.
    #[test]
    fn kendall_counts_pairs(pairs in prop::collection::vec((-4_i32..4, -4_i32..4), 2..40)) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).unzip();
        let (mut sum, mut untied_x, mut untied_y) = (0, 0, 0);
        for (i, (x, y)) in pairs.iter().enumerate() {
            for (other_x, other_y) in &pairs[..i] {
                sum += (x - other_x).signum() * (y - other_y).signum();
                untied_x += (x - other_x).abs().signum();
                untied_y += (y - other_y).abs().signum();
            }
        }
        let found = kendall_tau_b(&x, &y).unwrap();
        let expected = f64::from(sum) / (f64::from(untied_x) * f64::from(untied_y)).sqrt();
        prop_assert!((found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()), "{found} {expected}");
    }

    /// Whatever the values, with nulls and infinite ones: a drift has a p-value and an effect, and the same twice has neither.
    #[test]
    fn every_drift_has_a_p_value(a in sample(), b in sample()) {
        if let Ok(found) = drift(&a, &b) {
            prop_assert!(found.p_value > 0.0 && found.p_value <= 1.0 && found.effect >= 0.0, "{found:?}");
        }
        if let Ok(same) = drift(&a, &a) {
            prop_assert!(same.effect == 0.0 && same.p_value > 0.999_999, "{same:?}");
        }
        prop_assert!(kl(&a, &b).unwrap() >= 0.0);
        prop_assert!((0.0..=1.0).contains(&hellinger(&a, &b).unwrap()) && (0.0..=1.0).contains(&total_variation(&a, &b).unwrap()));
    }

    #[test]
    fn tables_give_probabilities(cells in prop::collection::vec((0_u64..40, 0_u64..40), 1..6)) {
        let (reference, current): (Vec<u64>, Vec<u64>) = cells.into_iter().unzip();
        prop_assume!(reference.iter().sum::<u64>() > 0 && current.iter().sum::<u64>() > 0);
        let counts = measure::drift::Counts::new(reference, current);
        prop_assert!((0.0..=1.0).contains(&chi2(&counts).p_value));
        if let Ok(exact) = fisher_p_value(&counts) {
            prop_assert!(exact > 0.0 && exact <= 1.0);
            prop_assert_eq!(homogeneity(&counts).p_value, exact);
        }
    }

    /// What a row gets hangs on the rows before it alone.
    #[test]
    fn windows_do_not_look_ahead(values in numbers(3..60), cut in 1_usize..60) {
        let cut = cut.min(values.len());
        let same = |whole: &[f64], part: &[f64]| whole[..cut].iter().zip(part).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        prop_assert!(same(&robust_z_series(&values, 9), &robust_z_series(&values[..cut], 9)));
        prop_assert!(same(&ewma(&values, 0.3).unwrap(), &ewma(&values[..cut], 0.3).unwrap()));
        prop_assert!(same(&cusum(&values, 5, 0.5).unwrap(), &cusum(&values[..cut], 5, 0.5).unwrap()));
        let shares: Vec<f64> = values.iter().map(|x| (x + 5.0) / 10.0).collect();
        prop_assert!(same(&e_detector(&shares, 0.4).unwrap(), &e_detector(&shares[..cut], 0.4).unwrap()));
        prop_assert_eq!(&adwin(&values, 0.01).unwrap()[..cut], &adwin(&values[..cut], 0.01).unwrap()[..]);
        prop_assert_eq!(&mean_cs(&values, 0.05, 500.0).unwrap()[..cut], &mean_cs(&values[..cut], 0.05, 500.0).unwrap()[..]);
        let slow = robust_z(&values[..cut - 1], values[cut - 1]).map_or(f64::NAN, |found| found.z);
        let fast = robust_z_series(&values, usize::MAX)[cut - 1];
        prop_assert!(slow == fast || (slow.is_nan() && fast.is_nan()));
    }

    #[test]
    fn intervals_hold_their_estimate(n in 1_u64..500, share in 0.0..=1.0_f64, lost in 0.0..=1.0_f64) {
        let k = (0..=n).filter(|k| *k as f64 <= n as f64 * share).max().unwrap();
        let found = wilson(k, n, 0.95).unwrap();
        prop_assert!(found.low <= k as f64 / n as f64 + 1e-12 && k as f64 / n as f64 <= found.high + 1e-12);
        prop_assert!(found.low >= 0.0 && found.high <= 1.0);
        let (inner, outer) = (jeffreys(k, n, 0.95).unwrap(), clopper_pearson(k, n, 0.95).unwrap());
        prop_assert!(outer.low <= inner.low + 1e-9 && inner.high <= outer.high + 1e-9, "{inner:?} {outer:?}");
        let lost = ((n - k) as f64 * lost).floor();
        let paired = bonett_price(n as f64, k as f64, lost, 0.95).unwrap();
        prop_assert!(-1.0 <= paired.low && paired.low < paired.high && paired.high <= 1.0);
    }

    #[test]
    fn tests_give_probabilities(d in numbers(2..40)) {
        let mirrored: Vec<f64> = d.iter().map(|x| -x).collect();
        let (fall, rise) = (cluster_sign_flip(&d, Seed::of(["a"])).unwrap(), cluster_sign_flip(&mirrored, Seed::of(["a"])).unwrap());
        // Ties belong to both tails, so the two add up to one at least.
        prop_assert!(fall > 0.0 && fall <= 1.0 && fall + rise >= 1.0 - 1e-9);
        let t = paired_t(&d).unwrap();
        prop_assert!((0.0..=1.0).contains(&t.p_fall) && (0.0..=1.0).contains(&t.p_two_sided));
        let (ranks, turned) = (wilcoxon(&d).unwrap(), wilcoxon(&mirrored).unwrap());
        prop_assert!(ranks.p_value > 0.0 && ranks.p_value <= 1.0 && ranks == turned, "{ranks:?}");
    }

    #[test]
    fn bh_keeps_the_order_and_never_helps(p in prop::collection::vec(0.0..=1.0_f64, 1..30)) {
        let adjusted = bh(&p);
        // Each correction guards against more than the one before it.
        prop_assert!(by(&p).iter().zip(&adjusted).all(|(by, bh)| by >= bh && *by <= 1.0));
        prop_assert!(holm(&p).iter().zip(&adjusted).all(|(holm, bh)| *holm >= bh - 1e-12 && *holm <= 1.0));
        for (i, a) in p.iter().enumerate() {
            prop_assert!(adjusted[i] >= *a - 1e-15 && adjusted[i] <= 1.0);
            for (j, b) in p.iter().enumerate() {
                prop_assert!(a > b || adjusted[i] <= adjusted[j]);
            }
        }
    }

    #[test]
    fn mcnemar_is_symmetric(gained in 0_u64..60, lost in 0_u64..60) {
        prop_assert!((mcnemar(gained, lost).p_two_sided - mcnemar(lost, gained).p_two_sided).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&mcnemar_chi2(gained, lost)));
        prop_assert!(mcnemar(gained, lost).p_mid <= mcnemar(gained, lost).p_two_sided);
    }

    #[test]
    fn a_wider_margin_is_easier_to_prove(n in 20_u64..50, gained in 0_u64..6, lost in 0_u64..6) {
        let p = |margin| non_inferiority_p(n, gained, lost, margin).unwrap();
        prop_assert!((0.0..=1.0).contains(&p(0.05)) && p(0.2) <= p(0.05) + 1e-9);
    }

    #[test]
    fn text_measures_stay_in_bounds(a in "\\PC{0,40}", b in "\\PC{0,40}") {
        prop_assert_eq!(levenshtein(&a, &b), levenshtein(&b, &a));
        prop_assert!((0.0..=1.0).contains(&levenshtein_similarity(&a, &b)));
        prop_assert_eq!(token_f1(&a, &a).f1, 1.0);
        prop_assert!((token_f1(&a, &b).f1 - token_f1(&b, &a).f1).abs() < 1e-12);
        if let Some(found) = groundedness(&a, &[&b]) {
            prop_assert!((0.0..=1.0).contains(&found.score()));
        }
        stem(&a);
    }

    #[test]
    fn sentences_lose_no_words(text in "[a-zA-Z0-9 .!?\n\"')(-]{0,120}") {
        let joined: String = sentences(&text).concat();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
        prop_assert_eq!(letters(&joined), letters(&text));
    }

    #[test]
    fn robust_z_is_zero_at_the_median(history in numbers(1..40)) {
        let found = robust_z(&history, 0.0).unwrap();
        prop_assert_eq!(robust_z(&history, found.median).unwrap().z, 0.0);
        prop_assert!(found.mad > 0.0);
    }
}
