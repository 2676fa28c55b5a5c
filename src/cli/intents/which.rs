//! Which intent is meant: by its id, or by its workflow.

use anyhow::bail;
use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use super::api::{Api, Patience, Request};
use super::intent::text;
use crate::cli::output::Usage;
use crate::domain::seed::{holds_seed, looks_like_seed};

/// The most intents of a workflow that are named where one was meant.
const MAX_NAMED: &str = "20";

/// One intent.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// Its id, or its workflow_id
    #[arg(value_name = "ID|WORKFLOW_ID")]
    name: String,
    /// Its method, where the workflow has several
    #[arg(long)]
    method: Option<String>,
}

impl Which {
    /// The intent as it is now.
    ///
    /// # Errors
    /// Where there is none, or more than one.
    pub async fn find(&self, api: &Api) -> anyhow::Result<Value> {
        let name = &self.name;
        if holds_seed(name) || looks_like_seed(name) {
            let detail = "the id is a secret key: it must never be sent; treat it as exposed";
            return Err(Usage(detail.to_owned()).into());
        }
        if let Ok(id) = name.parse::<Uuid>() {
            let request = Request::get(format!("/v1/intents/{id}"));
            match api.ask(&request, Patience::SHORT).await {
                Ok(answer) => return Ok(answer.body),
                // A workflow may be called by a UUID, too.
                Err(error) if error.code() == Some("intent-not-found") => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut request = Request::get("/v1/intents")
            .with("workflow_id", name)
            .with("limit", MAX_NAMED);
        if let Some(method) = &self.method {
            request = request.with("method", method);
        }
        let answer = api.ask(&request, Patience::SHORT).await?;
        match answer.body["items"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
        {
            [] => bail!("there is no intent with the id or workflow_id {name}"),
            [one] => Ok(one.clone()),
            several => {
                let all = several
                    .iter()
                    .map(|one| format!("{} {}", text(one, "/method"), text(one, "/id")));
                bail!(
                    "the workflow {name} has several intents, give the id or --method: {}",
                    all.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    /// The path of the intent.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn path(&self, api: &Api) -> anyhow::Result<String> {
        let intent = self.find(api).await?;
        Ok(format!("/v1/intents/{}", text(&intent, "/id")))
    }
}
