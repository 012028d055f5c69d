//! The best pairing of two lists.

/// The largest sum of scores that a pairing of rows with columns can have, each used at most once; `scores[row][column]` is from 0 on.
///
/// The Hungarian method with potentials, `O(n² m)`. Source: Kuhn (1955), Munkres (1957).
pub(crate) fn best_sum(scores: &[Vec<f64>]) -> f64 {
    let (n_rows, n_columns) = (scores.len(), scores.first().map_or(0, Vec::len));
    if n_rows == 0 || n_columns == 0 {
        return 0.0;
    }
    let n = n_rows.max(n_columns);
    let cost = |row: usize, column: usize| -scores.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0);
    let (mut of_row, mut of_column) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    // taken[column] is the row that has it, from 1; 0 is none.
    let (mut taken, mut came_from) = (vec![0; n + 1], vec![0; n + 1]);
    for row in 1..=n {
        taken[0] = row;
        let (mut least, mut seen, mut at) = (vec![f64::INFINITY; n + 1], vec![false; n + 1], 0);
        loop {
            seen[at] = true;
            let (own, mut step, mut next) = (taken[at], f64::INFINITY, 0);
            for column in 1..=n {
                if seen[column] {
                    continue;
                }
                let reduced = cost(own - 1, column - 1) - of_row[own] - of_column[column];
                if reduced < least[column] {
                    (least[column], came_from[column]) = (reduced, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=n {
                if seen[column] {
                    of_row[taken[column]] += step;
                    of_column[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
            if taken[at] == 0 {
                break;
            }
        }
        while at != 0 {
            let before = came_from[at];
            taken[at] = taken[before];
            at = before;
        }
    }
    (1..=n).map(|column| -cost(taken[column] - 1, column - 1)).sum()
}

#[cfg(test)]
mod tests {
    use super::best_sum;

    #[test]
    fn greed_is_not_enough() {
        assert_eq!(best_sum(&[vec![0.9, 0.8], vec![0.8, 0.0]]), 1.6);
        assert_eq!(best_sum(&[vec![1.0, 0.5, 0.2]]), 1.0);
        assert_eq!(best_sum(&[vec![0.3], vec![0.7]]), 0.7);
        assert_eq!(best_sum(&[]), 0.0);
    }
}
