//! The threads that search a set.

use std::cell::RefCell;
use std::rc::Rc;

use rayon::ThreadPool;

use super::error::{Result, VectorsError};
use crate::pg::{guc, threads};

thread_local! {
    static POOL: RefCell<Option<Rc<ThreadPool>>> = const { RefCell::new(None) };
}

/// As many as `recommend.topk_threads` says; `None` for this process' own one alone.
pub fn pool() -> Result<Option<Rc<ThreadPool>>> {
    let wanted = guc::topk_threads();
    POOL.with_borrow_mut(|pool| {
        if wanted < 2 {
            *pool = None;
        } else if pool.as_ref().is_none_or(|pool| pool.current_num_threads() != wanted) {
            *pool = Some(Rc::new(threads::pool(wanted).map_err(|error| VectorsError::Threads(error.to_string()))?));
        }
        Ok(pool.clone())
    })
}
