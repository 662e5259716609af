//! Messages survive the way, hostile ones are refused, and each session gets the answer to its own question.
#![allow(missing_docs)]

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use pg_recommend_gpu_service::protocol::{Answer, Hit, Request, Search, Segment, Status, frame, length, message, receive, send};
use pg_recommend_gpu_service::server::{MAX_BATCH, Searcher, listen, serve};
use proptest::prelude::*;

fn segment() -> impl Strategy<Value = Segment> {
    let allowed = prop::collection::vec(any::<u64>(), 0..4);
    (".{0,20}", any::<u64>(), any::<u64>(), allowed).prop_map(|(path, offset, length, allowed)| Segment { path, offset, length, allowed })
}

fn search() -> impl Strategy<Value = Search> {
    let queries = prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 0..40), 0..3);
    (prop::collection::vec(segment(), 0..4), queries, any::<u32>()).prop_map(|(segments, queries, k)| Search { segments, queries, k })
}

proptest! {
    #[test]
    fn messages_survive_the_way(search in search(), also: bool) {
        let mut line = Vec::new();
        let requests = if also { vec![Request::Search(search), Request::Status] } else { vec![Request::Search(search)] };
        requests.iter().for_each(|request| send(&mut line, request).expect("a vector takes all"));
        let mut line = &line[..];
        for request in requests {
            prop_assert_eq!(receive::<Request>(&mut line).expect("well-formed"), Some(request));
        }
        prop_assert_eq!(receive::<Request>(&mut line).expect("at its end"), None);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = receive::<Request>(&mut &bytes[..]);
        let _ = message::<Answer>(&bytes);
        let _ = length(&bytes);
    }

    #[test]
    fn cut_messages_are_errors(search in search(), cut in any::<prop::sample::Index>()) {
        let whole = frame(&Request::Search(search)).expect("short");
        let cut = 1 + cut.index(whole.len() - 1);
        prop_assert!(receive::<Request>(&mut &whole[..cut]).is_err());
    }
}

#[test]
fn lengths_alone_take_no_memory() {
    assert!(receive::<Request>(&mut &u32::MAX.to_le_bytes()[..]).is_err(), "too long");
    assert!(receive::<Request>(&mut &(60u32 << 20).to_le_bytes()[..]).is_err(), "nothing follows");
}

/// Answers with what it was asked; refuses k = 0, and is lost at k = 666.
struct Echo;

impl Searcher for Echo {
    fn search(&mut self, batch: &[Search]) -> Result<Vec<Answer>, String> {
        thread::sleep(Duration::from_millis(2));
        let answer = |search: &Search| match search.k {
            0 => Ok(Answer::Refused("nothing is wanted".into())),
            666 => Err("the device is lost".to_owned()),
            k => Ok(Answer::Found(vec![vec![Hit { segment: search.segments.len() as u32, row: k, score: search.queries[0][0] }]])),
        };
        batch.iter().map(answer).collect()
    }

    fn status(&mut self) -> Status {
        Status { device: "echo".into(), memory: 1000, ..Status::default() }
    }
}

fn socket() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("pg_recommend_service.{}.{number}", std::process::id()))
}

fn ask(stream: &mut UnixStream, k: u32, first: f32) -> Answer {
    let search = Search { segments: Vec::new(), queries: vec![vec![first]], k };
    send(stream, &Request::Search(search)).expect("the service listens");
    receive(stream).expect("the service answers").expect("the service is there")
}

#[test]
fn everybody_gets_the_own_answer_and_what_waits_goes_together() {
    let path = socket();
    let listener = listen(&path).expect("a free path");
    thread::spawn(move || serve(listener, Echo));
    let sessions: Vec<_> = (1..=24u32)
        .map(|session| {
            let path = path.clone();
            thread::spawn(move || {
                let mut stream = UnixStream::connect(path).expect("the service listens");
                for number in 0..20 {
                    let k = session * 1000 + number;
                    let expected = Answer::Found(vec![vec![Hit { segment: 0, row: k, score: session as f32 }]]);
                    assert_eq!(ask(&mut stream, k, session as f32), expected);
                    // Some hang up in the middle of a question.
                    if session % 6 == 0 && number == 10 {
                        send(&mut stream, &Request::Status).expect("the service listens");
                        return;
                    }
                }
                assert!(matches!(ask(&mut stream, 0, 0.0), Answer::Refused(_)));
            })
        })
        .collect();
    sessions.into_iter().for_each(|session| session.join().expect("no session fails"));
    let mut stream = UnixStream::connect(&path).expect("the service listens");
    send(&mut stream, &Request::Status).expect("the service listens");
    let Some(Answer::Status(status)) = receive(&mut stream).expect("the service answers") else { panic!("no status") };
    assert_eq!((status.device.as_str(), status.memory), ("echo", 1000));
    assert_eq!((status.searches, status.refused), (20 * 20 + 4 * 11, 20));
    assert!(status.batches < status.searches / 2 && status.largest_batch > 4, "{status:?}");
    assert!(status.largest_batch as usize <= MAX_BATCH);
    std::fs::remove_file(path).expect("it was made");
}

#[test]
fn a_lost_device_ends_the_service_and_every_session_sees_it() {
    let path = socket();
    let listener = listen(&path).expect("a free path");
    let service = thread::spawn(move || serve(listener, Echo));
    let mut others: Vec<UnixStream> = (0..5).map(|_| UnixStream::connect(&path).expect("the service listens")).collect();
    others.iter_mut().for_each(|stream| assert!(matches!(ask(stream, 1, 0.5), Answer::Found(_))));
    let mut stream = UnixStream::connect(&path).expect("the service listens");
    send(&mut stream, &Request::Search(Search { segments: Vec::new(), queries: vec![vec![0.0]], k: 666 })).expect("the service listens");
    assert!(!matches!(receive::<Answer>(&mut stream), Ok(Some(_))), "no answer comes");
    assert_eq!(service.join().expect("it ends by itself"), "the device is lost");
    for stream in &mut others {
        let sent = send(stream, &Request::Status);
        assert!(sent.is_err() || !matches!(receive::<Answer>(stream), Ok(Some(_))), "no answer comes");
    }
    std::fs::remove_file(path).expect("it was made");
}
