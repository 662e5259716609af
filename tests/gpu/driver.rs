//! The device that CUDA drives, over a driver that is a stub (driver.cpp): what is called, in which order, and what becomes of errors.
//!
//! Each of the tests runs one of those under `inside` in a process of its own, whose library path leads to the stub.

use std::path::Path;
use std::process::Command;

use gpu_simulated::DRIVERS;

/// Runs a test of `inside` with a driver and its settings.
fn with_driver(test: &str, driver: Option<&str>, settings: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().expect("a test has a file"));
    command.args(["--exact", &format!("driver::inside::{test}"), "--ignored", "--test-threads=1"]);
    command.env_remove("LD_LIBRARY_PATH").envs(settings.iter().copied());
    if let Some(driver) = driver {
        command.env("LD_LIBRARY_PATH", Path::new(DRIVERS).join(driver));
    }
    let done = command.output().expect("runs");
    let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn searches_are_right() {
    with_driver("searches", Some("stub"), &[]);
    with_driver("searches", Some("stub"), &[("DRIVER_CAPABILITY", "75")]);
}

#[test]
fn what_is_full_or_lost_is_said() {
    with_driver("full", Some("stub"), &[("DRIVER_MEMORY", "2000000")]);
    with_driver("lost", Some("stub"), &[("DRIVER_LOST_AFTER", "3")]);
}

#[test]
fn what_is_no_driver_is_an_error() {
    with_driver("lacking", Some("broken"), &[]);
    with_driver("too_old", Some("stub"), &[("DRIVER_CAPABILITY", "70")]);
}

#[test]
fn gpu_check_runs_and_says_where_there_is_no_gpu() {
    let run = |driver: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu_check"));
        command.env("LD_LIBRARY_PATH", Path::new(DRIVERS).join(driver)).args(["--quick", "--rows", "3000"]);
        command.output().expect("runs")
    };
    let (good, none) = (run("stub"), run("broken"));
    let text = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success() && text.contains("to the bit") && text.contains("| 3000 | int8 | 256 |"), "{text}");
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&none.stderr), "gpu_check: no GPU can be used: libcuda has no cuDeviceGet\n");
}

/// What the tests above run.
mod inside {
    use crate::worlds::{make, oracle};
    use gpu::GpuError;
    use gpu::cuda::{Cuda, CudaDevice};
    use gpu::device::{Device, Query};
    use gpu::layout::{Dtype, Layout};
    use gpu::scheduler::{Fallback, Request, Scheduler, Settings};
    use gpu::source::Source;
    use std::rc::Rc;
    use std::time::Duration;

    const GO_ON: &dyn Fn() -> bool = &|| false;

    #[test]
    #[ignore = "needs the stub"]
    fn searches() {
        let device = CudaDevice::new(Cuda::open(0).expect("a stub")).expect("sound");
        let mut free = Vec::new();
        for dtype in [Dtype::F16, Dtype::F32, Dtype::I8] {
            free.push(device.info().expect("there").free);
            let units = make(6000, 20, 0, 3);
            let mut set = device.upload(Rc::new(units.clone()), Layout { dtype, units: true }, GO_ON).expect("room");
            let allowed: Vec<u64> = (0..6000u64.div_ceil(64)).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            for queries in [1, 3, 130, 1] {
                let query = |row| Query { unit: units.unit(row), k: 15, allowed: (row % 2 == 1).then_some(allowed.as_slice()) };
                let asked: Vec<Query<'_>> = (0..queries).map(query).collect();
                let answers = device.search(&mut set, &asked, GO_ON).expect("works");
                for (query, answer) in asked.iter().zip(answers) {
                    assert_eq!(answer.expect("few ties"), oracle(&units, query), "{dtype:?}");
                }
            }
        }
        // Tensor cores have taken 256 queries at a time, and f32 takes 192.
        let lists = if device.info().expect("there").capability >= 80 { 192 * 16384 * 12 } else { 0 };
        assert_eq!(free[1] - free[2], lists, "what is kept of dropped sets are the lists for so many queries");
    }

    #[test]
    #[ignore = "needs the stub"]
    fn full() {
        let device = CudaDevice::new(Cuda::open(0).expect("a stub")).expect("sound");
        let layout = Layout { dtype: Dtype::F32, units: false };
        let full = device.upload(Rc::new(make(100_000, 8, 0, 1)), layout, GO_ON).err();
        assert_eq!(full, Some(GpuError::Memory { needed: 3_200_000 }));
        let units = make(1000, 8, 0, 1);
        let mut set = device.upload(Rc::new(units.clone()), layout, GO_ON).expect("room");
        let query = Query { unit: units.unit(0), k: 3, allowed: None };
        assert_eq!(device.search(&mut set, &[query], GO_ON).expect("works")[0], Ok(oracle(&units, &query)));
        let four = device.search(&mut set, &[query; 4], GO_ON);
        assert_eq!(four, Err(GpuError::Memory { needed: 4 * 65536 * 12 }), "lists of four do not fit");
        assert_eq!(device.search(&mut set, &[query], GO_ON).expect("works")[0], Ok(oracle(&units, &query)));
    }

    #[test]
    #[ignore = "needs the stub"]
    fn lost() {
        let open = Box::new(|| CudaDevice::new(Cuda::open(0)?));
        let settings = Settings { memory: 1 << 30, retry: Duration::from_secs(1), batch: 8 };
        let mut scheduler = Scheduler::new(settings, open);
        let units = Rc::new(make(500, 8, 0, 1));
        scheduler.publish(1, 1, units.clone(), Layout { dtype: Dtype::F16, units: false });
        let mut ask = |ticket| {
            let unit = units.unit(ticket as u32).to_vec();
            scheduler.ask(ticket, Request { set: 1, version: 1, unit, k: 4, allowed: None, deadline: None });
            let (_, reply) = scheduler.step(&|| Duration::ZERO, GO_ON).remove(0);
            let _ = scheduler.load(&|| Duration::ZERO, GO_ON);
            reply
        };
        assert_eq!(ask(0), Err(Fallback::Warming));
        assert!((1..=3).all(|ticket| ask(ticket).is_ok()));
        let lost = Fallback::Device(GpuError::Lost("CUDA_ERROR_LAUNCH_FAILED".to_owned()));
        assert_eq!((ask(4), ask(5)), (Err(lost.clone()), Err(lost)));
    }

    #[test]
    #[ignore = "needs the stub"]
    fn lacking() {
        assert_eq!(Cuda::open(0).err(), Some(GpuError::NoDevice("libcuda has no cuDeviceGet".to_owned())));
    }

    #[test]
    #[ignore = "needs the stub"]
    fn too_old() {
        assert_eq!(Cuda::open(0).err(), Some(GpuError::NoDevice("compute capability 7.0 is below 7.5".to_owned())));
    }
}
