//! Mail providers under whose domains anybody gets an address: whoever writes from one of them stands for nobody else
//! there.

use concert_model::address::is_below;

/// Domains of such providers, one a line.
const LIST: &str = include_str!("providers.txt");

/// Whether anybody gets an address in a domain, as far as is known.
pub(super) fn is_shared(domain: &str) -> bool {
    let mut known = LIST.lines().filter(|line| !line.starts_with('#'));
    known.any(|known| is_below(domain, &[known]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_each_domain_once_and_in_order() {
        let names: Vec<&str> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(names.len() > 100 && names.is_sorted_by(|a, b| a < b));
        for name in names {
            assert!(concert_model::host::domain(name).is_ok_and(|one| one == name) && name.contains('.'), "{name}");
        }
        assert!(is_shared("gmail.com") && is_shared("mail.gmail.com"));
        assert!(!is_shared("notgmail.com") && !is_shared("com") && !is_shared("net.example"));
    }
}
