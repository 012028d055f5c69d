//! Sorting doubles by their bits.

/// Numbers from which counting digits is quicker than comparing.
const RADIX_MIN: usize = 4_096;
/// Runs up to which joining them is quicker still.
const RUNS_MAX: usize = 64;
/// Bits of a digit: its counters fit the first-level cache.
const DIGIT: u32 = 11;
/// Bits below the three leading digits. What agrees in those is hardly ever more than a handful of numbers.
const REST: u32 = 64 - 3 * DIGIT;

/// Sorts doubles in the order of [`f64::total_cmp`]; quick where they come in a few runs that are in order already.
///
/// Three passes put the leading 33 bits (sign, exponent, 21 bits of the mantissa) in order, digit by digit from the last; the few numbers
/// that agree in all of them are compared.
pub fn sort(values: &mut [f64]) {
    if values.len() < RADIX_MIN || values.windows(2).filter(|pair| pair[0] > pair[1]).nth(RUNS_MAX).is_none() {
        values.sort_by(f64::total_cmp);
        return;
    }
    let mut keys: Vec<u64> = values.iter().map(|x| key(*x)).collect();
    let mut spare = vec![0; keys.len()];
    for shift in [REST, REST + DIGIT, REST + 2 * DIGIT] {
        deal(&keys, &mut spare, shift);
        std::mem::swap(&mut keys, &mut spare);
    }
    for alike in keys.chunk_by_mut(|a, b| a >> REST == b >> REST).filter(|alike| alike.len() > 1) {
        alike.sort_unstable();
    }
    values.iter_mut().zip(keys).for_each(|(x, key)| *x = number(key));
}

/// Copies keys in the order of one digit, those of one digit in the order in which they were.
fn deal(keys: &[u64], to: &mut [u64], shift: u32) {
    let mut places = [0_usize; 1 << DIGIT];
    keys.iter().for_each(|key| places[digit(*key, shift)] += 1);
    let mut start = 0;
    for place in &mut places {
        start += std::mem::replace(place, start);
    }
    for key in keys {
        let place = &mut places[digit(*key, shift)];
        to[*place] = *key;
        *place += 1;
    }
}

fn digit(key: u64, shift: u32) -> usize {
    (key >> shift & ((1 << DIGIT) - 1)) as usize
}

/// The bits of a double so that whole numbers are in the order of doubles: those of negative ones turned round.
fn key(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::RngCore;

    use super::*;
    use crate::seed::Seed;

    /// Whatever the bits, the order is the one that comparing gives: spread wide, close together, in runs, with every odd value.
    #[test]
    fn equals_comparing() {
        let mut rng = Seed::of(["radix"]).rng();
        let wide: Vec<f64> = (0..20_000).map(|_| f64::from_bits(rng.next_u64())).collect();
        let close: Vec<f64> = (0..20_000).map(|_| 1.7e18 + f64::from(rng.next_u32() >> 8)).collect();
        let mut odd: Vec<f64> = (0..9_000).map(|i| f64::from((i * 7_919) % 1_000) - 500.0).collect();
        odd.extend([f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY, 0.0, 5e-324, -5e-324]);
        let runs: Vec<f64> = (0..9_000).map(|i| f64::from(i % 3_000)).collect();
        for mut values in [wide, close, odd, runs] {
            let mut compared = values.clone();
            compared.sort_by(f64::total_cmp);
            sort(&mut values);
            assert!(values.iter().zip(&compared).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
