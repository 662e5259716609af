//! The trainer.
use pg_recommend_engine::train::*;
#[test]
fn smoke() {
    let columns = vec![Column { name: "a".into(), kind: Kind::Text }, Column { name: "x".into(), kind: Kind::Number }];
    let mut log = MemoryLog::default();
    let mut encoder = Encoder::new(columns, Spec::default()).unwrap();
    for i in 0..2000u32 {
        let t = ["p", "q", "r"][i as usize % 3];
        encoder
            .push(&mut log, &[Cell::Text(t), Cell::Number(i as f64 % 7.0)], Some(f64::from(u32::from((i % 3 == 0) ^ (i % 7 > 3)))))
            .unwrap();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let encoded = encoder.finish(&mut log).unwrap();
    let t = train(&mut log, encoded, &pool, &|| Ok(())).unwrap();
    println!("{:?} {:?}", t.report(), t.predict(&[Cell::Text("p"), Cell::Missing]));
}
