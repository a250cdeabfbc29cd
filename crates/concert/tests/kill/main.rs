//! The whole program killed at many moments: no event is lost or doubled, in the store or in a notice.
//!
//! Files, mails and pushes come without a pause while `concert serve` is killed (SIGKILL) again and
//! again: while it starts, at random, and just after something happened outside of it (a mail was taken
//! by the receiver, a push was answered, ...), when its own books are not written yet. Afterwards every
//! event must be stored once and be in one notice of each kind, and each notice must have one Message-ID.
//! A copy that a receiver got twice is right only when a kill lies between both, and when it is the same
//! to the byte. A rule brings every event into an incident: each must be linked there once.
//!
//! Everything random follows from one number, which is printed; give it in `CONCERT_KILL_SEED` to try the
//! same again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]
#![expect(clippy::print_stderr, reason = "what it takes to try the same again is for people")]

mod arrive;
#[path = "../support/init.rs"]
mod init;
mod program;
mod random;
mod told;
mod world;

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::arrive::Arriving;
use self::program::{Program, concert};
use self::random::Random;
use self::world::World;

/// How often the program is killed.
const KILLS: u64 = 36;
/// How long a moment to kill at is waited for. Nothing may be happening; then it is killed then.
const MOMENT_MAX: Duration = Duration::from_millis(2_500);
/// How long the last life has to finish what is left.
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// Wait between looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// When the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// So many milliseconds after its start.
    After(u64),
    /// So many milliseconds after it works.
    AtWork(u64),
    /// So many microseconds after this was seen to happen.
    Seen(What, u64),
}

/// What can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A file was taken from the folder.
    FileTaken,
    /// A push was answered: the report is durable, and not processed.
    PushAnswered,
    /// A mail was marked as seen.
    MailMarked,
    /// A notice became a file.
    FileWritten,
    /// The mail server took a notice, and is about to say so.
    MailTaken,
    /// A notice was posted, and the answer goes out.
    Posted,
    /// A line was said in the channel.
    Said,
}

const WHATS: [What; 7] = [
    What::FileTaken,
    What::PushAnswered,
    What::MailMarked,
    What::FileWritten,
    What::MailTaken,
    What::Posted,
    What::Said,
];

/// Each kind of moment has its turn; how long after it is left to chance.
fn moment(kill: u64, random: &mut Random) -> Moment {
    match kill % 4 {
        0 => Moment::After(random.below(120)),
        1 => Moment::AtWork(random.below(1_500)),
        _ => {
            let what = WHATS[usize::try_from(kill / 4 * 2 + kill % 4 - 2).unwrap() % WHATS.len()];
            Moment::Seen(what, random.below(20_000))
        }
    }
}

/// Waits for the moment, and says whether it came.
fn wait(moment: Moment, world: &World, arriving: &Arriving, program: &Program) -> bool {
    let begun = Instant::now();
    let until = |done: &dyn Fn() -> bool| {
        while !done() {
            if begun.elapsed() > MOMENT_MAX {
                return false;
            }
            sleep(LOOK_EVERY);
        }
        true
    };
    match moment {
        Moment::After(milliseconds) => {
            sleep(Duration::from_millis(milliseconds));
            true
        }
        Moment::AtWork(milliseconds) => {
            let works = until(&|| program.address().is_some());
            sleep(Duration::from_millis(milliseconds));
            works
        }
        Moment::Seen(what, microseconds) => {
            let before = world.seen(what, arriving);
            let happened = until(&|| world.seen(what, arriving) > before);
            sleep(Duration::from_micros(microseconds));
            happened
        }
    }
}

#[test]
fn a_kill_at_any_moment_neither_loses_nor_doubles_an_event() {
    let seed = random::seed();
    eprintln!("CONCERT_KILL_SEED={seed}");
    let mut random = Random::new(seed);
    let world = Arc::new(World::start());
    let arriving = Arriving::start(Arc::clone(&world), seed);
    let (mut missed, mut kills) = (0, Vec::new());
    for kill in 0..KILLS {
        let moment = moment(kill, &mut random);
        let program = Program::start(&world.site);
        arriving.serve(&program);
        let came = wait(moment, &world, &arriving, &program);
        program.kill();
        missed += u64::from(!came);
        kills.push((moment, came));
        // What receivers got until here was got in this life; only the next ones can repeat it.
        world.mark_life();
    }
    let program = Program::start(&world.site);
    arriving.serve(&program);
    let expected = arriving.finish();
    let drained = Instant::now();
    let mut wrong = told::wrong(&world, &expected);
    while !wrong.is_empty() && drained.elapsed() < DRAIN_MAX {
        sleep(Duration::from_millis(250));
        wrong = told::wrong(&world, &expected);
    }
    program.stop();
    eprintln!("killed {KILLS} times, {missed} of them without the moment: {kills:?}");
    eprintln!("{} events came; {}", expected.all.len(), told::summary(&world));
    assert_eq!(told::wrong(&world, &expected), Vec::<String>::new(), "CONCERT_KILL_SEED={seed}");
    assert_eq!(told::wrong_in_records(&world), Vec::<String>::new(), "CONCERT_KILL_SEED={seed}");
    assert_eq!(told::wrong_in_incidents(&world, &expected), Vec::<String>::new(), "CONCERT_KILL_SEED={seed}");
    assert!(concert(&world.site, &["verify"]).status().unwrap().success());
    assert!(missed <= KILLS / 3, "most kills must hit what they aim at: {kills:?}");
}
