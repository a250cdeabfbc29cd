//! URLs in a word, plain or written so that nobody clicks them.

use std::net::IpAddr;
use std::sync::LazyLock;

use concert_model::{host, script};
use regex::Regex;

/// A URL that was found.
pub(crate) struct Link {
    /// Where it begins in the word.
    pub start: usize,
    /// The URL, as a browser takes it.
    pub url: String,
    /// Whether it was written otherwise.
    pub is_defanged: bool,
}

static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(?:h..ps?|ftps?|fxps?)(?:\[:\]|:|\[:)//?\]?").expect("a constant pattern")
});

/// A URL in a word, without what stands around it.
pub(crate) fn url(word: &str) -> Option<Link> {
    if !word.contains("//") {
        return None;
    }
    let start = SCHEME.find(word)?.start();
    let word = without_end(without_more(word.get(start..)?));
    let plain = host::refang(word);
    let (scheme, tail) = plain.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "hxxp" | "h**p" => "http",
        "https" | "hxxps" | "h**ps" => "https",
        "ftp" | "fxp" => "ftp",
        "ftps" | "fxps" => "ftps",
        _ => return None,
    };
    let url = format!("{scheme}://{tail}");
    host::check_url(&url).ok()?;
    // What stands for a host that was left out (`http://[removed]/x`) is none.
    host::url_host(&url)?;
    let is_defanged = !word.eq_ignore_ascii_case(&url);
    Some(Link { start, url, is_defanged })
}

/// What ends like a domain and is the name of a file more often: `index.php/x`.
const ENDINGS: &[&str] = &[
    "asp", "aspx", "bat", "cfg", "cgi", "conf", "csv", "dll", "doc", "exe", "gz", "htm", "html", "jar", "js", "json",
    "jsp", "log", "pdf", "php", "py", "rb", "service", "sh", "so", "txt", "xml", "zip",
];

/// A URL whose scheme was left out: `evil.example/login`, `evil[.]example/login`.
pub(crate) fn bare(word: &str) -> Option<Link> {
    static BARE: LazyLock<Regex> = LazyLock::new(|| {
        let dot = r"(?:\.|[\[({](?:\.|dot)[\])}])";
        let pattern = format!(r"(?i)^[(<\x22'\[]*((?:[a-z0-9_-]{{1,63}}{dot}){{1,8}}([a-z]{{2,20}})/.*)$");
        Regex::new(&pattern).expect("a constant pattern")
    });
    let found = word.contains('/').then(|| BARE.captures(word)).flatten()?;
    let (whole, ending) = (found.get(1)?, found.get(2)?.as_str());
    if ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
        return None;
    }
    let link = url(&format!("http://{}", whole.as_str()))?;
    Some(Link { start: whole.start(), ..link })
}

/// A URL without the signs that end a sentence or a list. Brackets that it opens itself are its own, as in
/// `http://[2001:db8::1]`.
fn without_end(word: &str) -> &str {
    let count = |sign: char| word.matches(sign).count();
    let (mut square, mut round) = (count(']'), count(')'));
    let (square_open, round_open) = (count('['), count('('));
    word.trim_end_matches(|c: char| match c {
        ']' => {
            square = square.saturating_sub(1);
            square >= square_open
        }
        ')' => {
            round = round.saturating_sub(1);
            round >= round_open
        }
        _ => matches!(c, '>' | '"' | '\'' | ',' | ';' | '.' | '*' | '(' | '['),
    })
}

/// A URL without the cells of a table that touch it: names and telephone numbers are none of it.
fn without_more(word: &str) -> &str {
    let word = match word.split_once(';') {
        // `;jsessionid=1` is a part of it.
        Some((url, more)) if !more.contains(['=', '/']) => url,
        _ => word,
    };
    match word.split_once(',') {
        Some((url, more)) if more.contains('@') || more.starts_with('+') || more.contains(",+") => url,
        Some((url, more)) if without_end(more).split(',').all(is_cell) => url,
        _ => word,
    }
}

/// Whether a text between commas is a cell of a table rather than a part of a URL: a name, an address or a day. Pages are
/// mostly called otherwise (`/news,12.html`, `/map@52.5,13.4`).
fn is_cell(text: &str) -> bool {
    let is_name =
        || text.starts_with(char::is_uppercase) && text.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\''));
    let is_day = || {
        let form = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        form.take(11).eq(*b"0000-00-00")
    };
    is_name() || is_day() || text.parse::<IpAddr>().is_ok()
}

/// A word cut before every URL that follows a comma or semicolon, or is the target of a link: `[text](http://...)`; and
/// around every URL that words touch which are written without blanks.
pub(crate) fn parts(word: &str) -> Vec<&str> {
    if word.is_ascii() && !word.contains([',', ';', '(']) || !word.contains("//") {
        return vec![word];
    }
    let (mut cuts, mut end) = (Vec::new(), 0);
    for scheme in SCHEME.find_iter(word) {
        let before = word.get(..scheme.start()).unwrap_or_default();
        let touches = before.chars().next_back().is_some_and(|last| script::changes(last, 'h'));
        if before.ends_with([',', ';', STOP]) || before.ends_with("](") || touches {
            cuts.push(scheme.start());
        }
        // What stands in the path of a URL is none by itself.
        if scheme.start() >= end {
            end = scheme.end() + unspaced_end(word.get(scheme.end()..).unwrap_or_default());
            cuts.push(end);
        }
    }
    cuts.sort_unstable();
    let mut begin = 0;
    let mut parts: Vec<&str> = Vec::new();
    for cut in cuts.into_iter().chain([word.len()]) {
        parts.extend(word.get(begin..cut).filter(|part| !part.is_empty()));
        begin = cut.max(begin);
    }
    parts
}

/// What ends a sentence of Chinese or Japanese. Between letters it is a dot in the name of a host.
const STOP: char = '。';

/// Where a URL ends because words touch it that are written without blanks, in what follows its scheme.
fn unspaced_end(rest: &str) -> usize {
    let next = rest.char_indices().skip(1);
    let ends =
        |(one, (_, next)): &(char, (usize, char))| one.is_ascii() && script::changes(*one, *next) || *next == STOP;
    let is_dot = |at: usize| {
        rest.get(at..).and_then(|text| text.chars().nth(1)).is_some_and(|behind| behind.is_ascii_alphanumeric())
    };
    let mut found = rest.chars().zip(next).filter(ends).map(|(_, (at, _))| at);
    found.find(|at| !rest.get(*at..).is_some_and(|text| text.starts_with(STOP)) || !is_dot(*at)).unwrap_or(rest.len())
}
