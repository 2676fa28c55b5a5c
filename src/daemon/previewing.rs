//! Previews for the API, made as the engine would.

use async_trait::async_trait;

use crate::api::{PreviewUnavailable, Previewer};
use crate::domain::intent::Request;
use crate::domain::preview::Preview;
use crate::worker::{PreviewError, Previewing};

#[async_trait]
impl Previewer for Previewing {
    async fn preview(
        &self,
        tenant: &str,
        request: &Request,
    ) -> Result<Preview, PreviewUnavailable> {
        let preview = Self::preview(self, tenant, request).await;
        preview.map_err(|error| match error {
            PreviewError::Network(detail) => PreviewUnavailable::Network(detail),
            PreviewError::TooMany(wait) => PreviewUnavailable::TooMany(wait),
            PreviewError::Store(error) => PreviewUnavailable::Store(error),
        })
    }
}
