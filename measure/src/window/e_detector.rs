//! An e-detector: a change detector whose run length holds for any dependence and any time of looking.

use crate::error::{Error, open_unit};

/// Bets, as shares of the largest one that cannot lose everything.
const BETS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];

/// Shiryaev-Roberts e-detector of a change of the mean of values from 0 to 1 away from `baseline`, in either direction.
///
/// The mean over twelve bets, six each way, of `Mₜ = (Mₜ₋₁ + 1)(1 + λ(xₜ − m))` with λ .02 to .8 of the largest bet. An alarm where it is at
/// least `1/alpha` comes, without a change, after `1/alpha` rows or more on average, whatever the distribution and the dependence, as
/// long as the conditional mean is the baseline's. `0.0..`; after an alarm begin a new series. NaN leaves it where it is. Errors where a
/// value is outside of 0 to 1, or unless `0 < baseline < 1`.
/// Source: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2023).
pub fn e_detector(values: &[f64], baseline: f64) -> Result<Vec<f64>, Error> {
    open_unit("e_detector", "baseline", baseline)?;
    if let Some(value) = values.iter().copied().find(|x| !x.is_nan() && !(0.0..=1.0).contains(x)) {
        return Err(Error::Range { measure: "e_detector", parameter: "value", wants: "from 0 to 1", value });
    }
    // Upwards the worst loss is of the whole baseline, downwards of the rest.
    let up = BETS.map(|bet| bet / baseline);
    let down = BETS.map(|bet| -bet / (1.0 - baseline));
    let mut bets: Vec<(f64, f64)> = up.into_iter().chain(down).map(|bet| (bet, 0.0)).collect();
    let step = |x: &f64| {
        if !x.is_nan() {
            // Bounded, so that a long incident does not overflow.
            bets.iter_mut().for_each(|(bet, wealth)| *wealth = ((*wealth + 1.0) * (1.0 + *bet * (x - baseline))).min(1e300));
        }
        bets.iter().map(|(_, wealth)| wealth / bets.len() as f64).sum()
    };
    Ok(values.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use rand_chacha::rand_core::RngCore;

    fn coins(n: usize, p: f64, seed: u32) -> Vec<f64> {
        let mut rng = Seed::of(["coins", &seed.to_string()]).rng();
        (0..n).map(|_| f64::from(u8::from(f64::from(rng.next_u32()) < p * 4_294_967_296.0))).collect()
    }

    /// The promise: without a change the mean run length is at least 1/alpha.
    #[test]
    fn runs_as_long_as_it_says() {
        let run = |seed| e_detector(&coins(1_000, 0.9, seed), 0.9).unwrap().iter().position(|e| *e >= 200.0).unwrap_or(1_000);
        let mean = (0..200).map(run).sum::<usize>() as f64 / 200.0;
        assert!(mean >= 200.0, "{mean}");
    }

    #[test]
    fn sees_a_fall_and_a_rise() {
        for p in [0.8, 0.99] {
            let mut values = coins(300, 0.9, 7);
            values.extend(coins(1_000, p, 8));
            let found = e_detector(&values, 0.9).unwrap();
            assert!(found[1_299] > 1e4, "{p} {}", found[1_299]);
        }
        assert!(e_detector(&[2.0], 0.5).is_err() && e_detector(&[1.0], 1.0).is_err());
        let held = e_detector(&[1.0, f64::NAN], 0.5).unwrap();
        assert_eq!(held[0], held[1]);
    }
}
