//! `twiza requests`: see who asks to join.

use crate::arguments::InAlliance;
use crate::context::Context;
use crate::failure::Failure;
use crate::look_alike::{Crowd, listed};
use crate::render;
use crate::wrap::INDENT;
use serde_json::json;
use twiza_client::engine::JoinRequestView;

pub(crate) async fn run(alliance: InAlliance, context: &Context<'_>) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let number = context.alliance(&engine, &alliance).await?;
    context.refresh(&engine, number).await?;
    let requests = engine.requests(number).await?;
    let members = engine.members(number).await?;
    let crowd = Crowd::of(&members);
    let alike = |request: &JoinRequestView| crowd.like(&request.person.name);
    context.output.people(
        || {
            let requests = requests.iter().map(
                |request| json!({ "number": request.number, "person": request.person, "safety_numbers": request.words.to_string(), "looks_like": alike(request) }),
            );
            json!({ "requests": requests.collect::<Vec<_>>() })
        },
        || {
            let line = |request: &JoinRequestView| {
                let person = render::person(context.language, &request.person);
                let words = render::words(context.language, &request.words);
                let number = request.number.to_string();
                let line = context.text(
                    "request-line",
                    &[("number", number.into()), ("person", person.into()), ("words", words.into())],
                );
                match alike(request).as_slice() {
                    [] => line,
                    members => {
                        let told = context.text("request-alike", &[("numbers", listed(members).into())]);
                        format!("{line}\n{INDENT}{told}")
                    }
                }
            };
            requests.iter().map(line).collect::<Vec<_>>().join("\n")
        },
    );
    context.talk(if requests.is_empty() { "requests-none" } else { "requests-next" }, &[]);
    engine.close().await;
    Ok(())
}
