//! Next hops of hosts that show in an incident because of another.

use concert_model::incident::content::HostHeld;

use super::super::tests::{NOW, Site, draft, new, site, user};
use super::super::{Chosen, Join, Split};
use super::*;

const HOST: &str = "198.51.100.33";

async fn with_host(site: &Site, anna: &Person) -> String {
    let held = draft(HostHeld { host: HOST.into(), party: "Net".into() }, None);
    let drafts = vec![draft(super::super::tests::told("Net"), None), held];
    site.incidents.open(Ask::new(anna, NOW), new("one", Marking::of(Tlp::Amber), drafts)).await.unwrap().number
}

async fn meet(site: &Site, event: &str) {
    let met = Met {
        host: HOST.into(),
        to: "203.0.113.5".into(),
        port: 22,
        text: event.into(),
        event: event.into(),
        time: NOW,
        tlp: None,
    };
    let mut change = site.incidents.store.records.change().await.unwrap();
    site.incidents.propose(&mut change, NOW, vec![met], &HashMap::new(), &mut Vec::new()).await.unwrap();
    site.incidents.store.records.commit(change).await.unwrap();
}

/// What was split off goes on in the new incident, and so do its next hops; also where the other one is closed.
#[tokio::test]
async fn a_host_that_was_split_off_is_met_where_it_shows() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let one = with_host(&site, &anna).await;
    let chosen = Chosen { hosts: vec![HOST.into()], parties: vec!["Net".into()], ..Chosen::default() };
    let split = Split { new: new("two", Marking::of(Tlp::Amber), Vec::new()), chosen, reason: "x".into() };
    let two = Box::pin(site.incidents.split(Ask::new(&anna, NOW), &one, split)).await.unwrap().number;
    meet(&site, "aa").await;
    let count = async |number: &str| site.incidents.show(&anna, number).await.unwrap().open_proposals().count();
    assert_eq!((count(&one).await, count(&two).await), (0, 1));
    let closed = Content::read("status/1", &serde_json::json!({"status": "closed", "reason": "x"}));
    site.incidents.write(Ask::new(&anna, NOW), &one, vec![draft(closed, None)]).await.unwrap();
    meet(&site, "bb").await;
    meet(&site, "bb").await;
    assert_eq!((count(&one).await, count(&two).await), (0, 2));
}

/// What shows because of a merge is answered by the number of either.
#[tokio::test]
async fn a_proposal_of_a_merged_incident_is_answered_where_it_shows() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let one = with_host(&site, &anna).await;
    let two = new("two", Marking::of(Tlp::Amber), Vec::new());
    let two = site.incidents.open(Ask::new(&anna, NOW), two).await.unwrap().number;
    meet(&site, "aa").await;
    site.incidents.join(Ask::new(&anna, NOW), Join::Merged, (&one, &two), true, "x").await.unwrap();
    let shown = site.incidents.show(&anna, &two).await.unwrap();
    let event = shown.open_proposals().next().unwrap().event.clone();
    let answer = async |event: &str| {
        let answer = ProposalAnswered { event: event.into(), accepted: true, reason: "same".into() };
        site.incidents.write(Ask::new(&anna, NOW), &two, vec![draft(answer, None)]).await
    };
    assert!(matches!(answer("cc").await, Err(Refused::Absent(_))));
    assert_eq!(answer(&event).await.unwrap().number, one);
    let shown = site.incidents.show(&anna, &two).await.unwrap();
    assert_eq!((shown.open_proposals().count(), shown.relations.len()), (0, 1));
}

/// Many closed incidents that belong with others do not cut off an older one that goes on.
#[tokio::test]
async fn closed_incidents_take_no_place_of_open_ones() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let open = with_host(&site, &anna).await;
    let later = Ask::new(&anna, NOW.plus_seconds(60));
    for _ in 0..INCIDENTS_OF_HOST {
        let held = draft(HostHeld { host: HOST.into(), party: "Net".into() }, None);
        let drafts = vec![draft(super::super::tests::told("Net"), None), held];
        let number = site.incidents.open(later, new("two", Marking::of(Tlp::Amber), drafts)).await.unwrap().number;
        let other = new("three", Marking::of(Tlp::Amber), Vec::new());
        let other = site.incidents.open(later, other).await.unwrap().number;
        site.incidents.join(later, Join::Merged, (&other, &number), true, "x").await.unwrap();
        let closed = Content::read("status/1", &serde_json::json!({"status": "closed", "reason": "x"}));
        site.incidents.write(later, &number, vec![draft(closed, None)]).await.unwrap();
    }
    meet(&site, "aa").await;
    assert_eq!(site.incidents.show(&anna, &open).await.unwrap().open_proposals().count(), 1);
}
