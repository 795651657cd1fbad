//! A receiver of moves that listens on this machine, and a sweep on fakes whose job tells it.

use domain::background_job::BackgroundJob;
use domain::ports::FetchedProfile;
use domain::profile::Profile;
use domain::read_profile::read_profile;
use domain::services::Services;
use domain::sweep_accounts::{TurnObserver, Worker, sweep_accounts};
use domain::turn::TurnReport;
use report_moves::{Receiver, ReportMoves};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use test_support::{Fakes, sample};
use time::Duration;
use tokio::sync::Notify;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};
use wiring::Environment;

/// The sweep's time between two turns, as the fakes have it.
pub(crate) const INTERVAL: Duration = Duration::hours(1);

/// An HTTP server that takes moves and keeps what it was told.
pub(crate) struct Moves {
    server: MockServer,
    answers: Answers,
}

/// A request for a move: its `Idempotency-Key` and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// Prepared answers, then 204.
#[derive(Clone, Default)]
struct Answers {
    next: Arc<Mutex<VecDeque<ResponseTemplate>>>,
    asked: Arc<Notify>,
}

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let answer = self.next.lock().unwrap().pop_front();
        self.asked.notify_one();
        answer.unwrap_or_else(|| ResponseTemplate::new(204))
    }
}

impl Moves {
    pub(crate) async fn start() -> Self {
        let (server, answers) = (MockServer::start().await, Answers::default());
        let mock = Mock::given(method("POST")).and(path("/hooks/moves")).respond_with(answers.clone());
        mock.mount(&server).await;
        Self { server, answers }
    }

    pub(crate) fn answer_next(&self, answer: ResponseTemplate) {
        self.answers.next.lock().unwrap().push_back(answer);
    }

    /// Returns once a request has come in since the last call of this.
    pub(crate) async fn until_asked(&self) {
        self.answers.asked.notified().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/hooks/moves", self.server.uri())
    }

    pub(crate) fn receiver(&self) -> Receiver {
        let environment: Environment = [("MOVES_URL", self.url())].into_iter().collect();
        Receiver::from_environment(&environment, outbound_http::client().unwrap()).unwrap()
    }

    /// All that came in, taken or not.
    pub(crate) async fn told(&self) -> Vec<Told> {
        let requests = self.server.received_requests().await.unwrap();
        let told = requests.into_iter().map(|request| Told {
            key: request.headers["idempotency-key"].to_str().unwrap().to_owned(),
            body: serde_json::from_slice(&request.body).unwrap(),
        });
        told.collect()
    }
}

/// The whole outside world in memory but for the receiver.
pub(crate) struct Fixture {
    pub(crate) fakes: Fakes,
    pub(crate) moves: Moves,
}

impl Fixture {
    /// User 1 was here, has gone away, and had a first turn.
    pub(crate) async fn after_a_first_turn() -> Self {
        let mut fixture = Self { fakes: Fakes::default(), moves: Moves::start().await };
        fixture.use_job(ReportMoves::new(&fixture.fakes.services, fixture.moves.receiver()));
        let caller = sample::caller(1, sample::NOW);
        read_profile(&fixture.fakes.services, &caller, None).await.unwrap();
        fixture.fakes.clock.advance(Duration::seconds(31));
        assert_eq!(fixture.sweep().await.len(), 1);
        fixture.fakes.clock.advance(INTERVAL);
        fixture
    }

    pub(crate) fn use_job(&mut self, job: impl BackgroundJob + 'static) {
        self.fakes.services.job = Arc::new(job);
    }

    /// From now on Graph has this profile of the user.
    pub(crate) fn change(&self, profile: Profile) {
        self.fakes
            .profiles
            .respond_with(move |_| Ok(FetchedProfile { profile: profile.clone(), etag: None }));
    }

    /// A sweep of all that is due; the turns.
    pub(crate) async fn sweep(&self) -> Vec<TurnReport> {
        sweep(&self.fakes.services, "a worker").await
    }

    /// The profile as the last turn left it.
    pub(crate) async fn kept(&self) -> Profile {
        let record = self.fakes.services.store.load(&sample::account(1)).await.unwrap();
        record.profile.unwrap().profile
    }
}

/// User 1, in another department.
pub(crate) fn in_department(department: &str) -> Profile {
    Profile { department: Some(department.to_owned()), ..sample::profile(1) }
}

pub(crate) async fn sweep(services: &Services, worker: &str) -> Vec<TurnReport> {
    let turns = Turns::default();
    let worker = Worker { id: worker.to_owned(), stop_at: None, deadline: None };
    sweep_accounts(services, &worker, &turns).await.unwrap();
    turns.0.into_inner().unwrap()
}

#[derive(Default)]
struct Turns(Mutex<Vec<TurnReport>>);

impl TurnObserver for Turns {
    fn turn_ended(&self, report: &TurnReport) {
        self.0.lock().unwrap().push(report.clone());
    }
}
