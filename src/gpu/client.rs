//! A session's side of the service: it asks, and where no answer comes in time the CPU does it.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Instant;

use gpu_service::protocol::{Answer, Hit, ProtocolError, Request, Search, Status, frame, length, message};
use pgrx::PgSqlErrorCode;

use super::{Number, State, socket};
use crate::pg::guc;
use crate::pg::socket::Line;

thread_local! {
    /// The line of this session, kept for the next question.
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
    /// Whether this session has been told that the CPU does the GPU's work.
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

/// Why the CPU has to search.
#[derive(Debug, thiserror::Error)]
pub enum Fallback {
    /// There is no service.
    #[error("the service of the GPU is {}", .0.text())]
    NotRunning(State),
    /// The vectors are on their way to the GPU.
    #[error("the vectors are not on the GPU yet")]
    NotYet,
    /// The service would not.
    #[error("the GPU refused: {0}")]
    Refused(String),
    /// No answer came in `recommend.gpu_timeout`.
    #[error("the GPU did not answer within recommend.gpu_timeout")]
    TooLate,
    /// The line broke.
    #[error("the service of the GPU hung up: {0}")]
    Broken(String),
}

impl From<io::Error> for Fallback {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::TooLate } else { Self::Broken(error.to_string()) }
    }
}

impl From<ProtocolError> for Fallback {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Io(error) => error.into(),
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Whether a search should be tried on the GPU when it is all the same to the caller.
pub fn is_running() -> bool {
    State::now() == State::Running
}

/// The rows that the GPU finds, for each query.
pub fn search(search: Search) -> Result<Vec<Vec<Hit>>, Fallback> {
    match ask(&Request::Search(search))? {
        Answer::Found(hits) => Ok(hits),
        Answer::NotYet => Err(Fallback::NotYet),
        Answer::Refused(reason) => Err(Fallback::Refused(reason)),
        Answer::Status(_) => Err(Fallback::Broken("it answered another question".into())),
    }
}

/// How the service is.
pub fn status() -> Result<Status, Fallback> {
    match ask(&Request::Status)? {
        Answer::Status(status) => Ok(status),
        _ => Err(Fallback::Broken("it answered another question".into())),
    }
}

/// Counts a search that the CPU does instead, and says so once a session: when the GPU was asked for, or was there before.
pub fn note_fallback(fallback: &Fallback, asked_for: bool) {
    // The first search of a set is no failure.
    if matches!(fallback, Fallback::NotYet) {
        return;
    }
    Number::Fallbacks.increase();
    if (asked_for || !matches!(fallback, Fallback::NotRunning(_))) && !TOLD.replace(true) {
        pgrx::ereport!(
            WARNING,
            PgSqlErrorCode::ERRCODE_WARNING,
            format!("the CPU searches instead of the GPU: {fallback}"),
            "The answer is the same. See recommend.gpu_status; this is said once a session."
        );
    }
}

/// Sends a request and waits for its answer. A line that breaks in a new conversation had been left by a service that is there no more: a new one is
/// tried once.
fn ask(request: &Request) -> Result<Answer, Fallback> {
    match State::now() {
        State::Running => {}
        state => return Err(Fallback::NotRunning(state)),
    }
    let bytes = frame(request)?;
    let deadline = Instant::now() + guc::gpu_timeout();
    // Taken out: after an ERROR in the middle of a conversation the line is closed.
    if let Some(line) = LINE.take()
        && let Ok(answer) = converse(line, &bytes, deadline)
    {
        return Ok(answer);
    }
    converse(Line::connect(&socket())?, &bytes, deadline)
}

fn converse(mut line: Line, bytes: &[u8], deadline: Instant) -> Result<Answer, Fallback> {
    line.send(bytes, deadline)?;
    let mut head = [0; 4];
    line.receive(&mut head, deadline)?;
    let mut body = vec![0; length(&head)?.unwrap_or_default()];
    line.receive(&mut body, deadline)?;
    let answer = message(&body)?;
    LINE.set(Some(line));
    Ok(answer)
}
