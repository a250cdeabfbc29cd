//! Batches as their users see them.

use super::*;

fn one(batch: &mut Batch, address: &str) {
    let mut event = batch.open();
    event.read(Field::SOURCE_IP, address, None).unwrap();
    event.keep(EventId::default(), ProblemKey::default(), 1);
}

#[test]
fn values_come_back_as_they_were_set() {
    let mut batch = Batch::new();
    let mut event = batch.open();
    let extra = event.extra("tag").unwrap();
    for (field, text) in [
        (Field::SOURCE_IP, "2001:db8::1"),
        (Field::DESTINATION_IP, "192.0.2.9"),
        (Field::SOURCE_NETWORK, "192.0.2.0/24"),
        (Field::DESTINATION_NETWORK, "2001:db8::/32"),
        (Field::TIME_SOURCE, "1960-01-01T00:00:00Z"),
        (Field::SOURCE_GEOLOCATION_LATITUDE, "60.1"),
        (extra, "telnet"),
    ] {
        event.read(field, text, None).unwrap();
        assert_eq!(event.get(field), Some(Value::read(field.kind(), text, None).unwrap()), "{text}");
    }
    assert_eq!(event.batch().name(extra), "extra.tag");
}

#[test]
fn an_event_that_is_not_kept_leaves_no_trace() {
    let mut batch = Batch::new();
    one(&mut batch, "192.0.2.1");
    let before = batch.bytes();
    let mut event = batch.open();
    event.read(Field::SOURCE_FQDN, "example.com", None).unwrap();
    drop(event);
    assert_eq!((batch.bytes(), batch.len()), (before, 1));
}

#[test]
fn set_replaces_unset_removes_and_amend_adds() {
    let mut batch = Batch::new();
    one(&mut batch, "192.0.2.1");
    let mut event = batch.open();
    event.set(Field::SOURCE_PORT, &Value::Int(1));
    event.set(Field::SOURCE_PORT, &Value::Int(2));
    event.set(Field::COMMENT, &Value::text("x"));
    event.unset(Field::COMMENT);
    event.keep(EventId::default(), ProblemKey::default(), 2);
    batch.amend(0, Field::COMMENT, &Value::text("late"));
    let events: Vec<_> = batch.iter().collect();
    assert_eq!(events[1].fields().collect::<Vec<_>>(), [(Field::SOURCE_PORT, Value::Int(2))]);
    assert_eq!(events[0].text(Field::COMMENT).as_deref(), Some("late"));
}

#[test]
fn the_newest_events_can_be_finished_later() {
    let mut batch = Batch::new();
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] {
        one(&mut batch, address);
    }
    batch.finish_from(1, |event| {
        let address = event.get(Field::SOURCE_IP).unwrap().as_ip().unwrap().to_string();
        event.set(Field::COMMENT, &Value::text(&address));
        (address != "192.0.2.3").then(|| ProblemKey::of(address.as_bytes()))
    });
    let comments: Vec<_> = batch.iter().map(|event| event.text(Field::COMMENT).map(Cow::into_owned)).collect();
    assert_eq!(comments, [None, Some("192.0.2.2".into()), Some("192.0.2.4".into())]);
    assert_eq!(batch.rows()[2].key, ProblemKey::of(b"192.0.2.4"));
    batch.finish_from(3, |_| unreachable!("there is no fourth event"));
}

#[test]
fn constants_fill_only_what_is_missing() {
    let mut batch = Batch::new();
    batch.constant(Field::TLP, &Value::text("amber"));
    let mut own = batch.open();
    own.set(Field::TLP, &Value::text("red"));
    own.fill();
    own.keep(EventId::default(), ProblemKey::default(), 1);
    let mut none = batch.open();
    none.fill();
    none.keep(EventId::default(), ProblemKey::default(), 2);
    let labels: Vec<_> = batch.iter().map(|event| event.text(Field::TLP).unwrap().into_owned()).collect();
    assert_eq!(labels, ["red", "amber"]);
}

#[test]
fn a_constant_of_before_still_holds_for_the_events_of_before() {
    let mut batch = Batch::new();
    let name = batch.extra("tag").unwrap();
    for label in ["amber", "green"] {
        batch.forget_constants();
        batch.constant(Field::TLP, &Value::text(label));
        batch.constant(Field::TLP, &Value::text("the first holds"));
        batch.constant(name, &Value::text("x"));
        let mut event = batch.open();
        event.set(Field::COMMENT, &Value::text(label));
        event.fill();
        assert_eq!(event.get(Field::TLP), Some(Value::text(label)));
        event.keep(EventId::default(), ProblemKey::default(), 1);
    }
    let told = |batch: &Batch, at: usize| -> Vec<String> {
        let event = batch.get(at).unwrap();
        assert!(event.has_extra());
        event.fields().map(|(field, _)| format!("{}={}", event.name(field), event.text(field).unwrap())).collect()
    };
    assert_eq!(told(&batch, 0), ["comment=amber", "extra.tag=x", "tlp=amber"]);
    assert_eq!(told(&batch, 1), ["comment=green", "extra.tag=x", "tlp=green"]);
    batch.finish_from(0, |event| {
        if event.get(Field::COMMENT) == Some(Value::text("green")) {
            event.unset(Field::TLP);
            assert!(!event.has(Field::TLP) && event.view().get(Field::TLP).is_none());
        } else {
            event.set(Field::TLP, &Value::text("red"));
        }
        Some(ProblemKey::default())
    });
    batch.amend(1, Field::TLP, &Value::text("clear"));
    assert_eq!(told(&batch, 0), ["comment=amber", "extra.tag=x", "tlp=red"]);
    assert_eq!(told(&batch, 1), ["comment=green", "extra.tag=x", "tlp=clear"]);
}

#[test]
fn a_kept_text_is_given_again_only_while_it_stands() {
    let mut batch = Batch::new();
    let mut first = batch.open();
    let kept = first.add_text(Field::COMMENT, "tcp").unwrap();
    first.keep(EventId::default(), ProblemKey::default(), 1);
    let before = batch.bytes();
    let mut second = batch.open();
    assert!(!second.add_kept(&kept, "udp"));
    assert!(second.add_kept(&kept, "tcp"));
    assert_eq!(second.get(Field::COMMENT), Some(Value::text("tcp")));
    second.keep(EventId::default(), ProblemKey::default(), 2);
    assert_eq!(batch.bytes() - before, size_of::<Cell>() + size_of::<Row>());
    drop(batch.open());
    assert!(!batch.open().add_kept(&kept, "tcp"));
    batch.clear();
    assert!(!batch.open().add_kept(&kept, "tcp"));
}

#[test]
fn the_table_fits_the_presence_bits() {
    assert!(crate::field::TABLE.len() <= 128);
}

#[test]
fn cells_stay_small() {
    assert_eq!(size_of::<Cell>(), 16);
}
