//! The files that settings name, and those that belong to the site, opened as the running program opens them.
//!
//! Schemas, templates and secrets are read together with the settings, so their mistakes are among those of the
//! settings already.

use std::path::Path;
use std::time::SystemTime;

use concert_model::Problem;
use concert_model::keys::Setting;
use concert_model::problem::counted;
use concert_pipeline::enrich::{Reading, What};
use concert_transport::openpgp::Keyring;

use super::Finding;
use crate::settings::{Collect, Settings, Whom};
use crate::{ask, ranges, registry, wire};

/// Everything found in the files of a site.
pub(super) fn check(settings: &Settings, keys: &[Setting]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lookup = &settings.lookup;
    let places = lookup.range_places.split_at_checked(lookup.asn.len()).unwrap_or_default();
    for (files, places, what) in [(&lookup.asn, places.0, What::Asn), (&lookup.country, places.1, What::Country)] {
        for (path, place) in files.iter().zip(places) {
            check_ranges(settings, path, place, what, &mut findings);
        }
    }
    if lookup.responsible.contains(&Whom::Registries) {
        check_registry(settings, &mut findings);
    }
    if lookup.rdap {
        let mistakes = ask::bootstrap_mistakes(lookup.rdap_bootstrap.as_deref(), &settings.data_dir());
        findings.extend(mistakes.into_iter().map(|problem| Finding::of("mistake", problem)));
    }
    let folders = [
        // Where RDAP is asked, its files are told to be missing.
        ("lookup.rdap_bootstrap", lookup.rdap_bootstrap.as_ref().filter(|_| !lookup.rdap)),
        ("openpgp.keys", Some(&settings.openpgp.keys)),
    ];
    for (key, folder) in folders.into_iter().filter_map(|(key, folder)| Some((key, folder?))) {
        let written = keys.iter().find(|one| one.key == key && one.origin != "default");
        if let Some(written) = written.filter(|_| !folder.is_dir()) {
            let problem = Problem::new(format!("there is no folder {}", settings.shown(folder))).at(&written.origin);
            findings.push(Finding::of("mistake", problem.hint("make it, or name the one that is meant")));
        }
    }
    check_keys(settings, &mut findings);
    check_certificates(settings, &mut findings);
    findings
}

/// The certificates of every way in and out.
fn check_certificates(settings: &Settings, findings: &mut Vec<Finding>) {
    let ins = settings.feeds.iter().filter_map(|feed| match &feed.collect {
        Collect::By(_, collector, _) => collector.trust(),
        Collect::Nothing | Collect::Push(_) => None,
    });
    let outs = settings.vias.values().filter_map(|via| via.deliverer.trust());
    let mailbox = settings.mailbox.as_ref().and_then(|mailbox| mailbox.collector.trust());
    let all = ins.chain(outs).chain(mailbox);
    findings.extend(all.filter_map(|trust| trust.check().err()).map(|problem| Finding::of("mistake", problem)));
}

/// One file with ranges of addresses.
fn check_ranges(settings: &Settings, path: &Path, place: &str, what: What, findings: &mut Vec<Finding>) {
    let name = settings.shown(path);
    let (mut reading, mut problems) = (Reading::new(what), Vec::new());
    if let Err(mut problem) = ranges::add(&mut reading, path, &name, &mut problems) {
        // The mistake is the name in the settings, or the file.
        problem.what = format!("{name}: {}", problem.what);
        findings.push(Finding::of("mistake", problem.at(place)));
        return;
    }
    let is_good = problems.is_empty();
    findings.extend(problems.into_iter().map(|problem| Finding::of("mistake", problem)));
    if reading.is_empty() {
        if is_good {
            let problem = Problem::new(format!("{name} has no ranges of addresses with {}", what.plural())).at(place);
            findings
                .push(Finding::of("mistake", problem.hint("it is empty, or all of it is about nobody's addresses")));
        }
        return;
    }
    let count = reading.len();
    findings.push(Finding::ok(name, format!("{count} ranges of addresses with {}{}", what.plural(), changed(path))));
}

/// What was imported of registries.
fn check_registry(settings: &Settings, findings: &mut Vec<Finding>) {
    let data = settings.data_dir();
    match registry::open(&data, true) {
        Ok(None) => {}
        Ok(Some(registry)) => {
            let path = registry::path(&data);
            let (networks, asns) = registry.counts();
            let what = format!(
                "{} and {} of registries{}",
                counted(networks, "network"),
                counted(asns, "AS number"),
                changed(&path)
            );
            findings.push(Finding::ok(settings.shown(&path), what));
        }
        Err(problem) => findings.push(Finding::of("mistake", problem)),
    }
}

/// The key of the site, and the keys of contacts.
fn check_keys(settings: &Settings, findings: &mut Vec<Finding>) {
    // A site that never worked has none yet, and feeds alone need none.
    if settings.data_dir().exists()
        && let Err(problem) = wire::site_key(settings)
    {
        findings.push(Finding::of("warning", problem));
    }
    let (folder, ring) = (settings.shown(&settings.openpgp.keys), Keyring::read(&settings.openpgp.keys));
    for (file, why) in ring.damaged() {
        let place = Path::new(&folder).join(file).display().to_string();
        let problem = Problem::new(format!("a file in the folder of keys is not used: {why}")).at(place);
        findings.push(Finding::of("warning", problem));
    }
    if !ring.keys().is_empty() {
        let now = wire::now();
        let good = ring.keys().iter().filter(|key| key.state(now).is_usable()).count();
        let what = format!("{} of contacts, {good} of which can be encrypted to", counted(ring.keys().len(), "key"));
        findings.push(Finding::ok(folder, what));
    }
}

/// When a file was changed last and how long ago that is, as the end of a sentence.
fn changed(path: &Path) -> String {
    const DAY: u64 = 86_400;
    let Ok(changed) = std::fs::metadata(path).and_then(|meta| meta.modified()) else { return String::new() };
    let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let Some(time) = i64::try_from(since.as_secs()).ok().and_then(concert_model::Time::from_seconds) else {
        return String::new();
    };
    let seconds = u64::try_from(wire::now().seconds().saturating_sub(time.seconds())).unwrap_or(0);
    match seconds / DAY {
        0 => format!("; changed {time}, today"),
        1 => format!("; changed {time}, 1 day ago"),
        days => format!("; changed {time}, {days} days ago"),
    }
}
