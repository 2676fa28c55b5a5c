//! Horizon without a network: the sandbox's own routes, called in place, and what a network does to questions and answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::life::Life;
use super::odd;
use super::oracle::Oracle;
use super::plan::small;
use super::told;
use crate::domain::observation::{Unknown, UnknownKind};
use crate::horizon::{Answer, Call, Line};
use crate::sandbox::Faults;
use crate::sandbox::faults::DelayLedgers;
use crate::sandbox::node::Node;
use crate::sandbox::{Link, router};

/// What ails a Horizon for some ledgers.
#[derive(Default)]
pub struct Ailments {
    /// The ledger at which it stands still, and the one from which on it goes on; 0 for none.
    stuck: (AtomicU32, AtomicU32),
    /// The first ledger at which it shows accounts again.
    rebuilt: AtomicU32,
}

impl Ailments {
    /// It stands still at one ledger until another has closed.
    pub fn stand_still(&self, at: u32, until: u32) {
        self.stuck.0.store(at, Ordering::Relaxed);
        self.stuck.1.store(until, Ordering::Relaxed);
    }

    /// Its state is built anew: until a ledger has closed it may show no account.
    pub fn rebuild(&self, until: u32) {
        self.rebuilt.store(until, Ordering::Relaxed);
    }

    /// Ledgers that it is behind at least, when this is the newest one.
    fn behind(&self, newest: u32) -> u32 {
        let (at, until) = (
            self.stuck.0.load(Ordering::Relaxed),
            self.stuck.1.load(Ordering::Relaxed),
        );
        if newest < until {
            newest.saturating_sub(at)
        } else {
            0
        }
    }

    fn is_rebuilding(&self, newest: u32) -> bool {
        newest < self.rebuilt.load(Ordering::Relaxed)
    }
}

/// The network: core, and the Horizons before it.
#[derive(Clone)]
pub struct Network {
    /// Core and ledger.
    pub node: Arc<Node>,
    routes: Router,
    /// Sees everything that is sent.
    pub oracle: Oracle,
    /// What ails each Horizon.
    pub ailments: Arc<[Ailments; 2]>,
}

/// One Horizon of it, as one daemon reaches it.
pub struct Replica {
    network: Network,
    life: Life,
    name: &'static str,
    /// Which of them it is.
    place: usize,
    /// Ledgers that it lags at most.
    lag: u32,
}

struct Delivered {
    answer: Answer,
    cut: bool,
}

impl Network {
    /// A network around this core.
    pub fn new(node: Arc<Node>, oracle: Oracle) -> Self {
        let routes = router(Arc::clone(&node));
        Self {
            node,
            routes,
            oracle,
            ailments: Arc::default(),
        }
    }

    /// One of its Horizons for one life of a daemon.
    pub fn replica(&self, life: Life, name: &'static str, place: usize, lag: u32) -> Replica {
        Replica {
            network: self.clone(),
            life,
            name,
            place,
            lag,
        }
    }

    /// The newest ledger.
    pub fn newest(&self) -> u32 {
        self.node.core().ledger().sequence()
    }

    /// A request that arrives, with the fault that it meets.
    async fn deliver(
        &self,
        target: &str,
        form: Option<String>,
        faults: Faults,
        least_lag: u32,
    ) -> Option<Delivered> {
        if let Some(envelope) = form.as_deref().and_then(envelope) {
            self.oracle.posted(&envelope);
        }
        // Drawn as the first thing that the routes do, before anything else can run.
        self.node.set_faults(faults);
        self.node.set_least_lag(least_lag);
        let link = Link::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut request = match &form {
            Some(_) => Request::post(target)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            None => Request::get(target),
        };
        request = request
            .header(header::HOST, "horizon")
            .header(header::ACCEPT, "application/json")
            .extension(ConnectInfo(link.clone()));
        let request = request
            .body(form.map_or_else(Body::empty, Body::from))
            .expect("path and query are ASCII");
        let response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some(Delivered {
            answer: Answer::new(parts.status.as_u16(), &parts.headers, Some(body)),
            cut: link.is_cut(),
        })
    }
}

fn unknown(kind: UnknownKind, detail: &str) -> Unknown {
    Unknown {
        kind,
        status: None,
        detail: detail.to_owned(),
        retry_after: None,
    }
}

impl Replica {
    /// What core and Horizon do to this request.
    fn faults(&self, is_post: bool) -> Faults {
        let (dice, rates) = (&self.life.dice, &self.life.rates);
        let mut faults = Faults {
            seed: dice.below(u64::MAX),
            ..Faults::default()
        };
        let sure = |fault: &mut f64, what, rate| {
            let strikes = dice.strikes(what, rate);
            *fault = if strikes { 1.0 } else { 0.0 };
            strikes
        };
        if is_post {
            // One of them: the first that strikes.
            let missed = sure(
                &mut faults.lose_answer_before,
                "POST lost before core",
                rates.lost_before,
            ) || sure(&mut faults.answer_503, "503 to a POST", rates.unavailable);
            let _ = missed
                || sure(&mut faults.answer_504, "504 to a POST", rates.timeout)
                || sure(
                    &mut faults.lose_answer_after,
                    "answer to a POST lost",
                    rates.lost_after,
                )
                || sure(
                    &mut faults.late_bad_seq,
                    "false tx_bad_seq",
                    rates.late_bad_seq,
                );
            // Of what core has taken.
            if !missed
                && !sure(
                    &mut faults.never_land,
                    "forgotten by core",
                    rates.never_land,
                )
                && dice.strikes("held back by core", rates.delayed)
            {
                faults.delay_ledgers = DelayLedgers { rate: 1.0, max: 8 };
            }
        }
        sure(&mut faults.cut_body, "cut body", rates.cut);
        faults
    }

    /// Ledgers that it shows fewer than there are.
    fn lag(&self, is_post: bool, newest: u32) -> u32 {
        let dice = &self.life.dice;
        let least = self.network.ailments[self.place].behind(newest);
        if !is_post && self.lag > 0 && dice.strikes("lagging read", 0.4) {
            least.max(small(dice, 1, self.lag))
        } else {
            least
        }
    }

    async fn ask(&self, call: &Call<'_>) -> Result<Answer, Unknown> {
        let (dice, rates) = (&self.life.dice, &self.life.rates);
        if dice.strikes("unreachable", rates.unreachable) {
            return Err(unknown(UnknownKind::Unreachable, "no connection"));
        }
        let target = target(call);
        let form = call.form.map(|form| {
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form)
                .finish()
        });
        if let Some(envelope) = form.as_deref().and_then(envelope) {
            self.network.oracle.on_its_way(&envelope);
        }
        if dice.strikes("429", rates.limited) {
            let mut answer = Answer::new(429, &axum::http::HeaderMap::new(), Some(Vec::new()));
            answer.retry_after = Some(Duration::from_secs(dice.between(1, 10)));
            return Ok(answer);
        }
        let mut way = Duration::from_millis(dice.between(1, 30));
        if dice.strikes("slow", rates.slow) {
            way = Duration::from_millis(dice.between(500, 30_000));
        }
        if dice.strikes("silent", rates.slow / 5.0) {
            way = Duration::from_millis(dice.between(30_000, 120_000));
        }
        let faults = self.faults(form.is_some());
        let newest = self.network.newest();
        let least_lag = self.lag(form.is_some(), newest);
        let is_rebuilding = self.network.ailments[self.place].is_rebuilding(newest);
        if form.is_some() && dice.strikes("POST repeated", rates.repeated) {
            let (network, form, target) = (self.network.clone(), form.clone(), target.clone());
            let later = way + Duration::from_millis(dice.between(100, 60_000));
            tokio::spawn(async move {
                tokio::time::sleep(later).await;
                network.deliver(&target, form, Faults::default(), 0).await;
            });
        }
        if way > call.deadline {
            let network = self.network.clone();
            // It arrives all the same, when nobody waits for it any more.
            tokio::spawn(async move {
                tokio::time::sleep(way).await;
                network.deliver(&target, form, faults, least_lag).await;
            });
            tokio::time::sleep(call.deadline).await;
            return Err(unknown(UnknownKind::Deadline, "no whole answer in time"));
        }
        tokio::time::sleep(way).await;
        let asked = self.network.deliver(&target, form, faults, least_lag);
        let Ok(delivered) = tokio::time::timeout(call.deadline, asked).await else {
            return Err(unknown(UnknownKind::Deadline, "no whole answer in time"));
        };
        let Some(Delivered { mut answer, cut }) = delivered else {
            return Err(unknown(UnknownKind::Cut, "the answer was cut"));
        };
        if let Some(name) = told::name(&answer, call.form.is_some()) {
            dice.count(name);
        }
        if cut {
            return Err(unknown(UnknownKind::Cut, "the connection was cut"));
        }
        if is_rebuilding
            && odd::is_account(call)
            && dice.aims(0.5)
            && odd::hide_account(&mut answer)
        {
            dice.struck("account hidden");
        }
        if call.form.is_none()
            && dice.aims(rates.left_out)
            && odd::leave_out(&mut answer, call, dice)
        {
            dice.struck("history leaves one out");
        }
        if dice.strikes("odd answer", rates.odd) {
            odd::answer(&mut answer, call.form.is_some(), dice);
        }
        if dice.strikes("garbage", rates.garbage) {
            answer.body = Some(b"<html>Bad Gateway</html>".to_vec());
            answer.status = if dice.chance(0.5) { 502 } else { 200 };
            answer.latest_ledger = None;
        }
        Ok(answer)
    }
}

/// The envelope in a form.
fn envelope(form: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form.as_bytes());
    fields
        .find(|(name, _)| name == "tx")
        .map(|(_, envelope)| envelope.into_owned())
}

/// Path and query.
fn target(call: &Call<'_>) -> String {
    let mut target = String::new();
    for segment in call.path {
        target.push('/');
        target.push_str(segment);
    }
    if target.is_empty() {
        target.push('/');
    }
    if !call.query.is_empty() {
        target.push('?');
        target.push_str(
            &form_urlencoded::Serializer::new(String::new())
                .extend_pairs(
                    call.query
                        .iter()
                        .map(|(name, value)| (*name, value.as_str())),
                )
                .finish(),
        );
    }
    target
}

#[async_trait]
impl Line for Replica {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    async fn call(&self, call: Call<'_>) -> Result<Answer, Unknown> {
        self.life.pass("killed before a request").await;
        let answer = self.ask(&call).await;
        self.life.pass("killed after a request").await;
        let what = match &answer {
            Ok(answer) => answer.status.to_string(),
            Err(unknown) => format!("{:?}", unknown.kind),
        };
        self.life.dice.note(format_args!(
            "{} {} {} {}: {what}",
            self.life.name,
            self.name,
            if call.form.is_some() { "POST" } else { "GET" },
            target(&call)
        ));
        answer
    }
}
