//! The translation edit rate, whose edits are words and shifts of whole phrases.

/// What sacrebleu prints for [`ter`].
pub const SIGNATURE: &str = "TER nrefs:var|case:lc|tok:tercom|norm:no|punct:yes|asian:no";

/// Longest phrase that is shifted, how far it is shifted at most, and how many shifts are tried for one sentence.
const SHIFT_WORDS_MAX: usize = 10;
const SHIFT_DISTANCE_MAX: usize = 50;
const CANDIDATES_MAX: usize = 1_000;

/// Cells on either side of the diagonal that the edit distance looks at.
const BEAM: usize = 25;

/// A cost that nothing reaches.
const UNREACHED: u32 = u32::MAX / 2;

/// TER of sacrebleu, from 0 on (100 means as many edits as the reference has words): the fewest insertions, deletions, substitutions and shifts of a
/// phrase that were found by tercom's greedy search, over the mean length of the references. Words are lower-case, at white space.
///
/// 0 where answer and references are empty, 100 where the references alone are. Source: Snover et al., "A study of translation edit rate" (2006);
/// sacrebleu 2, whose order of trying shifts is kept, so that ties fall the same way.
pub fn ter<S: AsRef<str>>(answer: &str, references: &[S]) -> f64 {
    let words = |text: &str| text.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (answer, references) = (words(answer), references.iter().map(|text| words(text.as_ref())).collect::<Vec<_>>());
    let Some(edits) = references.iter().map(|reference| edits(&answer, reference)).min() else { return 0.0 };
    let length = references.iter().map(Vec::len).sum::<usize>() as f64 / references.len() as f64;
    match (edits, length > 0.0) {
        (0, _) => 0.0,
        (_, true) => 100.0 * edits as f64 / length,
        (_, false) => 100.0,
    }
}

/// Shifts, as long as they make the edit distance less, and the edits that are left.
fn edits(answer: &[String], reference: &[String]) -> usize {
    if reference.is_empty() {
        return answer.len();
    }
    // Numbers compare faster than words.
    let mut known: Vec<&String> = reference.iter().chain(answer).collect();
    known.sort_unstable();
    known.dedup();
    let numbered = |words: &[String]| words.iter().map(|word| known.binary_search(&word).unwrap_or_default()).collect::<Vec<_>>();
    let (mut answer, reference) = (numbered(answer), numbered(reference));
    let (mut n_shifts, mut n_candidates) = (0, 0);
    loop {
        let table = Table::of(&answer, &reference);
        let shifted = best_shift(&table, &mut n_candidates).filter(|_| n_candidates < CANDIDATES_MAX);
        match shifted {
            Some(shifted) => answer = shifted,
            None => return n_shifts + table.distance() as usize,
        }
        n_shifts += 1;
    }
}

/// How the answer's words become the reference's, word by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Keep,
    Substitute,
    /// A word of the answer that the reference does not have.
    Delete,
    /// A word of the reference that the answer does not have.
    Insert,
}

/// The edit distance of an answer from a reference, with every row on the way.
struct Table<'a> {
    answer: &'a [usize],
    reference: &'a [usize],
    rows: Vec<Vec<(u32, Edit)>>,
}

impl<'a> Table<'a> {
    fn of(answer: &'a [usize], reference: &'a [usize]) -> Self {
        let first: Vec<(u32, Edit)> = (0..=reference.len()).map(|j| (u32::try_from(j).unwrap_or(UNREACHED), Edit::Insert)).collect();
        let mut rows = vec![first];
        for i in 1..=answer.len() {
            let row = next_row(&rows[i - 1], answer, reference, i);
            rows.push(row);
        }
        Self { answer, reference, rows }
    }

    fn distance(&self) -> u32 {
        self.rows[self.answer.len()][self.reference.len()].0
    }

    /// The distance of the same words in another order: rows before the first word that differs are those of the table.
    fn distance_of(&self, answer: &[usize]) -> u32 {
        let same = answer.iter().zip(self.answer).take_while(|(a, b)| a == b).count();
        let mut row = self.rows[same].clone();
        for i in same + 1..=answer.len() {
            row = next_row(&row, answer, self.reference, i);
        }
        row[self.reference.len()].0
    }

    /// The edits in order.
    fn trace(&self) -> Vec<Edit> {
        let (mut i, mut j, mut edits) = (self.answer.len(), self.reference.len(), Vec::new());
        while i > 0 || j > 0 {
            let edit = self.rows[i][j].1;
            edits.push(edit);
            i -= usize::from(edit != Edit::Insert);
            j -= usize::from(edit != Edit::Delete);
        }
        edits.reverse();
        edits
    }
}

/// One more word of the answer; cells beyond the beam stay unreached. Of edits that cost the same the first counts: keep or substitute, delete, insert.
fn next_row(before: &[(u32, Edit)], answer: &[usize], reference: &[usize], i: usize) -> Vec<(u32, Edit)> {
    let (n, m) = (answer.len(), reference.len());
    // The diagonal of a table that is not square; floor(i · m / n).
    let diagonal = i * m / n;
    let beam = if 2 * BEAM * n < m { m.div_ceil(2 * n) + BEAM } else { BEAM };
    let end = if i == n { m + 1 } else { (m + 1).min(diagonal + beam) };
    let mut row = vec![(UNREACHED, Edit::Insert); m + 1];
    for j in diagonal.saturating_sub(beam)..end {
        if j == 0 {
            row[0] = (before[0].0 + 1, Edit::Delete);
            continue;
        }
        let same = answer[i - 1] == reference[j - 1];
        let mut cell = (before[j - 1].0 + u32::from(!same), if same { Edit::Keep } else { Edit::Substitute });
        for (cost, edit) in [(before[j].0 + 1, Edit::Delete), (row[j - 1].0 + 1, Edit::Insert)] {
            if cost < cell.0 {
                cell = (cost, edit);
            }
        }
        row[j] = cell;
    }
    row
}

/// Where the words of the two texts stand across from each other.
struct Alignment {
    /// For each word of the reference the last word of the answer up to there, `-1` before the first.
    of_reference: Vec<isize>,
    reference_wrong: Vec<bool>,
    answer_wrong: Vec<bool>,
}

impl Alignment {
    fn of(trace: &[Edit]) -> Self {
        let mut alignment = Self { of_reference: Vec::new(), reference_wrong: Vec::new(), answer_wrong: Vec::new() };
        let mut at = -1;
        for edit in trace {
            let is_wrong = *edit != Edit::Keep;
            if *edit != Edit::Insert {
                at += 1;
                alignment.answer_wrong.push(is_wrong);
            }
            if *edit != Edit::Delete {
                alignment.of_reference.push(at);
                alignment.reference_wrong.push(is_wrong);
            }
        }
        alignment
    }
}

/// The answer after the shift that takes most off the distance; of those the longest, then the earliest, then the one that goes least far. Nothing
/// where no shift takes anything off.
fn best_shift(table: &Table<'_>, n_candidates: &mut usize) -> Option<Vec<usize>> {
    let alignment = Alignment::of(&table.trace());
    let mut best: Option<(Rank, Vec<usize>)> = None;
    for (from, to, length) in common_phrases(table.answer, table.reference) {
        let is_right = |wrong: &[bool]| wrong.iter().all(|wrong| !wrong);
        if is_right(&alignment.answer_wrong[from..from + length]) || is_right(&alignment.reference_wrong[to..to + length]) {
            continue;
        }
        let lies_inside = usize::try_from(alignment.of_reference[to]).is_ok_and(|at| (from..from + length).contains(&at));
        if lies_inside {
            continue;
        }
        for target in targets(&alignment, to, length) {
            let shifted = shift(table.answer, from, length, target);
            let gain = i64::from(table.distance()) - i64::from(table.distance_of(&shifted));
            *n_candidates += 1;
            let rank = (gain, length, std::cmp::Reverse(from), std::cmp::Reverse(target));
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, shifted));
            }
        }
        if *n_candidates >= CANDIDATES_MAX {
            break;
        }
    }
    best.filter(|((gain, ..), _)| *gain > 0).map(|(_, shifted)| shifted)
}

/// What is taken off, the phrase's length, where it comes from and where it goes.
type Rank = (i64, usize, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>);

/// Places in the answer before which a phrase may be put that stands at `to` in the reference.
fn targets(alignment: &Alignment, to: usize, length: usize) -> Vec<usize> {
    let before = to.checked_sub(1).map_or(0, |before| next_to(alignment.of_reference[before]));
    let inside = (to..to + length).map_while(|at| alignment.of_reference.get(at)).map(|at| next_to(*at));
    let mut targets: Vec<usize> = std::iter::once(before).chain(inside).collect();
    targets.dedup();
    targets
}

fn next_to(at: isize) -> usize {
    usize::try_from(at + 1).unwrap_or(0)
}

/// Phrases that both texts have, by their places and length.
fn common_phrases(answer: &[usize], reference: &[usize]) -> impl Iterator<Item = (usize, usize, usize)> {
    let starts = (0..answer.len()).flat_map(move |from| (0..reference.len()).map(move |to| (from, to)));
    starts.filter(|(from, to)| from.abs_diff(*to) <= SHIFT_DISTANCE_MAX).flat_map(move |(from, to)| {
        let common = answer[from..].iter().zip(&reference[to..]).take(SHIFT_WORDS_MAX).take_while(|(a, b)| a == b).count();
        (1..=common).map(move |length| (from, to, length))
    })
}

/// Takes a phrase out and puts it before the word that stands at `target`; within itself it goes that many words on.
fn shift(words: &[usize], from: usize, length: usize, target: usize) -> Vec<usize> {
    let end = from + length;
    let phrase = &words[from..end];
    if target < from {
        [&words[..target], phrase, &words[target..from], &words[end..]].concat()
    } else if target > end {
        [&words[..from], &words[end..target], phrase, &words[target..]].concat()
    } else {
        let on = (length + target).min(words.len()).max(end);
        [&words[..from], &words[end..on], phrase, &words[on..]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_phrase_is_one_edit() {
        assert_eq!(ter("on monday we sail", &["we sail on monday"]), 25.0);
        assert_eq!(ter("we sail", &["we sail"]), 0.0);
        assert_eq!((ter("", &["we sail"]), ter("we sail", &[""]), ter("", &[""])), (100.0, 100.0, 0.0));
        assert_eq!(ter("a b c", &["x y z", "a b d e"]), 200.0 / 3.5);
    }
}
