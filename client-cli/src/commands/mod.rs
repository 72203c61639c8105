//! The commands, one a file.

pub(crate) mod alliance;
pub(crate) mod approve;
pub(crate) mod decline;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod kit;
mod leave;
mod members;
pub(crate) mod motion;
pub(crate) mod read;
pub(crate) mod reboot;
mod rejoin;
pub(crate) mod relay;
pub(crate) mod remove;
mod requests;
pub(crate) mod role;
pub(crate) mod rotate;
pub(crate) mod rules;
pub(crate) mod send;
pub(crate) mod verify;
mod watch;
mod whoami;

use crate::arguments::Commands;
use crate::context::Context;
use crate::failure::Failure;

/// Runs what the user typed.
pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Commands::Init(arguments) => init::run(arguments, context).await,
        Commands::Whoami => whoami::run(context).await,
        Commands::Relay(command) => relay::run(command, context).await,
        Commands::Alliance(command) => alliance::run(command, context).await,
        Commands::Invite(arguments) => invite::run(arguments, context).await,
        Commands::Join(arguments) => join::run(arguments, context).await,
        Commands::Requests(alliance) => requests::run(alliance, context).await,
        Commands::Approve(arguments) => approve::run(arguments, context).await,
        Commands::Decline(arguments) => decline::run(arguments, context).await,
        Commands::Send(arguments) => send::run(arguments, context).await,
        Commands::Read(arguments) => read::run(arguments, context).await,
        Commands::Watch(alliance) => watch::run(alliance, context).await,
        Commands::Members(alliance) => members::run(alliance, context).await,
        Commands::Role(arguments) => role::run(arguments, context).await,
        Commands::Remove(arguments) => remove::run(arguments, context).await,
        Commands::Motion(command) => motion::run(command, context).await,
        Commands::Rules(command) => rules::run(command, context).await,
        Commands::Leave(alliance) => leave::run(alliance, context).await,
        Commands::Rotate(arguments) => rotate::run(arguments, context).await,
        Commands::Rejoin(alliance) => rejoin::run(alliance, context).await,
        Commands::Reboot(arguments) => reboot::run(arguments, context).await,
        Commands::Kit(command) => kit::run(command, context).await,
        Commands::Verify(arguments) => verify::run(arguments, context).await,
    }
}
