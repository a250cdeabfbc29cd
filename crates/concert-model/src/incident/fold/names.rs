//! What findings and tasks are called by one reader.
//!
//! Things of one name may be several: whoever wrote the later one did not see the earlier. Their entries bear an *item*,
//! which was drawn when the first of them was written and says nothing of what else there is. What was written before
//! there were items bears none, and what has the same name is the same. A reader who sees several of one name gets the
//! first under that name, and of each other it is said whose it is.

use std::collections::BTreeMap;

/// Names of things of one sort, in the order in which a reader meets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What each is called, by its own name and its item.
    called: BTreeMap<(String, String), String>,
    /// The other way round.
    known: BTreeMap<String, (String, String)>,
}

impl Names {
    /// What a thing is called here. `author` began it, as far as the reader sees.
    pub fn call(&mut self, name: &str, item: &str, author: &str) -> String {
        let thing = (name.to_owned(), item.to_owned());
        if let Some(called) = self.called.get(&thing) {
            return called.clone();
        }
        let free = |called: &String| !self.known.contains_key(called);
        let others = (1u64..).map(|count| match count {
            1 => format!("{name} ({author})"),
            _ => format!("{name} ({author}, {count})"),
        });
        // Each of the others has a number of its own, so one of them is free.
        let called = std::iter::once(name.to_owned()).chain(others).find(free).unwrap_or_default();
        self.called.insert(thing.clone(), called.clone());
        self.known.insert(called.clone(), thing);
        called
    }

    /// What a thing is called that was met before.
    pub fn called(&self, name: &str, item: &str) -> Option<&str> {
        self.called.get(&(name.to_owned(), item.to_owned())).map(String::as_str)
    }

    /// The own name and the item of what is called so.
    pub fn thing(&self, called: &str) -> Option<(&str, &str)> {
        self.known.get(called).map(|(name, item)| (name.as_str(), item.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_has_it_and_of_the_others_it_is_said_whose_they_are() {
        let mut names = Names::default();
        let mut check = |name: &str, item: &str, author: &str, want: &str| {
            assert_eq!(names.call(name, item, author), want);
            assert_eq!(names.thing(want), Some((name, item)));
        };
        check("h1", "1", "anna", "h1");
        check("h1", "2", "ben", "h1 (ben)");
        check("h1", "1", "ben", "h1");
        check("h1", "2", "carla", "h1 (ben)");
        check("h1", "3", "ben", "h1 (ben, 2)");
        // What was written before there were items is the same by its name.
        check("h1", "", "carla", "h1 (carla)");
        check("h1", "", "anna", "h1 (carla)");
        check("h1 (ben)", "4", "otto", "h1 (ben) (otto)");
        assert_eq!((names.called("h1", "2"), names.called("h1", "9")), (Some("h1 (ben)"), None));
        assert_eq!(names.thing("h1 (otto)"), None);
    }
}
