//! Mail addresses in the one form that contacts, bounces and keys are compared by.

use crate::host;

/// An address in the form that contacts are known by: lower case, its domain as the DNS has it.
pub fn canonical(address: &str) -> String {
    let address = address.trim();
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let domain = host::domain(domain).map_or_else(|_| domain.to_lowercase(), |name| name.into_owned());
            format!("{}@{domain}", local.to_lowercase())
        }
        None => address.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        for (given, want) in [
            (" Abuse@Net.Example. ", "abuse@net.example"),
            ("abuse@b\u{fc}cher.example", "abuse@xn--bcher-kva.example"),
            ("NOBODY", "nobody"),
        ] {
            assert_eq!(canonical(given), want);
        }
    }
}
