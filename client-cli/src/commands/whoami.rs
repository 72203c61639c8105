//! `twiza whoami`: who this profile is.

use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use serde_json::json;
use twiza_client::engine::Whoami;

pub(crate) async fn run(context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let Whoami { name, organisation, words, .. } = engine.whoami();
    let list = words.words(context.language.word_language());
    context.output.data(
        || json!({ "name": name, "organisation": organisation, "safety_words": list, "safety_numbers": words.to_string() }),
        || {
            let shown = render::words(context.language, &words);
            context.text(
                "whoami",
                &[("name", name.clone().into()), ("organisation", organisation.clone().into()), ("words", shown.into())],
            )
        },
    );
    engine.close().await;
    Ok(())
}
