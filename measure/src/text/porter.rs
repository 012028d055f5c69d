//! The Porter stemmer with NLTK's extensions, which is what rouge-score, ragas and mlflow stem with.

/// Cuts an English word to its stem: `connections` to `connect`.
///
/// Porter's algorithm with the extensions of NLTK's `PorterStemmer` (its default mode); not Snowball English, which differs in many words.
/// The word is lower-cased first; words of one or two letters stay. Source: Porter, "An algorithm for suffix stripping" (1980).
pub fn stem(word: &str) -> String {
    let mut word = word.to_lowercase();
    if let Some((_, stem)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
        return (*stem).to_owned();
    }
    if word.chars().nth(2).is_some() {
        for step in [step_1a, step_1b, step_1c, step_2, step_3, step_4, step_5a, step_5b] {
            step(&mut word);
        }
    }
    word
}

const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// A suffix, and what it becomes where the stem before it has a positive measure.
type Rule = (&'static str, &'static str);

const STEP_2: [Rule; 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];

const STEP_3: [Rule; 7] = [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

const STEP_4: [&str; 19] =
    ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"];

/// Puts something else in the place of the suffix that a word ends with.
fn replace(word: &mut String, suffix: &str, replacement: &str) {
    word.truncate(word.len() - suffix.len());
    word.push_str(replacement);
}

/// Which letters are consonants; a `y` is one where the letter before it is not.
fn consonants(word: &str) -> impl Iterator<Item = bool> {
    word.chars().scan(false, |is_consonant, letter| {
        *is_consonant = match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => !*is_consonant,
            _ => true,
        };
        Some(*is_consonant)
    })
}

/// Porter's measure: how many vowel runs are followed by a consonant run.
fn measure(stem: &str) -> usize {
    let mut was_consonant = true;
    consonants(stem).filter(|is_consonant| !std::mem::replace(&mut was_consonant, *is_consonant) && *is_consonant).count()
}

fn has_vowel(stem: &str) -> bool {
    consonants(stem).any(|is_consonant| !is_consonant)
}

fn ends_in_consonant(stem: &str) -> bool {
    consonants(stem).last() == Some(true)
}

fn ends_double_consonant(stem: &str) -> bool {
    let mut letters = stem.chars().rev();
    letters.next().is_some_and(|last| letters.next() == Some(last)) && ends_in_consonant(stem)
}

/// Consonant, vowel, consonant that is not w, x or y; NLTK adds the two-letter word of vowel and consonant.
fn ends_cvc(stem: &str) -> bool {
    let (mut n_letters, mut last) = (0, [false; 3]);
    for is_consonant in consonants(stem) {
        n_letters += 1;
        last = [last[1], last[2], is_consonant];
    }
    match last {
        [_, false, true] if n_letters == 2 => true,
        [true, false, true] if n_letters > 2 => !stem.ends_with(['w', 'x', 'y']),
        _ => false,
    }
}

fn step_1a(word: &mut String) {
    if word.ends_with("ies") {
        let is_short = word.chars().count() == 4;
        replace(word, "ies", if is_short { "ie" } else { "i" });
    } else if word.ends_with("sses") {
        replace(word, "es", "");
    } else if word.ends_with('s') && !word.ends_with("ss") {
        replace(word, "s", "");
    }
}

fn step_1b(word: &mut String) {
    if word.ends_with("ied") {
        let is_short = word.chars().count() == 4;
        return replace(word, "ied", if is_short { "ie" } else { "i" });
    }
    if let Some(stem) = word.strip_suffix("eed") {
        if measure(stem) > 0 {
            replace(word, "d", "");
        }
        return;
    }
    let Some(suffix) = ["ed", "ing"].into_iter().find(|suffix| word.strip_suffix(suffix).is_some_and(has_vowel)) else { return };
    replace(word, suffix, "");
    if ["at", "bl", "iz"].iter().any(|end| word.ends_with(end)) {
        word.push('e');
    } else if ends_double_consonant(word) {
        if !word.ends_with(['l', 's', 'z']) {
            word.pop();
        }
    } else if measure(word) == 1 && ends_cvc(word) {
        word.push('e');
    }
}

fn step_1c(word: &mut String) {
    if word.strip_suffix('y').is_some_and(|stem| stem.chars().nth(1).is_some() && ends_in_consonant(stem)) {
        replace(word, "y", "i");
    }
}

fn step_2(word: &mut String) {
    // NLTK tries this one first, and runs the step again on what it leaves.
    if word.strip_suffix("alli").is_some_and(|stem| measure(stem) > 0) {
        replace(word, "li", "");
        return step_2(word);
    }
    if apply_first(word, &STEP_2) {
        return;
    }
    // The l is left with the stem, so that short ones such as geo count.
    if word.ends_with("logi") && word.strip_suffix("ogi").is_some_and(|stem| measure(stem) > 0) {
        replace(word, "i", "");
    }
}

fn step_3(word: &mut String) {
    apply_first(word, &STEP_3);
}

/// Tells whether a rule has the word's suffix; the first that has is the only one that may apply.
fn apply_first(word: &mut String, rules: &[Rule]) -> bool {
    let Some((suffix, replacement)) = rules.iter().find(|(suffix, _)| word.ends_with(suffix)) else { return false };
    if word.strip_suffix(suffix).is_some_and(|stem| measure(stem) > 0) {
        replace(word, suffix, replacement);
    }
    true
}

fn step_4(word: &mut String) {
    let Some(suffix) = STEP_4.iter().find(|suffix| word.ends_with(*suffix)) else { return };
    let allows = |stem: &str| measure(stem) > 1 && (*suffix != "ion" || stem.ends_with(['s', 't']));
    if word.strip_suffix(suffix).is_some_and(allows) {
        replace(word, suffix, "");
    }
}

fn step_5a(word: &mut String) {
    let falls = |stem: &str| match measure(stem) {
        0 => false,
        1 => !ends_cvc(stem),
        _ => true,
    };
    if word.strip_suffix('e').is_some_and(falls) {
        word.pop();
    }
}

fn step_5b(word: &mut String) {
    if word.ends_with("ll") && word.strip_suffix('l').is_some_and(|stem| measure(stem) > 1) {
        word.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `nltk.stem.PorterStemmer().stem` of NLTK 3.10, for a vocabulary that walks through every rule.
    #[test]
    fn equals_nltk() {
        for line in include_str!("../../tests/porter.txt").lines() {
            let (word, expect) = line.split_once(' ').unwrap();
            assert_eq!(stem(word), expect, "{word}");
        }
    }
}
