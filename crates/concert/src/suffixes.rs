//! Domains below which anybody gets a name, such as `co.uk` and `github.io`: nearly always a slip among the domains of
//! a constituent, and nobody whose word holds for all below.
//!
//! It is a short list of what is well known and no list of all public suffixes, so an import only warns. `gov` and `mil` are
//! left out: those zones have one holder, who may be a constituent.

/// What countries call their zones for everybody, each with a country behind it: `co.uk`, `com.au`.
const OF_COUNTRIES: [&str; 16] =
    ["ac", "asn", "co", "com", "edu", "firm", "gen", "id", "info", "ltd", "me", "ne", "net", "or", "org", "plc"];

/// Where providers give names to anybody.
const OF_PROVIDERS: [&str; 32] = [
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "cloudfront.net",
    "co.com",
    "ddns.net",
    "de.com",
    "duckdns.org",
    "dyndns.org",
    "eu.com",
    "eu.org",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "hopto.org",
    "myfritz.net",
    "netlify.app",
    "ngrok.io",
    "no-ip.org",
    "onrender.com",
    "pages.dev",
    "r2.dev",
    "uk.com",
    "us.com",
    "vercel.app",
    "web.app",
    "weebly.com",
    "wordpress.com",
    "workers.dev",
];

/// Whether anybody gets names below a domain.
pub(crate) fn is_shared(domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.");
    let of_country = |(word, country): (&str, &str)| country.len() == 2 && OF_COUNTRIES.contains(&word);
    OF_PROVIDERS.contains(&domain) || domain.split_once('.').is_some_and(of_country)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_gets_names_below_is_known() {
        for shared in ["co.uk", "*.com.au", "github.io", "or.jp", "eu.org"] {
            assert!(is_shared(shared), "{shared}");
        }
        for own in ["example.com", "example.co.uk", "gov.pl", "co.example", "uni.example", "me.github.io"] {
            assert!(!is_shared(own), "{own}");
        }
    }
}
