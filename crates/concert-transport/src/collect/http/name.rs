//! The file name of a response: what the server says, else the end of the address.

use reqwest::Response;
use reqwest::header::CONTENT_DISPOSITION;

const NAME_BYTES_MAX: usize = 255;

pub(in crate::collect) fn of(response: &Response) -> String {
    let stated = response.headers().get(CONTENT_DISPOSITION).and_then(|value| stated(value.to_str().ok()?));
    let from_url = || response.url().path_segments().and_then(|mut parts| parts.next_back()).map(plain);
    stated.or_else(from_url).unwrap_or_default()
}

/// The `filename` of a Content-Disposition header (RFC 6266); `filename*` where there is one.
fn stated(header: &str) -> Option<String> {
    let mut found = None;
    for (key, value) in parameters(header) {
        if key.eq_ignore_ascii_case("filename*") {
            let (_, encoded) = value.split_once("''")?;
            return Some(plain(encoded)).filter(|name| !name.is_empty());
        }
        if key.eq_ignore_ascii_case("filename") {
            found = Some(clean(&value));
        }
    }
    found.filter(|name| !name.is_empty())
}

/// `key=value` and `key="value"`, separated by semicolons outside of quotes.
fn parameters(header: &str) -> Vec<(String, String)> {
    let (mut found, mut key, mut value) = (Vec::new(), String::new(), None::<String>);
    let (mut quoted, mut escaped) = (false, false);
    for c in header.chars().chain([';']) {
        match (c, &mut value) {
            (_, Some(value)) if escaped => {
                value.push(c);
                escaped = false;
            }
            ('\\', Some(_)) if quoted => escaped = true,
            ('"', Some(_)) => quoted = !quoted,
            (';', _) if !quoted => {
                let value = value.take().unwrap_or_default();
                found.push((std::mem::take(&mut key).trim().to_owned(), value.trim().to_owned()));
            }
            ('=', None) => value = Some(String::new()),
            (c, Some(value)) => value.push(c),
            (c, None) => key.push(c),
        }
    }
    found
}

/// Undoes percent-encoding and cleans.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    clean(&String::from_utf8_lossy(&bytes))
}

/// Only the last part of a path, without control characters, of a bounded length.
fn clean(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control()).collect();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_the_header_and_made_harmless() {
        let check = |header: &str, want: Option<&str>| assert_eq!(stated(header).as_deref(), want, "{header}");
        check("attachment; filename=list.csv", Some("list.csv"));
        check("attachment; filename=\"a; b.csv\"; size=3", Some("a; b.csv"));
        check("attachment; filename=\"a\\\"b.csv\"", Some("a\"b.csv"));
        check("attachment; filename=\"x\"; filename*=UTF-8''n%C3%A4mn.csv", Some("nämn.csv"));
        check("attachment; filename=\"../../etc/passwd\"", Some("passwd"));
        check("attachment; filename*=UTF-8''..%2F..%2Fpasswd", Some("passwd"));
        check("attachment", None);
        check("inline; filename=", None);
        check("attachment; filename=\"open", None);
        assert_eq!(plain("100%.csv"), "100%.csv");
        assert_eq!(plain("a%00b%zz"), "ab%zz");
    }
}
