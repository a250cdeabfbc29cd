//! Tags of languages (BCP 47): `de`, `pt-BR`, `sr-Latn`.
//!
//! Languages of two letters are known one by one, so that `dk` is not taken for Danish; of those of three letters there
//! are thousands, and their form counts. Private ones begin with `x-`.

/// The languages that have two letters (ISO 639-1).
const SHORT: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz \
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja \
    jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng \
    nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv \
    sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// What people write instead: names, codes of the country, and codes of three letters where there are two.
const INSTEAD: [(&str, &[&str]); 24] = [
    ("en", &["english", "eng", "gb", "us"]),
    ("de", &["german", "deutsch", "deu", "ger", "at"]),
    ("fr", &["french", "francais", "français", "fra", "fre"]),
    ("es", &["spanish", "espanol", "español", "spa"]),
    ("it", &["italian", "italiano", "ita"]),
    ("nl", &["dutch", "nederlands", "nld", "dut"]),
    ("pt", &["portuguese", "portugues", "português", "por"]),
    ("pl", &["polish", "polski", "pol"]),
    ("cs", &["czech", "cz", "ces", "cze"]),
    ("sk", &["slovak", "slk", "slo"]),
    ("hu", &["hungarian", "magyar", "hun"]),
    ("ro", &["romanian", "ron", "rum"]),
    ("bg", &["bulgarian", "bul"]),
    ("el", &["greek", "gr", "ell", "gre"]),
    ("fi", &["finnish", "suomi", "fin"]),
    ("sv", &["swedish", "svenska", "swe"]),
    ("da", &["danish", "dansk", "dk", "dan"]),
    ("nb", &["norwegian", "norsk", "nob"]),
    ("et", &["estonian", "eesti", "est"]),
    ("uk", &["ukrainian", "ua", "ukr"]),
    ("ru", &["russian", "rus"]),
    ("ja", &["japanese", "jp", "jpn"]),
    ("zh", &["chinese", "cn", "zho", "chi"]),
    ("ko", &["korean", "kor"]),
];

/// Whether a text is the tag of a language; the error says what to write instead.
pub fn tag(text: &str) -> Result<(), String> {
    if is_tag(text) {
        return Ok(());
    }
    let plain = text.trim().to_lowercase();
    let with_hyphens = text.trim().replace('_', "-");
    let known = INSTEAD.iter().find(|(_, others)| others.contains(&plain.as_str()));
    Err(match known {
        Some((tag, _)) => format!("write `{tag}`"),
        None if is_tag(&with_hyphens) => format!("write `{with_hyphens}`"),
        None => "write the tag of one: en, de, pt-BR".to_owned(),
    })
}

fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = parts.peekable();
    let is_known = match first.as_str() {
        "x" => parts.peek().is_some(),
        _ if first.len() == 2 => SHORT.split_whitespace().any(|known| known == first),
        // `deu` and `ger` are `de`.
        _ => {
            let is_other = INSTEAD.iter().any(|(_, others)| others.contains(&first.as_str()));
            first.len() == 3 && first.bytes().all(|byte| byte.is_ascii_alphabetic()) && !is_other
        }
    };
    is_known && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_and_others_refused_with_what_to_write() {
        for text in ["en", "DE", "pt-BR", "zh-Hant-TW", "sr-Latn", "gsw", "de-CH-1996", "x-house", "nds"] {
            assert_eq!(tag(text), Ok(()), "{text}");
        }
        let all = "write the tag of one: en, de, pt-BR";
        for (text, want) in [
            ("german", "write `de`"),
            ("Deutsch", "write `de`"),
            ("ger", "write `de`"),
            ("dk", "write `da`"),
            ("de_CH", "write `de-CH`"),
            ("", all),
            ("d", all),
            ("x", all),
            ("zz", all),
            ("de-", all),
            ("klingon", all),
            ("english language", all),
            ("../de", all),
            ("de-123456789", all),
        ] {
            assert_eq!(tag(text), Err(want.to_owned()), "{text}");
        }
    }
}
