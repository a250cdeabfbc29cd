//! Observables in one word that is no URL: `src=192.0.2.1:80`, `sha256:...`, `<abuse@net.example>,`.

use std::net::IpAddr;

use concert_model::{address, host, script, value};

use super::{Found, Kind, address_of};

/// Longest address that is written, IPv6 with IPv4 at its end.
const ADDRESS_BYTES_MAX: usize = 45;
/// Longest mail address, RFC 5321 section 4.5.3.1.
const MAIL_BYTES_MAX: usize = 254;

/// What files end with. Of what is a top-level domain as well only those are here that stand in names of
/// files far more often.
const FILES: &str = " 7z apk asc asp aspx avi bak bat bin bmp bz2 c cab cer cfg class cmd conf config cpl cpp crt csr \
    css csv dat db deb dll dmg dmp doc docm docx drv dylib elf eml evtx exe gif go gpg gz h hpp hta htm html ico img \
    ini ipa iso jar java jpeg jpg js json jsp key ko lnk lock log lua mem mp3 mp4 msg msi ocx odp ods odt old ova p12 \
    pcap pcapng pdf pem pfx php png ppt pptx ps1 psm1 py pyc rar raw rb rpm rtf scr sh sig socket sql sqlite svg swp \
    sys tar tgz timer tmp toml ts txt vbs vhd vmdk wav war woff xls xlsm xlsx xml xz yaml yar yara yml zst ";
/// What files and domains end with. With one dot only it is a file, unless it was defanged.
const FILES_OR_DOMAINS: &str = " md mov ps pub so zip ";

/// Adds what a word names.
pub(super) fn observe(word: &str, found: &mut Found) {
    let plain = host::refang(word);
    let is_defanged = plain != word;
    let belongs = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+' | ':');
    let mut rest = plain.as_ref();
    // `somebody@[192.0.2.7]` is a mail address, and no word of the machine.
    let mut is_mailbox = false;
    while let Some(begin) = rest.find(belongs) {
        let (before, piece) = rest.split_at_checked(begin).unwrap_or_default();
        let end = piece.find(|c| !belongs(c)).unwrap_or(piece.len());
        let (piece, after) = piece.split_at_checked(end).unwrap_or_default();
        let is_path = before.ends_with(['/', '\\']) && !before.ends_with("//");
        let prefix = after.strip_prefix('/').and_then(prefix);
        if !(is_mailbox && before == "[") {
            let mut around = Around { may_be_domain: !is_path || is_defanged, is_defanged, prefix: None };
            // Words that are written without blanks touch what they name: `サーバー192.0.2.7を隔離`.
            let mut left = piece.len();
            for part in script::cut(piece, script::changes) {
                left -= part.len();
                around.prefix = prefix.filter(|_| left == 0);
                look_at(part, around, found);
            }
        }
        is_mailbox = piece.ends_with('@');
        rest = after;
    }
}

/// The length of a network's prefix that a text begins with.
fn prefix(text: &str) -> Option<u8> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    let goes_on = text.get(digits.len()..)?.starts_with(['.', ':']);
    if goes_on { None } else { digits.parse().ok() }
}

#[derive(Clone, Copy)]
struct Around {
    may_be_domain: bool,
    is_defanged: bool,
    /// What makes an address a network.
    prefix: Option<u8>,
}

impl Around {
    fn address(self, address: IpAddr, found: &mut Found) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if self.prefix.is_none_or(|prefix| prefix >= bits) {
            address_of(address, found);
        }
    }
}

fn look_at(piece: &str, around: Around, found: &mut Found) {
    let ended = piece.trim_end_matches(['.', '-', '_', '+']);
    let ended = if ended.ends_with("::") { ended } else { ended.trim_end_matches(':') };
    // `src:2001:db8::1` has a word before its address.
    let behind = ended.split_once(':').map_or("", |(_, behind)| behind);
    for text in [ended, behind] {
        if text.len() <= ADDRESS_BYTES_MAX
            && text.contains(':')
            && let Ok(address) = value::ip(text)
        {
            return around.address(address, found);
        }
    }
    for part in piece.split(':') {
        part_of(part, around, found);
    }
}

fn part_of(part: &str, around: Around, found: &mut Found) {
    if part.contains('@') {
        return mail(part).into_iter().for_each(|mail| found.add(Kind::Mail, mail));
    }
    let part = part.trim_matches(['.', '-', '_', '+']);
    if let Some(hash) = hash(part.split('.').next().unwrap_or_default()) {
        return found.add(Kind::Hash, hash);
    }
    if let Some(cve) = cve(part) {
        return found.add(Kind::Cve, cve);
    }
    if let Some(addresses) = range(part) {
        return addresses.into_iter().for_each(|address| around.address(address, found));
    }
    if around.may_be_domain
        && let Some(domain) = domain(part, around.is_defanged)
    {
        found.add(Kind::Domain, domain);
    }
}

/// One IPv4 address, or the first and last of several.
fn range(part: &str) -> Option<Vec<IpAddr>> {
    if !part.starts_with(|c: char| c.is_ascii_digit()) || part.len() > 2 * ADDRESS_BYTES_MAX {
        return None;
    }
    part.split('-').map(|text| value::dotted_quad(text.as_bytes()).map(IpAddr::V4)).collect()
}

pub(super) fn mail(part: &str) -> Option<String> {
    let part = part.trim_matches(['.', '-', ':']);
    let (local, name) = part.split_once('@')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let is_one =
        !local.is_empty() && local.chars().all(fits) && part.len() <= MAIL_BYTES_MAX && domain(name, true).is_some();
    is_one.then(|| address::canonical(part))
}

/// A hash in lower case. A number of so many digits is none.
fn hash(text: &str) -> Option<String> {
    (is_hash(text) && text.bytes().any(|b| b.is_ascii_alphabetic())).then(|| text.to_ascii_lowercase())
}

/// Whether a text has the digits of a hash.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64 | 128) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(super) fn cve(text: &str) -> Option<String> {
    let (head, rest) = text.split_at_checked(4)?;
    let (year, number) = rest.split_once('-')?;
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let fits = head.eq_ignore_ascii_case("cve-") && digits(year, 4, 4) && digits(number, 4, 19);
    fits.then(|| text.to_ascii_uppercase())
}

pub(super) fn domain(part: &str, is_certain: bool) -> Option<String> {
    let (head, written_last) = part.rsplit_once('.')?;
    let name = host::domain(part).ok()?;
    let (_, last) = name.rsplit_once('.')?;
    let is_top = last.len() >= 2 && (last.bytes().all(|b| b.is_ascii_lowercase()) || last.starts_with("xn--"));
    if !is_top {
        return None;
    }
    let among = |list: &str| list.split(' ').any(|known| known == last);
    let is_file = among(FILES) || among(FILES_OR_DOMAINS) && !head.contains('.');
    let mut letters = written_last.chars();
    let begins_sentence = letters.next().is_some_and(char::is_uppercase) && letters.any(char::is_lowercase);
    (is_certain || !is_file && !begins_sentence).then(|| name.into_owned())
}
