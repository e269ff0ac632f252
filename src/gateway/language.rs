//! The language of a visitor: the lookup of RFC 4647, section 3.4, among the languages of
//! the pages, by `Accept-Language` (RFC 9110, 12.5.4).

use std::borrow::Cow;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Language {
    /// `en`.
    English,
    /// `de`.
    German,
    /// `zh`, in simplified characters.
    Chinese,
    /// `fr`.
    French,
    /// `es`.
    Spanish,
}

impl Language {
    /// All languages, the default first.
    pub const ALL: [Self; 5] = [
        Self::English,
        Self::German,
        Self::Chinese,
        Self::French,
        Self::Spanish,
    ];

    /// The language tag (RFC 5646), which is one subtag of two letters.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Chinese => "zh",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// The language with this tag.
    fn by_code(code: [u8; 2]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|language| language.tag().as_bytes() == code)
    }
}

/// One or more languages, each once. The first is for visitors who want none of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Languages(Cow<'static, [Language]>);

impl Default for Languages {
    fn default() -> Self {
        Self(Cow::Borrowed(&Language::ALL))
    }
}

/// A list is not [`Languages`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LanguagesError;

error_texts! { LanguagesError:
    Self => "expected one or more of \"en\", \"de\", \"zh\", \"fr\" and \"es\", each once";
}

impl Languages {
    /// The languages with these tags.
    ///
    /// # Errors
    ///
    /// [`LanguagesError`] for another tag, for a tag that stands twice, and for an empty list.
    pub fn new(tags: &[&str]) -> Result<Self, LanguagesError> {
        let mut languages = Vec::with_capacity(tags.len());
        for tag in tags {
            let code = tag.as_bytes().try_into().ok();
            let language = code.and_then(Language::by_code).ok_or(LanguagesError)?;
            if languages.contains(&language) {
                return Err(LanguagesError);
            }
            languages.push(language);
        }
        match languages.is_empty() {
            true => Err(LanguagesError),
            false => Ok(Self(languages.into())),
        }
    }

    /// The languages in their order.
    pub fn iter(&self) -> impl Iterator<Item = Language> {
        self.0.iter().copied()
    }

    /// The language for a visitor with this `Accept-Language`.
    ///
    /// Of the ranges that lead to one of the languages, that with the highest quality wins,
    /// of several such ranges the first. If none does, the first language is used that the
    /// visitor does not refuse with `q=0`: a page in another language is more useful than the
    /// status 406. `*` stands for that language, too (RFC 4647, 3.4). A range with mistakes
    /// does not count.
    pub fn lookup(&self, accepted: &[u8]) -> Language {
        let default = self.0.first().copied().unwrap_or(Language::English);
        if accepted.is_empty() || self.0.len() == 1 {
            return default;
        }
        let mut best: Option<(u16, Language)> = None;
        let mut refused = [None; Language::ALL.len()];
        for range in accepted.split(|byte| *byte == b',') {
            let Some(range) = Range::parse(range) else {
                continue;
            };
            let Some(at) = self.0.iter().position(|other| *other == range.language) else {
                continue;
            };
            match range.quality {
                MOST => return range.language,
                // `de-CH;q=0` refuses Swiss German, not German.
                0 if range.is_shortened => {}
                0 => refused[at] = Some(range.language),
                quality if best.is_some_and(|(other, _)| other >= quality) => {}
                quality => best = Some((quality, range.language)),
            }
        }
        let is_open = |language: &&Language| !refused.contains(&Some(**language));
        let otherwise = || self.0.iter().find(is_open).copied();
        best.map(|(_, language)| language)
            .or_else(otherwise)
            .unwrap_or(default)
    }
}

/// The highest quality, in thousandths.
const MOST: u16 = 1000;

/// A language range that leads to a language of the pages.
#[derive(Clone, Copy, Debug)]
struct Range {
    /// The language of the first subtag: our tags have one subtag, so the others cannot matter.
    language: Language,
    /// Whether the range has more subtags.
    is_shortened: bool,
    quality: u16,
}

impl Range {
    /// Parses `de-CH;q=0.8`; `None` if it leads to no language, or has a mistake.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii_start();
        let (code, rest) = text.split_first_chunk::<2>()?;
        // First: most ranges name none of our languages.
        let language = Language::by_code(code.map(|byte| byte.to_ascii_lowercase()))?;
        let end = rest.iter().position(|byte| *byte == b';');
        let (subtags, weight) = match end {
            Some(end) => (rest[..end].trim_ascii_end(), Some(&rest[end + 1..])),
            None => (rest.trim_ascii_end(), None),
        };
        let is_subtag = |subtag: &[u8]| {
            matches!(subtag.len(), 1..=8) && subtag.iter().all(u8::is_ascii_alphanumeric)
        };
        match subtags {
            [] => {}
            [b'-', subtags @ ..] if subtags.split(|byte| *byte == b'-').all(is_subtag) => {}
            _ => return None,
        }
        let quality = match weight.map(<[u8]>::trim_ascii) {
            None => MOST,
            Some([b'q' | b'Q', b'=', weight @ ..]) => quality(weight)?,
            Some(_) => return None,
        };
        Some(Self {
            language,
            is_shortened: !subtags.is_empty(),
            quality,
        })
    }
}

/// A weight (RFC 9110, 12.4.2) in thousandths.
fn quality(weight: &[u8]) -> Option<u16> {
    let (whole, digits) = match weight {
        [b'0', digits @ ..] => (0, digits),
        [b'1', digits @ ..] => (MOST, digits),
        _ => return None,
    };
    let digits = match digits {
        [] => digits,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let (mut thousandths, mut place) = (whole, MOST);
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        place /= 10;
        thousandths += u16::from(digit - b'0') * place;
    }
    (thousandths <= MOST).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lookup_is_that_of_rfc_4647() {
        use Language::{Chinese, English, French, German, Spanish};
        #[rustfmt::skip]
        let cases = [
            // languages,          Accept-Language,                            want
            // RFC 4647, 3.4: a range is shortened from its end; `fr-FR, zh-Hant`.
            (&["en", "zh"][..],    "zh-Hant-CN-x-private1-private2",           Chinese),
            (&["es", "zh", "fr"],  "fr-FR, zh-Hant",                           French),
            (&["es", "zh"],        "fr-FR, zh-Hant",                           Chinese),
            (&["es", "en"],        "fr-FR, zh-Hant",                           Spanish),
            // RFC 4647, 3.4: `*` is skipped before other ranges, otherwise it is the default.
            (&["es", "de"],        "*",                                        Spanish),
            (&["es", "de"],        "*, de;q=0.5",                              German),
            (&["es", "de"],        "de;q=0.5, *",                              German),
            (&["es", "de"],        "it, *;q=0.5",                              Spanish),
            // RFC 4647, 2.1 and 3.4: letters in any case; a subtag is compared as a whole.
            (&["en", "de"],        "DE-de",                                    German),
            (&["en", "de"],        "deu, den, d, dE-1996",                     German),
            (&["en", "de"],        "deu, i-de, x-de",                          English),
            // Of the ranges for Chinese, none is a tag of the pages; `zh` is.
            (&["en", "zh"],        "zh-TW",                                    Chinese),
            (&["en", "zh"],        "zh-Hans-CN",                               Chinese),
            (&["en", "zh"],        "yue-HK, cmn",                              English),
            // RFC 9110, 12.5.4: "I prefer Danish, but will accept British English and other
            // types of English".
            (&["de", "en"],        "da, en-gb;q=0.8, en;q=0.7",                English),
            // RFC 9110, 12.4.2: the quality goes before the order.
            (&["en", "de", "fr"],  "de;q=0.7, fr;q=0.8",                       French),
            (&["en", "de", "fr"],  "fr;q=0.8, de;q=0.8",                       French),
            (&["en", "de", "fr"],  "en;q=0.001, de;q=0.002",                   German),
            (&["en", "de", "fr"],  "de;q=0.9 , fr ; q=1.000",                  French),
            (&["en", "de", "fr"],  "de;Q=0.5,fr;q=0.4",                        German),
            (&["en", "de", "fr"],  "fr;q=0.3, de;q=0.2, de-CH;q=0.4",          German),
            // q=0 is "not acceptable".
            (&["en", "de", "fr"],  "en;q=0",                                   German),
            (&["en", "de", "fr"],  "en;q=0.0, *",                              German),
            (&["en", "de", "fr"],  "en;q=0, *;q=0.5, fr;q=0",                  German),
            (&["en", "de", "fr"],  "fr;q=0, en;q=0, de-CH;q=0",                German),
            (&["en", "de", "fr"],  "de-CH;q=0, de;q=0.5",                      German),
            (&["en", "de"],        "en;q=0, de;q=0",                           English),
            (&["en", "de"],        "*;q=0",                                    English),
            // Ranges with mistakes do not count.
            (&["en", "de", "fr"],  "de;q=2, fr;q=0.1",                         French),
            (&["en", "de", "fr"],  "de;q=1.001, fr;q=0.1",                     French),
            (&["en", "de", "fr"],  "de;q=0.1234, fr;q=0.1",                    French),
            (&["en", "de", "fr"],  "de;q=-1, fr;q=0.1",                        French),
            (&["en", "de", "fr"],  "de;level=1, fr;q=0.1",                     French),
            (&["en", "de", "fr"],  "de;q=1;q=1, fr;q=0.1",                     French),
            (&["en", "de", "fr"],  "de-;q=1, fr;q=0.1",                        French),
            (&["en", "de", "fr"],  "de_DE, fr;q=0.1",                          French),
            (&["en", "de", "fr"],  "de-123456789, fr;q=0.1",                   French),
            (&["en", "de", "fr"],  "de;q=, de;, de;q, d, -de, fr;q=0.1",       French),
            (&["en", "de"],        ",, ;q=1,=,\u{e9}, de",                     German),
            (&["fr", "de"],        "",                                         French),
            (&["de"],              "fr, en",                                   German),
        ];
        for (languages, accepted, want) in cases {
            let languages = Languages::new(languages).unwrap();
            let found = languages.lookup(accepted.as_bytes());
            assert_eq!(found, want, "{languages:?} {accepted}");
        }
    }

    #[test]
    fn languages_are_one_or_more_that_exist_each_once() {
        assert_eq!(
            Languages::new(&["en", "de", "zh", "fr", "es"]),
            Ok(Languages::default())
        );
        for wrong in [&[][..], &["it"], &["en", "en"], &["EN"], &["de-DE"], &[""]] {
            assert_eq!(Languages::new(wrong), Err(LanguagesError), "{wrong:?}");
        }
    }
}
