//! The Porter stemmer with NLTK's extensions, which is what rouge-score, ragas and mlflow stem with.

/// Cuts an English word to its stem: `connections` to `connect`.
///
/// Porter's algorithm with the extensions of NLTK's `PorterStemmer` (its default mode); not Snowball English, which differs in many words.
/// The word is lower-cased first; words of one or two letters stay. Source: Porter, "An algorithm for suffix stripping" (1980).
pub fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    if let Some((_, stem)) = IRREGULAR.iter().find(|(form, _)| *form == word) {
        return (*stem).to_owned();
    }
    if word.chars().nth(2).is_none() {
        return word;
    }
    let word = Word(word.chars().collect());
    let word = step_1c(step_1b(step_1a(word)));
    let word = step_5b(step_5a(step_4(step_3(step_2(word)))));
    word.0.into_iter().collect()
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

const STEP_2: [Rule; 20] = [
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
];

const STEP_3: [Rule; 7] = [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

const STEP_4: [&str; 19] =
    ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"];

struct Word(Vec<char>);

impl Word {
    fn ends(&self, suffix: &str) -> bool {
        let length = suffix.len();
        self.0.len() >= length && self.0[self.0.len() - length..].iter().copied().eq(suffix.chars())
    }

    fn without(&self, suffix: &str) -> Word {
        Word(self.0[..self.0.len() - suffix.len()].to_vec())
    }

    fn with(mut self, suffix: &str) -> Word {
        self.0.extend(suffix.chars());
        self
    }

    /// Which letters are consonants; a `y` is one where the letter before it is not.
    fn consonants(&self) -> Vec<bool> {
        let mut flags: Vec<bool> = Vec::with_capacity(self.0.len());
        for c in &self.0 {
            flags.push(match c {
                'a' | 'e' | 'i' | 'o' | 'u' => false,
                'y' => !flags.last().copied().unwrap_or(false),
                _ => true,
            });
        }
        flags
    }

    /// Porter's measure: how many vowel runs are followed by a consonant run.
    fn measure(&self) -> usize {
        self.consonants().windows(2).filter(|pair| !pair[0] && pair[1]).count()
    }

    fn has_vowel(&self) -> bool {
        self.consonants().contains(&false)
    }

    fn ends_double_consonant(&self) -> bool {
        matches!(self.0.as_slice(), [.., a, b] if a == b) && self.consonants().last() == Some(&true)
    }

    /// Consonant, vowel, consonant that is not w, x or y; NLTK adds the two-letter word of vowel and consonant.
    fn ends_cvc(&self) -> bool {
        match self.consonants().as_slice() {
            [false, true] => true,
            [.., true, false, true] => !matches!(self.0.last(), Some('w' | 'x' | 'y')),
            _ => false,
        }
    }
}

fn step_1a(word: Word) -> Word {
    if word.ends("ies") {
        return word.without("ies").with(if word.0.len() == 4 { "ie" } else { "i" });
    }
    if word.ends("sses") {
        return word.without("es");
    }
    if word.ends("s") && !word.ends("ss") { word.without("s") } else { word }
}

fn step_1b(word: Word) -> Word {
    if word.ends("ied") {
        return word.without("ied").with(if word.0.len() == 4 { "ie" } else { "i" });
    }
    if word.ends("eed") {
        return if word.without("eed").measure() > 0 { word.without("d") } else { word };
    }
    let cut = ["ed", "ing"].into_iter().filter(|suffix| word.ends(suffix)).map(|suffix| word.without(suffix)).find(Word::has_vowel);
    let Some(cut) = cut else { return word };
    if cut.ends("at") || cut.ends("bl") || cut.ends("iz") {
        return cut.with("e");
    }
    if cut.ends_double_consonant() {
        let keeps = matches!(cut.0.last(), Some('l' | 's' | 'z'));
        return if keeps { cut } else { Word(cut.0[..cut.0.len() - 1].to_vec()) };
    }
    if cut.measure() == 1 && cut.ends_cvc() { cut.with("e") } else { cut }
}

fn step_1c(word: Word) -> Word {
    let stem_ends_in_consonant = |stem: &Word| stem.0.len() > 1 && stem.consonants().last() == Some(&true);
    if word.ends("y") && stem_ends_in_consonant(&word.without("y")) { word.without("y").with("i") } else { word }
}

fn step_2(word: Word) -> Word {
    // NLTK tries this one first, and runs the step again on what it leaves.
    if word.ends("alli") && word.without("alli").measure() > 0 {
        return step_2(word.without("li"));
    }
    if let Some(rule) = STEP_2.iter().find(|(suffix, _)| word.ends(suffix)) {
        return replace(word, rule);
    }
    if word.ends("fulli") {
        return replace(word, &("fulli", "ful"));
    }
    // The l is left with the stem, so that short ones such as geo count.
    if word.ends("logi") && word.without("ogi").measure() > 0 { word.without("i") } else { word }
}

fn step_3(word: Word) -> Word {
    match STEP_3.iter().find(|(suffix, _)| word.ends(suffix)) {
        Some(rule) => replace(word, rule),
        None => word,
    }
}

fn step_4(word: Word) -> Word {
    let Some(suffix) = STEP_4.iter().find(|suffix| word.ends(suffix)) else { return word };
    let stem = word.without(suffix);
    let allowed = *suffix != "ion" || matches!(stem.0.last(), Some('s' | 't'));
    if stem.measure() > 1 && allowed { stem } else { word }
}

fn step_5a(word: Word) -> Word {
    if !word.ends("e") {
        return word;
    }
    let stem = word.without("e");
    let measure = stem.measure();
    if measure > 1 || (measure == 1 && !stem.ends_cvc()) { stem } else { word }
}

fn step_5b(word: Word) -> Word {
    if word.ends("ll") && word.without("l").measure() > 1 { word.without("l") } else { word }
}

fn replace(word: Word, (suffix, replacement): &Rule) -> Word {
    let stem = word.without(suffix);
    if stem.measure() > 0 { stem.with(replacement) } else { word }
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
