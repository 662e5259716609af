//! Bytes as packed rows: whatever passes the check can be read, changed and written without a panic.
#![no_main]

use engine::decay::HalfLife;
use engine::packed::{
    EdgesView, FeaturesView, History, HistoryView, Neighbors, NeighborsView, Session, SessionView, UserInterest, Visits, VisitsView, validate,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let valid = validate(bytes).is_ok();
    let half_life = HalfLife::from_micros(86_400_000_000).expect("positive");
    let mut read = false;
    if let Ok(view) = HistoryView::parse(bytes) {
        read = true;
        let _ = History::from_view(&view, half_life).to_bytes();
    }
    if let Ok(view) = NeighborsView::parse(bytes) {
        read = true;
        let _ = view.landmark(half_life).loss(0);
        let _ = Neighbors::from_view(&view, half_life).to_bytes();
    }
    if let Ok(view) = VisitsView::parse(bytes) {
        read = true;
        let _ = Visits::from_view(&view).to_bytes();
    }
    if let Ok(view) = SessionView::parse(bytes) {
        read = true;
        let _ = Session::from_view(&view).to_bytes();
    }
    read |= EdgesView::parse(bytes).is_ok();
    read |= FeaturesView::parse(bytes).is_ok();
    if let Ok(interest) = UserInterest::parse(bytes) {
        read = true;
        let _ = interest.to_bytes();
    }
    assert!(!valid || read, "what is valid can be read");
});
