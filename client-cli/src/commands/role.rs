//! `twiza role`: give somebody another role.

use super::motion;
use crate::arguments::InAlliance;
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::language::Language;
use crate::{render, typed};
use clap::Args;
use fluent_bundle::FluentValue;
use serde_json::json;
use twiza_crypto::alliance::Role;

/// Roles, and their names for scripts.
const ROLES: [(Role, &str); 3] =
    [(Role::Observer, "observer"), (Role::Member, "member"), (Role::Organiser, "organiser")];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    alliance: InAlliance,
    #[arg(value_name = "MEMBER")]
    member: String,
    #[arg(value_name = "ROLE")]
    role: String,
    #[arg(short, long)]
    yes: bool,
}

/// The role that was typed, and its name for scripts: by that name, or as it is called in any language that there is.
pub(crate) fn parse(text: &str) -> Result<(Role, &'static str), Failure> {
    let wanted = typed::composed(text.trim()).to_lowercase();
    let languages: Vec<_> = Language::codes().map(Language::named).collect();
    let is_meant = |name: &str| {
        let id = format!("role-typed-{name}");
        let is_word = |language: &Language| language.text(&id, &[]).split_whitespace().any(|word| word == wanted);
        name == wanted || languages.iter().any(is_word)
    };
    ROLES.into_iter().find(|(_, name)| is_meant(name)).ok_or_else(|| Failure::UnknownRole(text.to_owned()))
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let (role, role_name) = parse(&arguments.role)?;
    let engine = context.engine().await?;
    let alliance = context.alliance(&engine, &arguments.alliance).await?;
    context.refresh(&engine, alliance).await?;
    let member = typed::composed(&arguments.member);
    let now = engine.find_member(alliance, &member).await?;
    if now.own && role < now.role {
        let shown = |name| FluentValue::from(render::role(context.language, name));
        let question = context.text("role-own-question", &[("from", shown(now.role_name())), ("to", shown(role_name))]);
        confirm(context, &question, arguments.yes)?;
    }
    let changed = engine.set_role(alliance, &member, role).await;
    if motion::is_asked_for(&changed) {
        let action = engine.new_role(alliance, &member, role).await?;
        motion::propose(context, &engine, alliance, action).await?;
        engine.close().await;
        return Ok(());
    }
    let name = context.or_waiting(&engine, alliance, changed).await?;
    context.output.data(
        || json!({ "member": name, "role": role_name }),
        || {
            let shown = render::role(context.language, role_name);
            context.text("role-done", &[("name", render::line(&name).into()), ("role", shown.into())])
        },
    );
    engine.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Language, ROLES, parse, render};

    #[test]
    fn a_role_is_understood_as_it_is_shown_and_by_its_name_for_scripts() {
        for code in ["en", "fr"] {
            let language = Language::named(code);
            for (role, name) in ROLES {
                for typed in [name.to_owned(), name.to_uppercase(), render::role(&language, name)] {
                    assert_eq!(parse(&typed).ok(), Some((role, name)), "{code}: {typed}");
                }
            }
            for wrong in ["king", "", "membre membre"] {
                assert!(parse(wrong).is_err(), "{code}: {wrong}");
            }
        }
        assert!(parse("Organisatrice").is_ok(), "whatever language the program speaks");
    }
}
