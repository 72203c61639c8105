//! `twiza join`: ask to join with an invitation.

use crate::context::Context;
use crate::failure::Failure;
use crate::{render, typed};
use clap::Args;
use serde_json::json;
use std::io::IsTerminal;
use twiza_client::ClientError;
use twiza_client::store::alliances::Status;
use twiza_crypto::invitation::InvitationError;
use twiza_crypto::name::Name;
use zeroize::Zeroizing;

/// Octets of standard input that are read for an invitation; one has a few hundred.
const INVITATION_BYTES_MAX: usize = 8 << 10;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(value_name = "INVITATION")]
    invitation: Option<String>,
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let name = arguments.name.as_deref().map(Name::composed).transpose()?;
    let organisation = arguments.organisation.as_deref().map(Name::composed).transpose()?;
    let invitation = invitation(arguments.invitation, context)?;
    let engine = context.engine().await?;
    let number = engine.join(invitation.trim(), name.as_ref(), organisation.as_ref()).await?;
    let alliance = engine.alliance(number).await?;
    let words = engine.whoami().words;
    context.output.data(
        || json!({ "number": number, "status": alliance.status, "safety_numbers": words.to_string() }),
        || match (alliance.status, &alliance.name) {
            (Status::Active, Some(name)) => context.text("join-member", &[("name", render::line(name).into())]),
            _ => context.text("join-asked", &[("words", render::words(context.language, &words).into())]),
        },
    );
    if alliance.status == Status::Joining {
        context.talk("join-next", &[]);
    }
    engine.close().await;
    Ok(())
}

/// The invitation, from where other users of the machine and the shell's history do not see it, unless it was typed
/// among the arguments.
fn invitation(argument: Option<String>, context: &Context<'_>) -> Result<Zeroizing<String>, Failure> {
    let damaged = |_| ClientError::Invitation(InvitationError::Damaged).into();
    match argument {
        Some(argument) if argument == typed::STANDARD_INPUT => typed::standard_input(INVITATION_BYTES_MAX, damaged),
        Some(argument) => Ok(Zeroizing::new(argument)),
        None if std::io::stdin().is_terminal() => {
            let prompt = format!("{} ", context.text("join-prompt", &[]));
            Ok(Zeroizing::new(rpassword::prompt_password(prompt)?))
        }
        None => Err(Failure::NoInvitation),
    }
}
