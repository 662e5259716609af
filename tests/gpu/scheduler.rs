//! Every question gets one answer, the oracle's or a fallback, whatever happens to the device.

use crate::worlds::{Random, make, oracle};
use gpu::GpuError;
use gpu::device::Query;
use gpu::layout::{Dtype, Layout};
use gpu::scheduler::{Fallback, Reply, Request, Scheduler, SetId, Settings, Ticket};
use gpu::source::{Source, Units};
use gpu_simulated::{Faults, Host, SimulatedDevice};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

const GO_ON: &dyn Fn() -> bool = &|| false;
const SECOND: Duration = Duration::from_secs(1);
const F32: Layout = Layout { dtype: Dtype::F32, units: false };

/// A scheduler with its clock, its faults, and what was asked and answered.
struct World {
    scheduler: Scheduler<SimulatedDevice>,
    faults: Rc<Faults>,
    now: Rc<Cell<Duration>>,
    published: HashMap<SetId, (u64, Rc<Units>)>,
    asked: HashMap<Ticket, (Request, Rc<Units>)>,
    next: Ticket,
}

impl World {
    fn new(memory: u64, batch: usize) -> Self {
        let faults = Rc::new(Faults::default());
        let of_device = Rc::clone(&faults);
        let open = Box::new(move || SimulatedDevice::new(Host::new(80, Rc::clone(&of_device))?));
        let scheduler = Scheduler::new(Settings { memory, retry: SECOND, batch }, open);
        let now = Rc::new(Cell::new(Duration::ZERO));
        Self { scheduler, faults, now, published: HashMap::new(), asked: HashMap::new(), next: 0 }
    }

    fn publish(&mut self, set: SetId, units: Units, layout: Layout) {
        let version = self.published.get(&set).map_or(1, |(version, _)| version + 1);
        let units = Rc::new(units);
        self.published.insert(set, (version, Rc::clone(&units)));
        self.scheduler.publish(set, version, units, layout);
    }

    fn ask(&mut self, set: SetId, k: u32) -> Ticket {
        let (version, units) = self.published[&set].clone();
        let unit = units.unit(self.next as u32 % units.rows() as u32).to_vec();
        self.request(Request { set, version, unit, k, allowed: None, deadline: None }, units)
    }

    fn request(&mut self, request: Request, units: Rc<Units>) -> Ticket {
        self.next += 1;
        self.asked.insert(self.next, (request.clone(), units));
        self.scheduler.ask(self.next, request);
        self.next
    }

    /// Answers what waits, and checks that each question gets one answer, which is right.
    fn step(&mut self) -> HashMap<Ticket, Reply> {
        let now = Rc::clone(&self.now);
        let replies = self.scheduler.step(&move || now.get(), GO_ON);
        let mut found = HashMap::new();
        for (ticket, reply) in replies {
            let (request, units) = self.asked.remove(&ticket).expect("asked, and not answered before");
            if let Ok(hits) = &reply {
                let query = Query { unit: &request.unit, k: request.k, allowed: request.allowed.as_deref() };
                assert_eq!(hits, &oracle(&units, &query));
            }
            found.insert(ticket, reply);
        }
        assert!(self.asked.is_empty() && self.scheduler.waiting() == 0, "all are answered");
        found
    }

    fn load(&mut self) -> Result<Option<SetId>, Fallback> {
        let now = Rc::clone(&self.now);
        self.scheduler.load(&move || now.get(), GO_ON)
    }

    /// The answer to one question to a set.
    fn answer(&mut self, set: SetId) -> Reply {
        let ticket = self.ask(set, 5);
        self.step().remove(&ticket).expect("answered")
    }
}

#[test]
fn what_waits_for_a_set_is_one_batch() {
    let mut world = World::new(1 << 30, 100);
    world.publish(1, make(200, 8, 0, 1), F32);
    world.publish(2, make(300, 5, 0, 2), Layout { dtype: Dtype::I8, units: false });
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    assert_eq!(world.answer(2), Err(Fallback::Warming));
    assert_eq!((world.load(), world.load(), world.load()), (Ok(Some(1)), Ok(Some(2)), Ok(None)));
    for _ in 0..20 {
        world.ask(1, 3);
        world.ask(2, 4);
    }
    assert!(world.step().values().all(Result::is_ok));
    let status = world.scheduler.status();
    assert_eq!((status.queries, status.answers, status.fallbacks), (42, 40, 2));
    assert_eq!((status.batches, status.largest_batch, status.sets, status.uploads), (2, 20, 2, 2));
    assert_eq!(status.bytes, status.bytes_uploaded);
}

#[test]
fn a_batch_has_a_bound() {
    let mut world = World::new(1 << 30, 3);
    world.publish(1, make(50, 8, 0, 1), F32);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    world.load().expect("fits");
    for _ in 0..7 {
        world.ask(1, 3);
    }
    world.step();
    assert_eq!(world.scheduler.status().batches, 3);
}

#[test]
fn the_set_that_was_asked_for_longest_ago_makes_room() {
    let bytes = F32.bytes(320, 8);
    let mut world = World::new(2 * bytes, 10);
    for set in 1..=3 {
        world.publish(set, make(320, 8, 0, set), F32);
    }
    for set in [1, 2] {
        assert_eq!(world.answer(set), Err(Fallback::Warming));
        assert_eq!(world.load(), Ok(Some(set)));
    }
    assert!(world.answer(1).is_ok());
    assert_eq!(world.answer(3), Err(Fallback::Warming));
    assert_eq!(world.load(), Ok(Some(3)));
    assert!(world.answer(1).is_ok() && world.answer(3).is_ok());
    assert_eq!(world.answer(2), Err(Fallback::Warming));
    assert_eq!((world.scheduler.status().evictions, world.scheduler.status().bytes), (1, 2 * bytes));
}

#[test]
fn a_set_that_is_too_large_is_refused() {
    let mut world = World::new(1000, 10);
    world.publish(1, make(320, 8, 0, 1), F32);
    assert_eq!(world.answer(1), Err(Fallback::TooLarge { needed: 320 * 32, limit: 1000 }));
    assert_eq!(world.load(), Ok(None));
}

#[test]
fn full_memory_of_the_device_refuses_a_set_for_a_while() {
    let mut world = World::new(1 << 30, 10);
    world.publish(1, make(320, 8, 0, 1), F32);
    world.faults.memory.set(1000);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    let full = Fallback::Refused(GpuError::Memory { needed: 320 * 32 });
    assert_eq!(world.load(), Err(full.clone()));
    assert_eq!(world.answer(1), Err(full));
    world.faults.memory.set(0);
    world.now.set(2 * SECOND);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    assert_eq!(world.load(), Ok(Some(1)));
    assert!(world.answer(1).is_ok());
}

#[test]
fn a_lost_device_comes_back() {
    let mut world = World::new(1 << 30, 10);
    world.faults.absent.set(true);
    world.publish(1, make(320, 8, 0, 1), F32);
    let absent = GpuError::NoDevice("it was to be absent".to_owned());
    assert_eq!(world.answer(1), Err(Fallback::Device(absent.clone())));
    assert_eq!(world.scheduler.info(), Err(absent.clone()));
    world.faults.absent.set(false);
    assert_eq!(world.answer(1), Err(Fallback::Device(absent)), "it is left alone for a second");
    world.now.set(SECOND);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    assert_eq!(world.load(), Ok(Some(1)));
    assert!(world.answer(1).is_ok());
    world.faults.lost_after.set(Some(2));
    let (a, b) = (world.ask(1, 3), world.ask(1, 4));
    let replies = world.step();
    assert!(matches!(replies[&a], Err(Fallback::Device(GpuError::Lost(_)))) && replies[&a] == replies[&b]);
    assert_eq!((world.scheduler.status().losses, world.scheduler.status().sets), (1, 0));
    assert_eq!(world.faults.used.get(), 0, "nothing of the lost device is kept");
    world.faults.lost_after.set(None);
    world.now.set(3 * SECOND);
    assert_eq!(world.load(), Ok(Some(1)), "what was there is put there again");
    assert!(world.answer(1).is_ok());
}

#[test]
fn questions_that_come_too_late_or_to_other_versions() {
    let mut world = World::new(1 << 30, 2);
    world.publish(1, make(32, 8, 0, 1), F32);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    world.load().expect("fits");
    let (_, units) = world.published[&1].clone();
    let good = Request { set: 1, version: 1, unit: units.unit(0).to_vec(), k: 3, allowed: None, deadline: None };
    let now = Rc::clone(&world.now);
    *world.faults.on_run.borrow_mut() = Some(Box::new(move || now.set(now.get() + SECOND)));
    let unknown = world.request(Request { set: 7, ..good.clone() }, Rc::clone(&units));
    let other = world.request(Request { version: 2, ..good.clone() }, Rc::clone(&units));
    let soon = Request { deadline: Some(SECOND / 2), ..good.clone() };
    let in_time = world.request(soon.clone(), Rc::clone(&units));
    let slow = world.request(soon.clone(), Rc::clone(&units));
    let late = world.request(Request { deadline: Some(Duration::ZERO), ..soon }, Rc::clone(&units));
    let wrong = world.request(Request { unit: vec![1.0], ..good.clone() }, Rc::clone(&units));
    let replies = world.step();
    assert_eq!(replies[&unknown], Err(Fallback::UnknownSet));
    assert_eq!(replies[&other], Err(Fallback::OtherVersion));
    assert!(replies[&in_time].is_ok());
    assert_eq!(replies[&slow], Err(Fallback::Deadline), "the batch before took a second");
    assert_eq!(replies[&late], Err(Fallback::Deadline));
    assert_eq!(replies[&wrong], Err(Fallback::Refused(GpuError::OtherDimensions { expected: 8, found: 1 })));
    let cancelled = world.request(good, units);
    assert!(world.scheduler.cancel(cancelled) && !world.scheduler.cancel(cancelled));
    world.asked.clear();
    assert!(world.step().is_empty());
    world.scheduler.forget(1);
    let nobody = world.ask(1, 1);
    assert_eq!(world.step()[&nobody], Err(Fallback::UnknownSet));
}

#[test]
fn an_interrupt_ends_a_step_and_a_load() {
    let mut world = World::new(1 << 30, 10);
    world.publish(1, make(32, 8, 0, 1), F32);
    assert_eq!(world.answer(1), Err(Fallback::Warming));
    assert_eq!(world.scheduler.load(&|| Duration::ZERO, &|| true), Err(Fallback::Interrupted));
    assert_eq!(world.load(), Ok(Some(1)));
    let ticket = world.ask(1, 3);
    assert_eq!(world.scheduler.step(&|| Duration::ZERO, &|| true), [(ticket, Err(Fallback::Interrupted))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happens_each_question_gets_one_right_answer(seed in any::<u64>(), memory in 5_000u64..60_000, batch in 1usize..9) {
        let mut random = Random(seed | 1);
        let mut world = World::new(memory, batch);
        let layouts = Dtype::ALL.map(|dtype| Layout { dtype, units: seed.is_multiple_of(2) });
        for set in 1..=4 {
            world.publish(set, make(20 + random.below(200), 1 + random.below(30), random.below(6), seed ^ set), layouts[random.below(3)]);
        }
        for _ in 0..60 {
            let set = 1 + random.below(4) as u64;
            match random.below(14) {
                0..6 => drop(world.ask(set, 1 + random.below(40) as u32)),
                6..9 => drop(world.step()),
                9..11 => drop(world.load()),
                11 => world.publish(set, make(20 + random.below(200), 1 + random.below(30), random.below(6), seed ^ set), layouts[random.below(3)]),
                12 => match random.below(4) {
                    0 => world.faults.absent.set(true),
                    1 => world.faults.lost_after.set(Some(random.below(20) as u64)),
                    2 => world.faults.memory.set(4_000_000 + random.below(1_000_000) as u64),
                    _ => {
                        world.faults.absent.set(false);
                        world.faults.lost_after.set(None);
                        world.faults.memory.set(0);
                    }
                },
                _ => world.now.set(world.now.get() + SECOND / 2),
            }
            prop_assert!(world.scheduler.status().bytes <= memory);
            if random.below(3) == 0 {
                // Versions may change while questions wait: those get a fallback.
                world.step();
            }
        }
        world.step();
        // Once all is well again, each set that fits is answered for.
        world.faults.absent.set(false);
        world.faults.lost_after.set(None);
        world.faults.memory.set(0);
        world.now.set(world.now.get() + 10 * SECOND);
        for set in 1..=4 {
            let mut reply = world.answer(set);
            for _ in 0..8 {
                if reply == Err(Fallback::Warming) {
                    world.load().expect("all is well");
                    reply = world.answer(set);
                }
            }
            match reply {
                Ok(_) => {}
                Err(Fallback::TooLarge { needed, limit }) => prop_assert!(needed > limit),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        let faults = Rc::clone(&world.faults);
        drop(world);
        prop_assert_eq!(faults.used.get(), 0);
    }
}
