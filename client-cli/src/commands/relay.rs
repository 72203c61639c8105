//! `twiza relay check`: ask a relay what it is.

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;
use serde_json::json;
use twiza_protocol::{AdmissionMode, PROTOCOL_VERSION, RelayAddress};

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Check {
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
}

pub(crate) async fn run(command: Commands, context: &Context<'_>) -> Result<(), Failure> {
    let Commands::Check { address } = command;
    let address: RelayAddress = address.parse()?;
    let connector = context.environment().connector;
    let connection = connector.connect(&address).map_err(twiza_client::ClientError::from)?;
    let describe = connection.describe().await.map_err(twiza_client::ClientError::from)?;
    let speaks_ours = (describe.protocol_min..=describe.protocol_max).contains(&PROTOCOL_VERSION);
    context.output.data(
        || json!({ "address": address, "relay": describe, "compatible": speaks_ours }),
        || {
            let admission = match describe.admission {
                AdmissionMode::Open => "open",
                AdmissionMode::Token => "token",
                _ => "grant",
            };
            let id = if speaks_ours { "relay-good" } else { "relay-incompatible" };
            let days = describe.retention_days.into();
            context.text(id, &[("host", address.host().into()), ("days", days), ("admission", admission.into())])
        },
    );
    Ok(())
}
