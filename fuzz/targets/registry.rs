//! Files of registries: whatever they hold, what is made of them is sound and answers within its caps; and
//! a file that was changed is refused or answers, and never panics.
#![no_main]

use concert_pipeline::registry::{Answer, Builder, Registered, Registry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut builder = Builder::new();
    if builder.read("t.db", bytes).is_err() {
        return;
    }
    let mut file = Vec::new();
    let summary = builder.finish(&mut file).expect("memory takes all bytes");
    let registry = Registry::open(file).expect("what was just made");
    assert_eq!(registry.check(), Ok(()));
    let registered = Registered::read(&registry).expect("what was just made");
    let (networks, asns) = registry.counts();
    assert_eq!(networks + asns, summary.answered + summary.silent);
    for address in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::"] {
        let address = address.parse().expect("an address");
        registry.find(address).expect("a sound file answers");
        let usable = registry.find_until(address, address, &Answer::is_usable).expect("a sound file answers");
        let party = registered.find(address).and_then(|party| registered.name(party));
        let named = usable.answer().filter(|step| step.answer.is_usable()).map(|step| step.answer.party.as_str());
        assert!(party.is_none() || party == named, "{party:?} {named:?}");
    }
    // The input as the file itself.
    if let Ok(registry) = Registry::open(bytes.to_vec()) {
        registry.find_asn(64_500).ok();
        registry.find("192.0.2.1".parse().expect("an address")).ok();
    }
});
