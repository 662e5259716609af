//! The service's side: one thread for each session, and one that owns the device and takes whatever waits as one batch.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{Answer, Request, Search, Status, receive, send};

/// The most searches that are answered at once.
pub const MAX_BATCH: usize = 256;

/// The stack of a session's thread: it holds a message's length and little else.
const STACK: usize = 256 << 10;

/// What owns the device.
pub trait Searcher {
    /// Answers searches, each by itself, in their order. An error says that the device is lost: nothing more is asked.
    fn search(&mut self, batch: &[Search]) -> Result<Vec<Answer>, String>;
    /// What is to be done while nobody waits, a piece of it; false when there is nothing.
    fn idle(&mut self) -> bool {
        false
    }
    /// The device and its memory; the counts are the server's.
    fn status(&mut self) -> Status;
}

/// A request on its way, and where its answer goes.
struct Job {
    request: Request,
    reply: SyncSender<Answer>,
}

/// Serves sessions until the device is lost or nobody can come any more. Gives the reason.
pub fn serve(listener: UnixListener, mut searcher: impl Searcher) -> String {
    let (jobs, waiting) = channel::<Job>();
    let accepting = thread::Builder::new().name("accept".into()).spawn(move || accept(&listener, &jobs));
    if let Err(error) = accepting {
        return format!("no thread could be started: {error}");
    }
    work(&waiting, &mut searcher)
}

/// Gives each session that comes a thread.
fn accept(listener: &UnixListener, jobs: &Sender<Job>) {
    for stream in listener.incoming() {
        let jobs = jobs.clone();
        let session = |stream: UnixStream| thread::Builder::new().stack_size(STACK).spawn(move || converse(stream, &jobs)).map(drop);
        // Where no thread or file is left, the session sees its line closed and searches by itself.
        if let Err(error) = stream.and_then(session) {
            eprintln!("a session was turned away: {error}");
            thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// Passes the requests of one session on, one after the other, until it hangs up or says what makes no sense.
fn converse(mut stream: UnixStream, jobs: &Sender<Job>) {
    while let Ok(Some(request)) = receive::<Request>(&mut stream) {
        let (reply, answer) = sync_channel(1);
        if jobs.send(Job { request, reply }).is_err() {
            return;
        }
        let Ok(answer) = answer.recv() else { return };
        if send(&mut stream, &answer).is_err() {
            return;
        }
    }
}

/// Answers requests by batches.
fn work(waiting: &Receiver<Job>, searcher: &mut dyn Searcher) -> String {
    let (mut searches, mut batches, mut largest, mut refused, mut busy) = (0u64, 0u64, 0u32, 0u64, Duration::ZERO);
    loop {
        let first = match waiting.try_recv() {
            Ok(first) => first,
            Err(TryRecvError::Empty) if searcher.idle() => continue,
            Err(TryRecvError::Empty) => match waiting.recv() {
                Ok(first) => first,
                Err(_) => break,
            },
            Err(TryRecvError::Disconnected) => break,
        };
        let (mut batch, mut replies) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(waiting.try_iter()).take(MAX_BATCH) {
            match job.request {
                Request::Search(search) => {
                    batch.push(search);
                    replies.push(job.reply);
                }
                Request::Status => {
                    let busy = busy.as_micros() as u64;
                    let status = Status { searches, batches, largest_batch: largest, refused, busy, ..searcher.status() };
                    // Who has hung up meanwhile wants no answer.
                    let _ = job.reply.send(Answer::Status(status));
                }
            }
        }
        if batch.is_empty() {
            continue;
        }
        let begun = Instant::now();
        let answers = match searcher.search(&batch) {
            Ok(answers) if answers.len() == batch.len() => answers,
            Ok(answers) => return format!("{} answers to {} searches", answers.len(), batch.len()),
            Err(reason) => return reason,
        };
        busy += begun.elapsed();
        batches += 1;
        largest = largest.max(batch.len() as u32);
        for (answer, reply) in answers.into_iter().zip(replies) {
            if matches!(answer, Answer::Found(_)) {
                searches += 1;
            } else {
                refused += 1;
            }
            let _ = reply.send(answer);
        }
    }
    "nobody can come any more".into()
}

/// Listens at a path, in place of whoever listened there before.
pub fn listen(path: &std::path::Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}
