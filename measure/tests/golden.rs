//! Every measure against the golden values of its reference implementation (`golden.json`, whose inputs are closed forms).

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use measure::agreement::kendall_tau_b;
use measure::drift::{Counts, bin_numbers, evidently, hellinger, js_distance, js_distance_null_mean, kl, psi, psi_null_mean, psi_null_quantile};
use measure::homogeneity::{chi2, g_test};
use measure::interval::{bonett_price, clopper_pearson, jeffreys, wilson};
use measure::judge::{Calibration, ppi_mean, rogan_gladen, spearman};
use measure::test::{Plan, bh, by, cluster_sign_flip, clustered_error, holm, mcnemar, mcnemar_chi2, mde, paired_t, wilcoxon};
use measure::text::{
    Stemming, bleu, chrf, hamming_similarity, jaro, jaro_winkler, levenshtein_similarity, rouge_l, rouge_n, sentence_bleu, stem, ter,
};
use measure::{Moments, Seed, shift};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

#[track_caller]
fn check(key: &str, found: &[f64]) {
    let golden = golden();
    let expected: Vec<f64> = match &golden[key] {
        Value::Array(numbers) => numbers.iter().map(|number| number.as_f64().unwrap()).collect(),
        number => vec![number.as_f64().unwrap_or_else(|| panic!("golden.json has no {key:?}"))],
    };
    assert_eq!(expected.len(), found.len(), "{key}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{key}: {found} is not {expected}");
    }
}

fn x() -> Vec<f64> {
    (1..=200).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract()).collect()
}

fn y() -> Vec<f64> {
    (1..=150).map(|i| (f64::from(i) * 0.754_877_666_246_692_7).fract().powf(1.2)).collect()
}

#[test]
fn drift() {
    let Counts { reference, current, .. } = bin_numbers(&x(), &y()).unwrap();
    let counts: Value = serde_json::json!([reference, current]);
    assert_eq!(counts, golden()["counts x, y in 10 quantile bins of x"]);
    check("psi(ref=x,cur=y) 10 quantile bins, +1/2", &[psi(&x(), &y()).unwrap()]);
    check("js_distance same, nats, sqrt", &[js_distance(&x(), &y()).unwrap()]);
    check("kl(ref||cur) same", &[kl(&x(), &y()).unwrap()]);
    check("hellinger same", &[hellinger(&x(), &y()).unwrap()]);
    let test = chi2(&bin_numbers(&x(), &y()).unwrap());
    check("chi2 homogeneity same bins [chi2,p]", &[test.statistic, test.p_value]);
    check("E0 psi, E0 js_distance at n=200 m=150 B=10", &[psi_null_mean(10, 200, 150), js_distance_null_mean(10, 200, 150)]);
    check("psi_null_crit_95 B=10 n=m=1000: chi2.ppf(.95,9)*(1/n+1/m)", &[psi_null_quantile(10, 1000, 1000, 0.95)]);
}

/// Evidently's numbers, bug for bug, and what its table test gives beside ours.
#[test]
fn evidently_parity() {
    let shares = evidently::shares(&x(), &y()).unwrap();
    check("evidently_psi(ref=x,cur=y)", &[evidently::psi(&shares)]);
    check("evidently_kl", &[evidently::kl_div(&shares)]);
    check("evidently_jensenshannon", &[evidently::jensenshannon(&shares)]);
    check("evidently_wasserstein_norm", &[evidently::wasserstein(&x(), &y()).unwrap()]);
    check("evidently_hellinger", &[evidently::hellinger(&x(), &y()).unwrap()]);
    let table = Counts::new(vec![16, 18, 16, 14, 12, 12], vec![16, 16, 16, 16, 16, 8]);
    let pairs: Vec<(u64, u64)> = table.reference.iter().copied().zip(table.current.iter().copied()).collect();
    check("evidently_chisquare_same_table_p", &[evidently::chisquare(&pairs).unwrap()]);
    // evidently 0.7.23, called by hand: one-sided, unscaled, and by the share of the first value.
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    near(evidently::mann_whitney(&x(), &y()).unwrap(), 0.938855487949965);
    near(evidently::mann_whitney(&y(), &x()).unwrap(), 0.06127367856842315);
    near(evidently::g_test(&pairs).unwrap(), 0.6657519578484128);
    near(evidently::g_test(&[(2, 3), (1, 0)]).unwrap(), 0.11882120046731529);
    assert!(
        evidently::g_test(&[(3, 2), (0, 1)]).unwrap() == 0.0
            && evidently::g_test(&[(1, 1)]).unwrap().is_nan()
            && evidently::g_test(&[(3, 2), (1, 1)]).is_err()
    );
    near(evidently::z_test(&[(60, 45), (40, 65)]).unwrap(), 0.005720312248297388);
    near(evidently::z_test(&[(3, 3), (2, 3), (0, 1)]).unwrap(), 0.5581846494226574);
    near(evidently::z_test(&[(3, 0), (0, 4)]).unwrap(), 0.008150971593502643);
    assert_eq!(evidently::z_test(&[(3, 4)]).unwrap(), 1.0);
    let (chi2, g) = (chi2(&table), g_test(&table));
    check("chi2_homogeneity[[16,18,16,14,12,12],[16,16,16,16,16,8]][chi2,p]", &[chi2.statistic, chi2.p_value]);
    check("g_test_homogeneity[G,p]", &[g.statistic, g.p_value]);
}

#[test]
fn shift_of_samples() {
    let exact = shift::ks_test(&x(), &y()).unwrap();
    check("ks_2samp_exact_p", &[exact.p_value]);
    check("wasserstein", &[shift::wasserstein(&x(), &y()).unwrap()]);
    check("energy_distance", &[shift::energy_distance(&x(), &y()).unwrap()]);
    let ranks = shift::mann_whitney(&x(), &y()).unwrap();
    check("mannwhitneyu[U,p]", &[ranks.statistic, ranks.p_value]);
    let cramer = shift::cramer_von_mises(&x(), &y()).unwrap();
    check("cvm_2samp[T,p]", &[cramer.statistic, cramer.p_value]);
    let welch = shift::welch(&Moments::of(&x()), &Moments::of(&y())).unwrap();
    check("welch_t[t,p]", &[welch.t, welch.p_value]);
    let epps_singleton = shift::epps_singleton(&x(), &y()).unwrap();
    check("epps_singleton[W,p]", &[epps_singleton.statistic, epps_singleton.p_value]);
    check("anderson_ksamp_A2", &[shift::anderson_darling(&x(), &y()).unwrap().statistic]);
    let asymptotic = shift::ks::asymptotic_p_value(200, 150, exact.statistic);
    check("ks_2samp_asymp[D,p]", &[exact.statistic, asymptotic]);
}

#[test]
fn intervals() {
    let wilson = wilson(17, 20, 0.95).unwrap();
    check("wilson 17/20", &[wilson.low, wilson.high]);
    let exact = clopper_pearson(17, 20, 0.95).unwrap();
    check("clopper_pearson 17/20", &[exact.low, exact.high]);
    let jeffreys = jeffreys(17, 20, 0.95).unwrap();
    check("jeffreys 17/20", &[jeffreys.low, jeffreys.high]);
    let paired = bonett_price(100.0, 12.0, 5.0, 0.95).unwrap();
    check("bonett_price n=100 b=12 c=5", &[paired.low, paired.high]);
}

#[test]
fn tests_of_differences() {
    let differences: Vec<f64> = x()[..60].iter().zip(&y()[..60]).map(|(x, y)| x - y).collect();
    let paired = paired_t(&differences).unwrap();
    check("paired_t[t,p]", &[paired.t, paired.p_two_sided]);
    check("naive_se", &[paired.error]);
    let clusters: Vec<usize> = (0..60).map(|i| i / 6).collect();
    check("cluster_se(10 clusters of 6, G/(G-1))", &[clustered_error(&differences, &clusters).unwrap()]);
    check("mcnemar_exact b=12,c=3".trim(), &[mcnemar(12, 3).p_two_sided]);
    check("mcnemar_cc b=40,c=22", &[mcnemar_chi2(22, 40)]);
    let ranks = wilcoxon(&differences).unwrap();
    check("wilcoxon(x[:60]-y[:60]) approx[W,p]", &[ranks.statistic, ranks.p_value]);
    check("mcnemar mid-p b=12,c=3", &[mcnemar(3, 12).p_mid]);
    let sums = [-3.0, -1.0, 2.0, -4.0, -2.0, 1.0, -2.0, -3.0, -1.0];
    check("cluster sign-flip one-sided (fall) sums=[-3,-1,2,-4,-2,1,-2,-3,-1] #/2^9", &[cluster_sign_flip(&sums, Seed::of([])).unwrap()]);
    check("t on the first 8 of those sums, one-sided p", &[paired_t(&sums[..8]).unwrap().p_fall]);
    let p_values = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216];
    check("BH adj of [.001,.008,.039,.041,.042,.06,.074,.205,.212,.216]", &bh(&p_values));
    check("BY adj", &by(&p_values));
    check("Holm adj", &holm(&p_values));
    let plan = Plan { n: 200, variance: 0.24, binary: true, design_effect: 1.0, df: 199.0, q: 0.05, n_tests: 10 };
    check("MDE binary n=200 var(d)=.24 m=10 deff=1", &[mde(&plan)]);
}

#[test]
fn rank_correlations() {
    check("spearman x[:150],y", &[spearman(&x()[..150], &y()).unwrap().unwrap()]);
    check("kendall_tau_b", &[kendall_tau_b(&x()[..150], &y()).unwrap()]);
    // scipy on ties and an infinite value; a pair without one half is none.
    let (a, b) = ([1.0, 2.0, 2.0, 3.0, f64::INFINITY, 5.0, 1.0, f64::NAN], [2.0, 2.0, 1.0, 4.0, 5.0, 5.0, 0.0, 1.0]);
    assert!((kendall_tau_b(&a, &b).unwrap() - 0.7894736842105262).abs() < 1e-12);
    assert!(kendall_tau_b(&[1.0; 3], &[1.0, 2.0, 3.0]).unwrap().is_nan());
    assert!(kendall_tau_b(&[1.0, 2.0], &[1.0]).is_err() && kendall_tau_b(&[1.0, f64::NAN], &[1.0, 1.0]).is_err());
}

#[test]
fn judges() {
    let calibration = Calibration { true_good: 180, n_good: 200, true_bad: 140, n_bad: 200 };
    let found = rogan_gladen(400, 1000, &calibration, 0.95).unwrap();
    check("lee2025_RG p=.4 q0=.7 q1=.9", &[found.mean]);
    check("lee2025_CI n=1000 m0=m1=200", &[found.interval.low, found.interval.high]);
    let rate = |above: bool| f64::from(u8::from(above));
    let labels: Vec<f64> = x()[..50].iter().map(|x| rate(*x > 0.4)).collect();
    let judged: Vec<f64> = x()[..50].iter().enumerate().map(|(i, x)| rate(x + 0.1 * (i as f64).sin() > 0.4)).collect();
    let unlabelled: Vec<f64> = y().iter().map(|y| rate(*y > 0.4)).collect();
    let found = ppi_mean(&labels, &judged, &unlabelled, 0.95).unwrap();
    check("ppi++ mean CI95 (yl=x[:50]>.4; fl=x[:50]+.1sin(i)>.4; fu=y>.4)", &[found.interval.low, found.interval.high]);
    check("ppi++ point", &[found.mean]);
}

#[test]
fn text() {
    let similarity = levenshtein_similarity("A quick brown dog jumped over the lazy fox.", "The quick brown fox jumps over the lazy dog.");
    check("levenshtein norm sim", &[similarity]);
    let (answer, reference) = ("A quick brown dog jumped over the lazy fox.", "The quick brown fox jumps over the lazy dog.");
    for (stemming, name) in [(Stemming::Porter, "True"), (Stemming::Off, "False")] {
        check(&format!("rouge1 F1 stem={name}"), &[rouge_n(answer, reference, 1, stemming).f1]);
        check(&format!("rouge2 F1 stem={name}"), &[rouge_n(answer, reference, 2, stemming).f1]);
        check(&format!("rougeL F1 stem={name}"), &[rouge_l(answer, reference, stemming).f1]);
    }
    check("sacrebleu sentence_bleu", &[sentence_bleu(answer, &[reference])]);
    check("TER", &[ter(answer, &[reference])]);
    check("chrF", &[chrf(answer, &[reference])]);
    check("nltk bleu method1", &[bleu::nltk_method1(answer, &[reference])]);
    check("jaro", &[jaro(answer, reference)]);
    check("jaro_winkler", &[jaro_winkler(answer, reference)]);
    check("hamming norm sim", &[hamming_similarity(answer, reference)]);
    check("jaro_winkler MARTHA/MARHTA, DIXON/DICKSONX", &[jaro_winkler("MARTHA", "MARHTA"), jaro_winkler("DIXON", "DICKSONX")]);
    // Where Snowball English and NLTK's Porter part ways, ROUGE changes.
    assert_eq!(stem("urls"), "url");
}
