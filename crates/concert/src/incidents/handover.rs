//! What a person answers for in an incident goes to another in one step: roles, and tasks that are open.
//!
//! Steps of processes and clocks follow the roles by themselves. Nothing is left half done: it all goes, or nothing.

use concert_model::Problem;
use concert_model::access::{Action, Circle, Object, Person, may};
use concert_model::incident::content::{Content, Role, RoleMoved, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::Marking;
use serde_json::{Value, json};

use super::case::Case;
use super::together::{Source, seen_with, shown};
use super::write::{Right, wrong};
use super::{Ask, Incidents, Refused, Written};

/// What is to go from whom to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Who answers for it now.
    pub from: String,
    /// Who does from then on.
    pub to: String,
    /// This role alone; else all of them.
    pub role: Option<Role>,
    /// Whether tasks go too that the person was given and that are not done.
    pub open_tasks: bool,
}

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moving {
    /// Roles, each with the party that the person speaks for; none for the site.
    pub roles: Vec<(Role, String)>,
    /// Tasks, each as it is marked.
    pub tasks: Vec<(Task, Marking)>,
}

/// Roles that give and take roles are given away last, or the rest could not be.
const LAST: [Role; 2] = [Role::SiteLead, Role::Coordinator];

impl Moving {
    /// What a person holds in an incident, as far as who asks sees it.
    fn of((case, circle): (&Case, &Circle), sources: &[Source], asker: &Person, wanted: &HandOver) -> Self {
        let state = seen_with((case, circle), asker, sources);
        let said =
            || case.seen_by(circle, asker).filter_map(|kept| kept.body.as_ref().map(|(_, content)| (kept, content)));
        let speaks = |role: Role, party: &str| {
            said().any(|(_, content)| {
                matches!(content, Content::RoleMoved(moved)
                    if moved.holds && moved.role == role && moved.person == wanted.from && moved.party == party)
            })
        };
        let mut roles = Vec::new();
        for role in state.roles_of(&wanted.from).filter(|role| wanted.role.is_none_or(|only| only == *role)) {
            let parties = state.speakers.iter().filter(|(_, speakers)| speakers.contains(&wanted.from));
            let parties: Vec<String> =
                parties.map(|(party, _)| party.clone()).filter(|party| speaks(role, party)).collect();
            match parties.is_empty() {
                true => roles.push((role, String::new())),
                false => roles.extend(parties.into_iter().map(|party| (role, party))),
            }
        }
        roles.sort_by_key(|(role, _)| LAST.iter().position(|last| last == role).map_or(0, |place| place + 1));
        let mut tasks = Vec::new();
        let open = state.tasks.values().filter(|task| wanted.open_tasks && !task.done && task.person == wanted.from);
        for task in open {
            let is_it = |content: &Content| matches!(content, Content::Task(other) if other == task);
            // The same may be written again for others, marked in another way. What shows here of another incident is as
            // the person sees it there; what of that does not show here says nothing of it.
            let seen = shown((case, circle), sources, Some(asker)).filter_map(|(_, kept)| kept.body.as_ref());
            let marking = seen.filter(|(_, content)| is_it(content)).last().map(|(body, _)| &body.marking);
            tasks.extend(marking.map(|marking| (task.clone(), marking.clone())));
        }
        Self { roles, tasks }
    }

    fn drafts(&self, wanted: &HandOver) -> Vec<Draft> {
        let moved = |(role, party): &(Role, String), person: &str, holds| Draft {
            content: RoleMoved { role: *role, person: person.to_owned(), party: party.clone(), holds }.into(),
            marking: None,
            minutes: 0,
        };
        let given = self.roles.iter().map(|role| moved(role, &wanted.to, true));
        let tasks = self.tasks.iter().map(|(task, marking)| Draft {
            content: Task { person: wanted.to.clone(), ..task.clone() }.into(),
            marking: Some(marking.clone()),
            minutes: 0,
        });
        let taken = self.roles.iter().map(|role| moved(role, &wanted.from, false));
        given.chain(tasks).chain(taken).collect()
    }

    /// As commands and the API give it.
    pub fn rows(&self) -> Vec<Value> {
        let roles = self.roles.iter().map(|(role, party)| json!({"kind": "role", "name": role.word(), "what": party}));
        let tasks = self.tasks.iter().map(|(task, _)| json!({"kind": "task", "name": task.name, "what": task.title}));
        roles.chain(tasks).collect()
    }
}

/// Whether whoever takes it over would see it all.
fn check_receiver(circle: &Circle, moving: &Moving, receiver: &Person, author: &str) -> Result<(), Refused> {
    let mut then = circle.clone();
    for (role, party) in &moving.roles {
        then.holders.entry(*role).or_default().insert(receiver.name.clone());
        if !party.is_empty() {
            then.speakers.entry(party.clone()).or_default().insert(receiver.name.clone());
        }
    }
    let unseen = |what: &str, reason: &str| {
        let problem = Problem::new(format!("{} would not see {what}: {reason}", receiver.name));
        Err(Refused::Wrong(problem.hint("mark it otherwise first, or choose somebody else")))
    };
    let seen = may(receiver, Action::See, Object::Incident(&then));
    if !seen.allowed {
        return unseen("the incident", &seen.reason);
    }
    for (task, marking) in &moving.tasks {
        let seen = may(receiver, Action::See, Object::Item { circle: &then, marking, author });
        if !seen.allowed {
            return unseen(&format!("the task `{}`", task.name), &seen.reason);
        }
    }
    Ok(())
}

impl HandOver {
    /// What goes, and to whom it may.
    fn moving(
        &self,
        (case, circle): (&Case, &Circle),
        sources: &[Source],
        asker: &Person,
        receiver: Option<&Person>,
    ) -> Result<Moving, Refused> {
        if self.from == self.to {
            return Err(wrong(format!("`{}` is whom it goes from and to", self.to)));
        }
        let moving = Moving::of((case, circle), sources, asker, self);
        if moving == Moving::default() {
            return Err(wrong(match self.role {
                Some(role) => format!("{} is not {} here", self.from, role.word()),
                None => format!("{} answers for nothing here", self.from),
            }));
        }
        // Who may not give roles is told so, and nothing of who there is.
        let decision = may(asker, Action::Staff, Object::Incident(circle));
        if moving.roles.is_empty() || decision.allowed {
            let none = || {
                let problem = Problem::new(format!("there is no user `{}` who could take it over", self.to));
                Refused::Absent(problem.hint("a user who is disabled takes over nothing"))
            };
            check_receiver(circle, &moving, receiver.ok_or_else(none)?, &asker.name)?;
        }
        Ok(moving)
    }
}

impl Incidents {
    /// What would go; refused where handing it over would be.
    pub async fn hand_over_preview(&self, ask: Ask<'_>, name: &str, wanted: &HandOver) -> Result<Moving, Refused> {
        let (case, circle) = self.find(ask.person, name).await?;
        let receiver = self.receiver(&wanted.to).await?;
        let sources = self.sources(ask.person, &case).await?;
        let moving = wanted.moving((&case, &circle), &sources, ask.person, receiver.as_ref())?;
        if let Some(draft) = moving.drafts(wanted).first() {
            self.admit(ask.person, &case, draft)?;
        }
        Ok(moving)
    }

    /// Hands over what one answers for, all of it or nothing.
    pub async fn hand_over(&self, ask: Ask<'_>, name: &str, wanted: &HandOver) -> Result<Written, Refused> {
        let receiver = self.receiver(&wanted.to).await?;
        let sources = match self.find(ask.person, name).await {
            Ok((case, _)) => self.sources(ask.person, &case).await?,
            // Whether it may be seen at all is said where it is written.
            Err(Refused::Missing) => Vec::new(),
            Err(refused) => return Err(refused),
        };
        self.write_made(ask, name, Right::OfContent, |case, circle| {
            Ok(wanted.moving((case, circle), &sources, ask.person, receiver.as_ref())?.drafts(wanted))
        })
        .await
    }

    async fn receiver(&self, name: &str) -> Result<Option<Person>, Problem> {
        Ok(self.persons().await?.into_iter().find(|person| person.name == name))
    }
}
