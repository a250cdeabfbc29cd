//! How often an address tried to log in lately. In memory only: after a restart everybody begins anew.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use concert_model::Time;

/// How long a window is.
const WINDOW_SECONDS: i64 = 300;
/// Most addresses that are remembered.
const ADDRESSES_MAX: usize = 4096;

/// Attempts of each address in its window.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Most attempts of one address within a window.
    attempts_max: u32,
    windows: BTreeMap<IpAddr, Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    ends: Time,
    attempts: u32,
}

/// Whoever has one IPv6 address has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

impl Addresses {
    /// So many attempts of each address within five minutes.
    pub(super) fn new(attempts_max: u32) -> Self {
        Self { attempts_max, windows: BTreeMap::new() }
    }

    /// Counts an attempt; else tells from when on the next one is taken.
    pub(super) fn count(&mut self, address: IpAddr, now: Time) -> Result<(), Time> {
        let address = network(address);
        if self.windows.len() >= ADDRESSES_MAX && !self.windows.contains_key(&address) {
            self.make_room(now);
        }
        let fresh = Window { ends: now.plus_seconds(WINDOW_SECONDS), attempts: 0 };
        let window = self.windows.entry(address).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        if window.attempts >= self.attempts_max {
            return Err(window.ends);
        }
        window.attempts += 1;
        Ok(())
    }

    /// An attempt that was good does not count.
    pub(super) fn take_back(&mut self, address: IpAddr) {
        if let Some(window) = self.windows.get_mut(&network(address)) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    fn make_room(&mut self, now: Time) {
        self.windows.retain(|_, window| window.ends > now);
        if self.windows.len() < ADDRESSES_MAX {
            return;
        }
        // An address that tried once says less than one that tried often. Several go at once, so that a
        // flood does not look through all of them each time.
        let mut all: Vec<(u32, Time, IpAddr)> =
            self.windows.iter().map(|(address, window)| (window.attempts, window.ends, *address)).collect();
        all.sort_unstable();
        for (_, _, address) in all.iter().take(ADDRESSES_MAX / 8) {
            self.windows.remove(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS_MAX: u32 = 30;

    #[test]
    fn an_address_is_held_back_and_others_are_not() {
        let (mut addresses, at) = (Addresses::new(ATTEMPTS_MAX), |seconds| Time(0).plus_seconds(seconds));
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        for _ in 0..ATTEMPTS_MAX {
            assert_eq!(addresses.count(ip("2001:db8::1"), at(0)), Ok(()));
        }
        assert_eq!(addresses.count(ip("2001:db8::ffff"), at(299)), Err(at(300)));
        assert_eq!(addresses.count(ip("2001:db8:0:1::1"), at(299)), Ok(()));
        assert_eq!(addresses.count(ip("2001:db8::1"), at(300)), Ok(()));
        addresses.count(ip("192.0.2.1"), at(0)).unwrap();
        addresses.count(ip("::ffff:192.0.2.1"), at(0)).unwrap();
        assert_eq!(addresses.windows[&ip("192.0.2.1")].attempts, 2);
        addresses.take_back(ip("192.0.2.1"));
        assert_eq!(addresses.windows[&ip("192.0.2.1")].attempts, 1);
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_than_its_room() {
        let mut addresses = Addresses::new(ATTEMPTS_MAX);
        let busy: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..ATTEMPTS_MAX {
            addresses.count(busy, Time(0)).unwrap();
        }
        for number in 0..10_000u32 {
            let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            addresses.count(address, Time(1)).unwrap();
        }
        assert!(addresses.windows.len() <= ADDRESSES_MAX);
        assert!(addresses.count(busy, Time(1)).is_err());
    }
}
