//! SPDX licence expressions of crates, judged against the licences this project may ship.

/// Licences that allow shipping a binary without more than a notice. The same list stands in `deny.toml`.
pub(crate) const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether the expression can be met with allowed licences only.
///
/// Knows `AND`, `OR`, `WITH`, parentheses, and `/` (crates.io's old way to write `OR`).
///
/// # Errors
/// The text is not such an expression.
pub(crate) fn is_allowed(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    let allowed = parser.alternatives();
    match (allowed, parser.words) {
        (Some(allowed), []) => Ok(allowed),
        _ => Err(format!("not a licence expression: `{expression}`")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn alternatives(&mut self) -> Option<bool> {
        let mut allowed = self.conjunction()?;
        while self.take_if("OR") {
            allowed |= self.conjunction()?;
        }
        Some(allowed)
    }

    fn conjunction(&mut self) -> Option<bool> {
        let mut allowed = self.licence()?;
        while self.take_if("AND") {
            allowed &= self.licence()?;
        }
        Some(allowed)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.take_if("(") {
            let allowed = self.alternatives()?;
            return self.take_if(")").then_some(allowed);
        }
        let name = self.take().filter(|name| !["AND", "OR", "WITH", ")"].contains(name))?;
        if self.take_if("WITH") {
            let whole = format!("{name} WITH {}", self.take()?);
            return Some(ALLOWED.contains(&whole.as_str()));
        }
        Some(ALLOWED.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allowed_alternative_is_enough() {
        assert_eq!(is_allowed("MIT OR LGPL-2.1-or-later"), Ok(true));
        assert_eq!(is_allowed("MIT/GPL-3.0"), Ok(true));
        assert_eq!(is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0"), Ok(true));
    }

    #[test]
    fn every_part_of_a_conjunction_counts() {
        assert_eq!(is_allowed("ISC AND (Apache-2.0 OR GPL-3.0) AND BSD-3-Clause"), Ok(true));
        assert_eq!(is_allowed("MIT AND GPL-3.0"), Ok(false));
        assert_eq!(is_allowed("(MIT OR Apache-2.0) AND AGPL-3.0"), Ok(false));
    }

    #[test]
    fn copyleft_and_unknown_licences_are_refused() {
        for expression in ["GPL-3.0", "AGPL-3.0-only", "SSPL-1.0", "Apache-2.0 WITH Unheard-exception"] {
            assert_eq!(is_allowed(expression), Ok(false), "{expression}");
        }
    }

    #[test]
    fn text_that_is_no_expression_is_an_error() {
        for expression in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "WITH MIT"] {
            assert!(is_allowed(expression).is_err(), "{expression}");
        }
    }
}
