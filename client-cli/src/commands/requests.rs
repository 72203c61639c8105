//! `twiza requests`: see who asks to join.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::render;
use serde_json::json;

pub(crate) async fn run(alliance: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &alliance).await?;
    context.refresh(&engine, number).await?;
    let requests = engine.requests(number).await?;
    context.output.data(
        || {
            let requests = requests.iter().map(
                |request| json!({ "number": request.number, "person": request.person, "safety_numbers": request.words.to_string() }),
            );
            json!({ "requests": requests.collect::<Vec<_>>() })
        },
        || {
            let line = |request: &twiza_client::engine::JoinRequestView| {
                let person = render::person(context.language, &request.person);
                let words = render::words(context.language, &request.words);
                let number = request.number.to_string();
                context.text("request-line", &[("number", number.into()), ("person", person.into()), ("words", words.into())])
            };
            requests.iter().map(line).collect::<Vec<_>>().join("\n")
        },
    );
    context.talk(if requests.is_empty() { "requests-none" } else { "requests-next" }, &[]);
    engine.close().await;
    Ok(())
}
